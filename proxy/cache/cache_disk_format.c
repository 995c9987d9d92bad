/* The format of the disk tier's files. */
#include "proxy/cache/cache_disk_format.h"

#include <endian.h>

#define SEGMENT_MAGIC UINT64_C(0x32306c6373756c53) /* "Sluscl02" */
#define RECORD_MAGIC UINT32_C(0x52637353)
#define TAIL_MAGIC UINT64_C(0x31306c6961746c53)
#define FLAG_CODED 1
#define FLAG_NO_CACHE 2
#define ENTRY_FIXED (DISK_RECORD_HEAD + 8)

/* --- numbers --------------------------------------------------------------------------------- */

static void
put16(unsigned char *at, uint16_t n)
{
	n = htole16(n);
	memcpy(at, &n, sizeof(n));
}

static void
put32(unsigned char *at, uint32_t n)
{
	n = htole32(n);
	memcpy(at, &n, sizeof(n));
}

static void
put64(unsigned char *at, uint64_t n)
{
	n = htole64(n);
	memcpy(at, &n, sizeof(n));
}

static uint16_t
get16(const char *at)
{
	uint16_t n;

	memcpy(&n, at, sizeof(n));
	return le16toh(n);
}

static uint32_t
get32(const char *at)
{
	uint32_t n;

	memcpy(&n, at, sizeof(n));
	return le32toh(n);
}

static uint64_t
get64(const char *at)
{
	uint64_t n;

	memcpy(&n, at, sizeof(n));
	return le64toh(n);
}

/* --- the segment's head ---------------------------------------------------------------------- */

void
disk_segment_head_write(
	const struct disk_segment_head *h, unsigned char out[static DISK_SEGMENT_HEAD])
{
	memset(out, 0, DISK_SEGMENT_HEAD);
	put64(out, SEGMENT_MAGIC);
	put64(out + 8, h->number);
	put64(out + 16, h->key.k0);
	put64(out + 24, h->key.k1);
	put64(out + 56, siphash(&h->key, slice_of(out, 56)));
}

int
disk_segment_head_read(struct slice bytes, struct disk_segment_head *ret)
{
	struct disk_segment_head h;

	if (bytes.n < DISK_SEGMENT_HEAD || get64(bytes.p) != SEGMENT_MAGIC)
		return -1;
	h.number = get64(bytes.p + 8);
	h.key.k0 = get64(bytes.p + 16);
	h.key.k1 = get64(bytes.p + 24);
	if (get64(bytes.p + 56) != siphash(&h.key, slice_head(bytes, 56)))
		return -1;
	*ret = h;
	return 0;
}

/* --- the head of records and entries --------------------------------------------------------- */

static uint32_t
seconds(int64_t n)
{
	return n < 0 ? 0 : n > CACHE_SECONDS_MAX ? (uint32_t)CACHE_SECONDS_MAX : (uint32_t)n;
}

static bool
is_writable(const struct disk_record *r)
{
	return r->url.n <= DISK_TEXT_MAX && r->scope.n <= DISK_TEXT_MAX &&
	       r->vary.n <= DISK_TEXT_MAX && r->key.n <= DISK_TEXT_MAX &&
	       r->tags.n <= DISK_TEXT_MAX && r->head.n <= DISK_ANSWER_HEAD_MAX &&
	       r->body_n <= DISK_BODY_MAX;
}

static void
head_write(const struct disk_record *r, unsigned char out[static DISK_RECORD_HEAD])
{
	memset(out, 0, DISK_RECORD_HEAD);
	put32(out, RECORD_MAGIC);
	out[4] = (unsigned char)r->kind;
	out[5] = (unsigned char)((r->coded ? FLAG_CODED : 0) |
				 (r->terms.no_cache ? FLAG_NO_CACHE : 0));
	put16(out + 6, r->status);
	put64(out + 8, r->serial);
	put64(out + 16, r->boot);
	put64(out + 24, (uint64_t)r->came_wall_ms);
	put64(out + 32, r->came_mono_ms);
	put32(out + 40, seconds(r->terms.born_s));
	put32(out + 44, seconds(r->terms.lifetime_s));
	put32(out + 48, seconds(r->terms.while_s));
	/* One more than it is: -1 says that nothing says anything. */
	put32(out + 52, r->terms.if_error_s < 0 ? 0 : seconds(r->terms.if_error_s) + 1);
	put32(out + 56, (uint32_t)r->url.n);
	put32(out + 60, (uint32_t)r->scope.n);
	put32(out + 64, (uint32_t)r->vary.n);
	put32(out + 68, (uint32_t)r->key.n);
	put32(out + 72, (uint32_t)r->tags.n);
	put32(out + 76, (uint32_t)r->head.n);
	put64(out + 80, r->body_n);
}

