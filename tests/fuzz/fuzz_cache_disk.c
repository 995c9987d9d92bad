/*
 * Files of the disk tier: the input is what stands in one. Whatever it is, nothing beyond it is
 * read; what is taken for a record, an entry or a head is written again as it was.
 */
#include "tests/fuzz/require.h"

#include "proxy/cache/cache_disk_format.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct siphash_key key = {.k0 = 1, .k1 = 2};

/* Without a body: the sums of one can't be made of what is here. */
static void
try_record(struct slice in)
{
	struct disk_extent extent;
	struct disk_record r;
	struct buf copy, again;
	uint64_t sum;

	(void)disk_record_find(in);
	if (disk_record_measure(in, &extent) < 0 || extent.meta > in.n || extent.body > 0)
		return;
	buf_init(&copy, DISK_META_MAX);
	buf_init(&again, DISK_META_MAX);
	REQUIRE(buf_append(&copy, in.p, extent.meta) == 0);
	/* The sum made right: what is behind it counts. */
	sum = htole64(siphash(&key, slice_head(buf_slice(&copy), extent.meta - DISK_SUM)));
	memcpy(copy.data + extent.meta - DISK_SUM, &sum, sizeof(sum));
	REQUIRE(disk_record_read(&key, buf_slice(&copy), &r) == 0);
	REQUIRE(disk_body_is_right(&key, buf_slice(&copy), (struct slice){0}));
	REQUIRE(disk_record_write(&key, &r, (struct slice){0}, &again) == 0);
	REQUIRE(buf_len(&again) == extent.meta);
	REQUIRE(disk_record_read(&key, buf_slice(&again), &r) == 0);
	(void)disk_kill_matches(r.kind, r.url, r.url, r.tags);
	disk_record_grow_old(&r, 1, r.came_wall_ms, 5, 7);
	REQUIRE(r.terms.born_s >= 0 && r.terms.born_s <= CACHE_SECONDS_MAX);
	buf_clear(&copy);
	buf_clear(&again);
}

static void
try_entries(struct slice in)
{
	struct slice rest = in;
	struct disk_record r;
	uint64_t offset;
	struct buf b;

	buf_init(&b, DISK_FOOTER_MAX);
	while (disk_entry_next(&rest, &offset, &r) > 0) {
		buf_reset(&b);
		r.head = slice_of(in.p, r.head.n);
		REQUIRE(disk_entry_write(&r, offset, &b) == 0);
		REQUIRE(buf_len(&b) <= in.n);
	}
	buf_clear(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = slice_of(data, size), entries;
	struct disk_segment_head head;
	size_t n;

	(void)disk_segment_head_read(in, &head);
	(void)disk_footer_measure(slice_skip(in, in.n > DISK_TAIL ? in.n - DISK_TAIL : 0), &n);
	(void)disk_footer_read(&key, in, &entries);
	try_record(in);
	try_entries(in);
	return 0;
}
