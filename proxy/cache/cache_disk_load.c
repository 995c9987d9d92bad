/* Reading segments. Both ways give the same: a list of entries. */
#include "proxy/cache/cache_disk_load.h"

#include "core/own.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define WINDOW (1024 * 1024)  /* bytes that are read at a time; more than any record's head */
#define SEARCHED (128 * 1024) /* bytes that are searched at a time */

/* Of one segment. */
struct reading {
	struct disk_segment *segment;
	struct buf entries;
	uint64_t end; /* where its records end */
	bool scanned; /* it has no footer */
	bool hole;    /* wrong bytes, and right ones behind them */
	bool ragged;  /* wrong bytes at the end */
	char *window;
	uint64_t at; /* of the window in the file */
	size_t n;
};

/* --- scanning -------------------------------------------------------------------------------- */

/* Up to max bytes from this place on; shorter at the end of the file, or when it cannot be read. */
static struct slice
window(struct reading *r, uint64_t at, size_t max)
{
	ssize_t n;

	if (at < r->at || at + max > r->at + r->n) {
		do
			n = pread(r->segment->fd, r->window, WINDOW, (off_t)at);
		while (n < 0 && errno == EINTR);
		r->at = at;
		r->n = n > 0 ? (size_t)n : 0;
	}
	return slice_head(slice_of(r->window + (at - r->at), r->n - (size_t)(at - r->at)), max);
}

/* The record at this place, when all that stands before its body is right and the body is there. */
static bool
read_at(struct reading *r, uint64_t at, struct disk_record *ret, struct disk_extent *extent)
{
	if (disk_record_measure(window(r, at, DISK_RECORD_HEAD), extent) < 0 ||
		extent->meta + extent->body > r->segment->bytes - at)
		return false;
	return disk_record_read(&r->segment->key, window(r, at, extent->meta), ret) == 0;
}

/* The next place after wrong bytes where a record stands; the end when there is none. */
static uint64_t
find_next(struct reading *r, uint64_t at)
{
	struct disk_extent extent;
	struct disk_record record;
	struct slice ahead;

	for (at++; (ahead = window(r, at, SEARCHED)).n >= DISK_RECORD_HEAD;) {
		size_t step = disk_record_find(ahead);

		at += step;
		if (step < ahead.n - 3) {
			if (read_at(r, at, &record, &extent))
				return at;
			at++;
		}
	}
	return r->segment->bytes;
}

/* 0 or -1: memory is short. */
static int
scan(struct reading *r)
{
	uint64_t at = DISK_SEGMENT_HEAD;
	struct disk_extent extent;
	struct disk_record record;

	r->scanned = true;
	r->window = malloc(WINDOW);
	if (!r->window)
		return -1;
	r->end = at;
	while (at < r->segment->bytes) {
		if (!read_at(r, at, &record, &extent)) {
			r->ragged = true;
			at = find_next(r, at);
			continue;
		}
		if (r->ragged) {
			r->hole = true;
			buf_reset(&r->entries);
		}
		r->ragged = false;
		if (disk_entry_write(&record, at, &r->entries) < 0)
			return -1;
		at += extent.meta + extent.body;
		r->end = at;
	}
	return 0;
}

/* --- the footer ------------------------------------------------------------------------------ */

/* 0 or -1: it has none that is right. */
static int
read_footer(struct reading *r)
{
	const struct disk_segment *s = r->segment;
	char tail[DISK_TAIL], *room;
	struct slice entries;
	size_t n;

	if (s->bytes < DISK_SEGMENT_HEAD + DISK_TAIL ||
		pread(s->fd, tail, sizeof(tail), (off_t)(s->bytes - DISK_TAIL)) != DISK_TAIL ||
		disk_footer_measure(slice_of(tail, sizeof(tail)), &n) < 0 ||
		n > s->bytes - DISK_SEGMENT_HEAD)
		return -1;
	room = buf_reserve(&r->entries, n);
	if (!room || pread(s->fd, room, n, (off_t)(s->bytes - n)) != (ssize_t)n ||
		disk_footer_read(&s->key, slice_of(room, n), &entries) < 0)
		return -1;
	buf_commit(&r->entries, entries.n);
	r->end = s->bytes - n;
	return 0;
}