/* The numbers; of the slices only the lengths. 0 or -1. */
static int
head_read(struct slice bytes, struct disk_record *ret)
{
	const char *at = bytes.p;
	uint32_t if_error;

	if (bytes.n < DISK_RECORD_HEAD || get32(at) != RECORD_MAGIC ||
		(unsigned char)at[4] >= DISK_KIND_COUNT)
		return -1;
	*ret = (struct disk_record){.kind = (enum disk_kind)at[4],
		.coded = at[5] & FLAG_CODED,
		.status = get16(at + 6),
		.serial = get64(at + 8),
		.boot = get64(at + 16),
		.came_wall_ms = (int64_t)get64(at + 24),
		.came_mono_ms = get64(at + 32),
		.terms = {.born_s = get32(at + 40),
			.lifetime_s = get32(at + 44),
			.while_s = get32(at + 48),
			.no_cache = at[5] & FLAG_NO_CACHE},
		.body_n = get64(at + 80)};
	if_error = get32(at + 52);
	ret->terms.if_error_s = (int64_t)if_error - 1;
	ret->url.n = get32(at + 56);
	ret->scope.n = get32(at + 60);
	ret->vary.n = get32(at + 64);
	ret->key.n = get32(at + 68);
	ret->tags.n = get32(at + 72);
	ret->head.n = get32(at + 76);
	return is_writable(ret) ? 0 : -1;
}

static size_t
sums_of(uint64_t body_n)
{
	return (size_t)((body_n + DISK_CHUNK - 1) / DISK_CHUNK);
}

static size_t
texts_of(const struct disk_record *r)
{
	return r->url.n + r->scope.n + r->vary.n + r->key.n + r->tags.n;
}

/* The texts stand one behind the other. */
static const char *
place_texts(struct disk_record *r, const char *at)
{
	struct slice *const texts[] = {&r->url, &r->scope, &r->vary, &r->key, &r->tags};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		texts[i]->p = at;
		at += texts[i]->n;
	}
	return at;
}

static int
append_texts(const struct disk_record *r, struct buf *out)
{
	return buf_append_slice(out, r->url) < 0 || buf_append_slice(out, r->scope) < 0 ||
			       buf_append_slice(out, r->vary) < 0 ||
			       buf_append_slice(out, r->key) < 0 ||
			       buf_append_slice(out, r->tags) < 0
		       ? -1
		       : 0;
}

/* --- records --------------------------------------------------------------------------------- */

static int
append_sum(const struct siphash_key *key, struct slice bytes, struct buf *out)
{
	unsigned char sum[DISK_SUM];

	put64(sum, siphash(key, bytes));
	return buf_append(out, sum, sizeof(sum));
}

static int
append_texts_and_head(const struct disk_record *r, struct buf *out)
{
	unsigned char head[DISK_RECORD_HEAD];

	if (!is_writable(r))
		return -1;
	head_write(r, head);
	return buf_append(out, head, sizeof(head)) < 0 || append_texts(r, out) < 0
		       ? -1
		       : buf_append_slice(out, r->head);
}

int
disk_record_write(const struct siphash_key *key, const struct disk_record *r, struct slice body,
	struct buf *out)
{
	size_t from = buf_len(out);

	if (r->body_n != body.n || append_texts_and_head(r, out) < 0)
		return -1;
	for (; body.n > 0; body = slice_skip(body, DISK_CHUNK))
		if (disk_chunk_sum(key, slice_head(body, DISK_CHUNK), out) < 0)
			return -1;
	return append_sum(key, slice_skip(buf_slice(out), from), out);
}

