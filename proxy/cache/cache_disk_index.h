/*
 * What is on the disk, in memory: of each answer where it stands, its URL and tags, and hashes of
 * the rest of its key (the record itself has all of it, and is compared when it is read). Shared by
 * all threads behind one lock that is held for moments. An answer that waits to be written has an
 * entry already, which nobody finds, so that a purge that comes meanwhile takes it out as well.
 */
#ifndef PROXY_CACHE_DISK_INDEX_H
#define PROXY_CACHE_DISK_INDEX_H

#include "core/list.h"
#include "proxy/cache/cache_disk_format.h"
#include "proxy/cache/cache_store.h"

#include <stdatomic.h>

#define DISK_VARIANTS_MAX CACHE_VARIANTS_MAX
#define DISK_OBJECTS_MAX 1000000 /* entries; beyond, the oldest segment goes */

/* A file of records. Counted: who reads from it holds it, and it is closed by the last. */
struct disk_segment {
	struct list node; /* in the order of numbers; the writer's */
	_Atomic uint32_t refs;
	int fd;
	uint64_t number;
	uint64_t bytes;    /* of the file; the writer's */
	uint64_t body_at;  /* of a large one that is being written */
	_Atomic bool gone; /* the file is not the tier's any more */
	_Atomic bool used; /* large ones: it was read since this was last asked */
	struct siphash_key key;
	struct list entries; /* under the index's lock, like n */
	size_t n;
};

struct disk_entry {
	struct disk_entry *next;      /* in its bucket, the newest first */
	struct list node;             /* in its segment */
	struct disk_segment *segment; /* NULL: it waits to be written */
	uint32_t refs;                /* the table's, and the queue's */
	bool linked;                  /* it is in the table */
	_Atomic uint8_t uses;         /* hits since it was written */
	uint16_t status;
	uint64_t hash, scope_hash, key_hash;
	uint64_t serial, offset, body_n;
	int64_t came_wall_ms;
	uint32_t born_s, lifetime_s;
	uint32_t meta_n; /* bytes of the record before the body */
	uint32_t url_n;
	uint16_t vary_n, tags_n;
	char text[]; /* url, vary, tags */
};

/* A copy of where an answer stands, with a reference to its segment. */
struct disk_found {
	struct disk_segment *segment;
	uint64_t serial, offset, body_n, hash;
	size_t meta_n;
};

/* Where a record has been written. */
struct disk_place {
	struct disk_segment *segment;
	uint64_t serial, offset;
	size_t meta_n;
};

struct disk_counts {
	uint64_t objects, index_bytes;
};

struct disk_index;

/* NULL when memory is short. store: whose hashes and marks count; it outlives the index. */
struct disk_index *disk_index_new(struct cache_store *store);
/* Leaves NULL behind; *ix may be NULL. No segment's entry may be left but those of pending ones. */
void disk_index_free(struct disk_index **ix);

struct disk_segment *disk_segment_ref(struct disk_segment *s);
/* Closes and frees with the last one; leaves NULL behind; *s may be NULL. */
void disk_segment_unref(struct disk_segment **s);

/* Nothing is found until it is ready. */
void disk_index_set_ready(struct disk_index *ix, bool ready);
/* The newest answer that fits the request and whose body is not longer than max. False: none. */
bool disk_index_find(struct disk_index *ix, const struct cache_key *key,
	const struct http_request *request, uint64_t max, struct disk_found *ret);
/* An entry for an answer that is going to be written, in place of the one with the same keys;
 * *ret_replaced: there was one. came_wall_ms: when it came. NULL: it was invalidated since the
 * mark, or memory is short. The caller has a reference. */
struct disk_entry *disk_index_begin(struct disk_index *ix, const struct cache_object *o,
	const struct cache_mark *mark, int64_t came_wall_ms, bool *ret_replaced);
/* It is no longer wanted: a purge came. */
bool disk_index_is_dropped(struct disk_index *ix, const struct disk_entry *entry);
/* It has been written there: from now on it is found. False: it was dropped meanwhile. */
bool disk_index_place(
	struct disk_index *ix, struct disk_entry *entry, const struct disk_place *place);
/* Takes it out, if it is in. */
void disk_index_drop(struct disk_index *ix, struct disk_entry *entry);
/* Gives the reference back; leaves NULL behind; *entry may be NULL. */
void disk_index_release(struct disk_index *ix, struct disk_entry **entry);
/* What was read from a file: into the table, unless something newer has the same keys. 0 or -1. */
int disk_index_load(
	struct disk_index *ix, const struct disk_record *r, const struct disk_place *place);
/* The answer that was found is not what it should be. */
void disk_index_forget(struct disk_index *ix, const struct disk_found *found);
/* All answers of a URL. Returns how many. */
size_t disk_index_invalidate(struct disk_index *ix, struct slice url);
/* All that match. What was written with a later serial than before stays, and, unless pending_too,
 * what waits to be written. The lock is let go now and then. Returns how many there
 * were of which the memory tier has nothing. */
size_t disk_index_kill(struct disk_index *ix, enum disk_kind kind, struct slice what,
	uint64_t before, bool pending_too);
/* The first answer of a segment, with a reference, and where it is (there the segment has none);
 * NULL: it has none any more. */
struct disk_entry *disk_index_first_of(
	struct disk_index *ix, struct disk_segment *segment, struct disk_found *ret_where);
/* All answers of a URL that can be found, at most max, each with a reference to its segment.
 * Returns how many. */
size_t disk_index_find_all(
	struct disk_index *ix, struct slice url, size_t max, struct disk_found *ret);
/* Shows each that can be found; see must be quick, and stops it by false. */
void disk_index_each(
	struct disk_index *ix, bool (*see)(const struct disk_entry *e, void *ctx), void *ctx);
void disk_index_count(struct disk_index *ix, struct disk_counts *ret);

static inline struct slice
disk_entry_url(const struct disk_entry *e)
{
	return slice_of(e->text, e->url_n);
}

static inline struct slice
disk_entry_vary(const struct disk_entry *e)
{
	return slice_of(e->text + e->url_n, e->vary_n);
}

static inline struct slice
disk_entry_tags(const struct disk_entry *e)
{
	return slice_of(e->text + e->url_n + e->vary_n, e->tags_n);
}

#endif