/* --- the index ------------------------------------------------------------------------------- */

struct loading {
	struct disk_folder *folder;
	struct disk_index *index;
	struct disk_loaded *loaded;
};

/* 0 or -1: memory is short. */
static int
take_entry(struct loading *l, struct reading *r, uint64_t offset, const struct disk_record *record)
{
	struct disk_place place = {.serial = record->serial, .offset = offset};
	struct disk_extent extent;

	disk_record_extent(record, &extent);
	if (record->serial > l->folder->last_serial)
		l->folder->last_serial = record->serial;
	if (record->came_wall_ms > l->loaded->latest_wall_ms)
		l->loaded->latest_wall_ms = record->came_wall_ms;
	if (record->kind != DISK_ANSWER) {
		(void)disk_index_kill(l->index, record->kind, record->url, record->serial, false);
		return 0;
	}
	if (offset > r->end || extent.meta + extent.body > r->end - offset)
		return 0;
	place.segment = r->segment;
	place.meta_n = extent.meta;
	l->loaded->answers++;
	return disk_index_load(l->index, record, &place);
}

static int
take_entries(struct loading *l, struct reading *r)
{
	struct slice rest = buf_slice(&r->entries);
	struct disk_record record;
	uint64_t offset;
	int more;

	while ((more = disk_entry_next(&rest, &offset, &record)) > 0)
		if (take_entry(l, r, offset, &record) < 0)
			return -1;
	return more;
}

/* The last segment goes on, or is ended. */
static void
go_on(struct disk_folder *f, struct reading *r)
{
	bool small =
		r->end < f->segment_max / 4 * 3 && buf_len(&r->entries) < DISK_FOOTER_MAX / 4 * 3;

	if (!small && !r->scanned)
		return;
	if (disk_folder_reopen(f, r->end, &r->entries) == 0 && !small)
		disk_folder_seal(f);
}

/* One large answer: it has its footer, or it never was complete. No purge is in there. */
static int
load_large(struct loading *l, struct disk_segment *s)
{
	struct reading r = {.segment = s};
	int rc;

	buf_init(&r.entries, DISK_FOOTER_MAX);
	rc = read_footer(&r) == 0 ? take_entries(l, &r) : disk_folder_remove(l->folder, s);
	buf_clear(&r.entries);
	return rc;
}

static int
load_segment(struct loading *l, struct disk_segment *s)
{
	bool last = disk_folder_last(l->folder) == s;
	struct reading r = {.segment = s};
	int rc;

	if (disk_segment_is_large(s))
		return load_large(l, s);
	buf_init(&r.entries, DISK_FOOTER_MAX);
	rc = read_footer(&r) == 0 ? 0 : scan(&r);
	if (rc == 0 && r.ragged && !last) {
		r.hole = true;
		buf_reset(&r.entries);
	}
	if (rc == 0 && r.hole) {
		l->loaded->damaged++;
		(void)disk_index_kill(
			l->index, DISK_KILL_PREFIX, (struct slice){0}, UINT64_MAX, false);
	}
	if (rc == 0)
		rc = take_entries(l, &r);
	if (rc == 0 && last)
		go_on(l->folder, &r);
	free(r.window);
	buf_clear(&r.entries);
	return rc;
}

int
disk_load(struct disk_folder *f, struct disk_index *ix, const _Atomic bool *stop,
	struct disk_loaded *ret)
{
	struct loading l = {.folder = f, .index = ix, .loaded = ret};

	*ret = (struct disk_loaded){0};
	list_each(node, &f->segments) if (atomic_load(stop) ||
					  load_segment(&l, list_entry(node, struct disk_segment,
								   node)) < 0) return -1;
	return 0;
}