int
disk_record_write_sums(const struct siphash_key *key, const struct disk_record *r,
	struct slice sums, struct buf *out)
{
	size_t from = buf_len(out);

	if (sums.n != sums_of(r->body_n) * DISK_SUM || append_texts_and_head(r, out) < 0 ||
		buf_append_slice(out, sums) < 0)
		return -1;
	return append_sum(key, slice_skip(buf_slice(out), from), out);
}

int
disk_chunk_sum(const struct siphash_key *key, struct slice chunk, struct buf *out)
{
	return append_sum(key, chunk, out);
}

bool
disk_chunk_is_right(
	const struct siphash_key *key, struct slice sums, uint64_t number, struct slice chunk)
{
	return number < sums.n / DISK_SUM &&
	       get64(sums.p + (size_t)number * DISK_SUM) == siphash(key, chunk);
}

struct slice
disk_record_sums(struct slice meta, uint64_t body_n)
{
	size_t n = sums_of(body_n) * DISK_SUM;

	return slice_head(slice_skip(meta, meta.n - DISK_SUM - n), n);
}

size_t
disk_record_room(size_t texts_n, uint64_t body_n)
{
	return DISK_RECORD_HEAD + texts_n + (sums_of(body_n) + 1) * DISK_SUM;
}

void
disk_record_extent(const struct disk_record *r, struct disk_extent *ret)
{
	ret->meta = DISK_RECORD_HEAD + texts_of(r) + r->head.n + sums_of(r->body_n) * DISK_SUM +
		    DISK_SUM;
	ret->body = r->body_n;
}

int
disk_record_measure(struct slice bytes, struct disk_extent *ret)
{
	struct disk_record r;

	if (head_read(bytes, &r) < 0)
		return -1;
	disk_record_extent(&r, ret);
	return 0;
}

size_t
disk_record_find(struct slice bytes)
{
	unsigned char magic[4];
	const char *at;

	put32(magic, RECORD_MAGIC);
	at = bytes.n ? memmem(bytes.p, bytes.n, magic, sizeof(magic)) : NULL;
	if (at)
		return (size_t)(at - bytes.p);
	/* It may begin with the last three. */
	return bytes.n > 3 ? bytes.n - 3 : bytes.n;
}

int
disk_record_read(const struct siphash_key *key, struct slice meta, struct disk_record *ret)
{
	struct disk_extent extent;
	struct disk_record r;

	if (disk_record_measure(meta, &extent) < 0 || meta.n != extent.meta ||
		get64(meta.p + meta.n - DISK_SUM) !=
			siphash(key, slice_head(meta, meta.n - DISK_SUM)))
		return -1;
	(void)head_read(meta, &r);
	r.head.p = place_texts(&r, meta.p + DISK_RECORD_HEAD);
	*ret = r;
	return 0;
}

bool
disk_body_is_right(const struct siphash_key *key, struct slice meta, struct slice body)
{
	struct slice sums;
	size_t n = sums_of(body.n);

	if (meta.n < DISK_RECORD_HEAD + (n + 1) * DISK_SUM || get64(meta.p + 80) != body.n)
		return false;
	sums = disk_record_sums(meta, body.n);
	for (uint64_t i = 0; body.n > 0; body = slice_skip(body, DISK_CHUNK), i++)
		if (!disk_chunk_is_right(key, sums, i, slice_head(body, DISK_CHUNK)))
			return false;
	return true;
}

/* --- the footer ------------------------------------------------------------------------------ */

int
disk_entry_write(const struct disk_record *r, uint64_t offset, struct buf *out)
{
	unsigned char fixed[ENTRY_FIXED];
	size_t end = out->end;

	head_write(r, fixed);
	put64(fixed + DISK_RECORD_HEAD, offset);
	if (buf_append(out, fixed, sizeof(fixed)) == 0 && append_texts(r, out) == 0)
		return 0;
	out->end = end;
	return -1;
}

int
disk_entry_next(struct slice *rest, uint64_t *ret_offset, struct disk_record *ret)
{
	struct disk_record r;

	if (rest->n == 0)
		return 0;
	if (rest->n < ENTRY_FIXED || head_read(*rest, &r) < 0 ||
		texts_of(&r) > rest->n - ENTRY_FIXED)
		return -1;
	*ret_offset = get64(rest->p + DISK_RECORD_HEAD);
	(void)place_texts(&r, rest->p + ENTRY_FIXED);
	*rest = slice_skip(*rest, ENTRY_FIXED + texts_of(&r));
	*ret = r;
	return 1;
}

int
disk_footer_end(const struct siphash_key *key, struct buf *footer)
{
	unsigned char tail[DISK_TAIL];
	uint64_t n = buf_len(footer);

	memset(tail, 0, sizeof(tail));
	put64(tail, TAIL_MAGIC);
	put64(tail + 8, n + DISK_TAIL);
	put64(tail + 16, siphash(key, buf_slice(footer)));
	put64(tail + 24, siphash(key, slice_of(tail, 24)));
	return buf_append(footer, tail, sizeof(tail));
}

int
disk_footer_measure(struct slice tail, size_t *ret)
{
	uint64_t n;

	if (tail.n != DISK_TAIL || get64(tail.p) != TAIL_MAGIC)
		return -1;
	n = get64(tail.p + 8);
	if (n < DISK_TAIL || n > DISK_FOOTER_MAX)
		return -1;
	*ret = (size_t)n;
	return 0;
}

int
disk_footer_read(const struct siphash_key *key, struct slice footer, struct slice *ret)
{
	struct slice entries, tail;
	size_t n;

	if (footer.n < DISK_TAIL)
		return -1;
	entries = slice_head(footer, footer.n - DISK_TAIL);
	tail = slice_skip(footer, entries.n);
	if (disk_footer_measure(tail, &n) < 0 || n != footer.n ||
		get64(tail.p + 24) != siphash(key, slice_head(tail, 24)) ||
		get64(tail.p + 16) != siphash(key, entries))
		return -1;
	*ret = entries;
	return 0;
}

/* --- what is void, and how old --------------------------------------------------------------- */

static bool
has_tag(struct slice tags, struct slice tag)
{
	while (tags.n > 0) {
		struct slice one = slice_head(tags, slice_index(tags, ' '));

		if (slice_eq(one, tag))
			return true;
		tags = slice_skip(tags, one.n + 1);
	}
	return false;
}

bool
disk_kill_matches(enum disk_kind kind, struct slice what, struct slice url, struct slice tags)
{
	switch (kind) {
	case DISK_KILL_URL:
		return slice_eq(url, what);
	case DISK_KILL_PREFIX:
		return slice_starts(url, what);
	case DISK_KILL_TAG:
		return has_tag(tags, what);
	case DISK_ANSWER:
	case DISK_KIND_COUNT:
		break;
	}
	return false;
}

/* Milliseconds since it came, at least; -1: nobody knows. */
static int64_t
elapsed_ms(const struct disk_record *r, uint64_t boot, int64_t now_wall_ms, uint64_t now_mono_ms,
	int64_t latest_wall_ms)
{
	int64_t wall = now_wall_ms - r->came_wall_ms, mono;

	if (r->boot != boot || r->came_mono_ms > now_mono_ms)
		return now_wall_ms < latest_wall_ms || wall < 0 ? -1 : wall;
	mono = (int64_t)(now_mono_ms - r->came_mono_ms);
	return wall > mono ? wall : mono;
}

void
disk_record_grow_old(struct disk_record *r, uint64_t boot, int64_t now_wall_ms,
	uint64_t now_mono_ms, int64_t latest_wall_ms)
{
	int64_t ms = elapsed_ms(r, boot, now_wall_ms, now_mono_ms, latest_wall_ms);
	struct cache_terms *t = &r->terms;

	if (ms < 0) {
		t->while_s = 0;
		t->born_s = t->born_s > t->lifetime_s ? t->born_s : t->lifetime_s;
		return;
	}
	t->born_s += (ms + 999) / 1000;
	if (t->born_s > CACHE_SECONDS_MAX)
		t->born_s = CACHE_SECONDS_MAX;
}
