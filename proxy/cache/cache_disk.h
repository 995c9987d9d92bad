/*
 * The disk tier of the cache: answers outlive the process. Shared by all threads; no call waits for
 * the disk. One thread writes, one answer behind the other, and evicts; two read, and put what they
 * read into the memory tier, where who waited for it looks again. What is asked of them waits in
 * queues with a maximum: an answer for which there is no room is not written, one that can't be
 * read soon is a miss.
 *
 * A purge is a record as well, and it is over when that is in the file: nothing of what was purged
 * is found by a later process, however this one ends.
 */
#ifndef PROXY_CACHE_DISK_H
#define PROXY_CACHE_DISK_H

#include "core/cache_order.h"
#include "core/stats.h"
#include "proxy/cache/cache_disk_index.h"
#include "proxy/cache/cache_far.h"
#include "proxy/cache/cache_flight.h"

/* Read when the tier is made: says which boot of the machine this is. */
#define CACHE_DISK_BOOT_FILE "/proc/sys/kernel/random/boot_id"
#define DISK_READERS 2
#define DISK_READS_MAX 1024  /* answers being read, or waiting for it */
#define DISK_WRITES_MAX 1024 /* answers waiting to be written, */
#define DISK_QUEUE_SHARE 8   /* and their bytes: this part of the memory tier's budget */
#define DISK_PIECES_MIN 4    /* of large ones at least so many pieces; then their relaying waits */
#define DISK_KILLS_MAX 4096  /* purges waiting to be written; beyond, all is purged */
#define DISK_OBJECT_SHARE 8  /* one answer takes at most an eighth of the budget, */
#define DISK_LARGE_SHARE 4   /* and one that is too large for memory a quarter */
#define DISK_PARTS_MAX 32    /* of those are being written at a time */
#define DISK_STREAM_SHARE                                                                          \
	4 /* what is read of them for clients: this part of the memory's budget                    \
	   */
#define DISK_INDEX_QUARTERS                                                                        \
	3 /* of the memory's budget may go to the index; beyond, the oldest goes */
#define DISK_STREAM_CLIENT_SHARE 4 /* one connection may hold a quarter of them, or one */
#define DISK_STREAMS_MIN 2         /* but always so many clients */
#define DISK_FRESH_MIN 60          /* seconds: validations that bring less are not written */

enum disk_state {
#define DISK_STATE_ENUM(id, word, what) DISK_STATE_##id,
	CACHE_DISK_STATE_TABLE(DISK_STATE_ENUM)
#undef DISK_STATE_ENUM
};

struct cache_disk;
struct disk_job;
struct disk_part;

/* Who waits. All but the function is the tier's own. */
struct disk_waiter {
	struct list node;
	struct disk_job *job;
	bool waiting;
	/* cache_disk_show's: struct report_stored, one each; its owner clears it. */
	struct buf shown;
	size_t n_shown;
	struct cache_body
		*piece; /* cache_disk_read_piece's: what was read; NULL: it is not to be had */
	/* It is over, by whatever thread, under a lock: it must do no more than pass it on. */
	void (*on_done)(struct disk_waiter *w);
};

struct cache_disk_settings {
	int folder;      /* O_PATH, taken over; -1: no tier */
	uint64_t budget; /* bytes of all files */
	uint64_t floor;  /* bytes of the file system that stay free; 0: the default */
	bool keep;       /* without a folder: what is in the one before is for the next process */
};

/* NULL with e filled. store: the memory tier, which outlives it. */
struct cache_disk *cache_disk_new(struct cache_store *store, struct err *e);
/* Writes what is queued, seals, closes; leaves NULL behind; *d may be NULL. No other thread uses it
 * any more. */
void cache_disk_free(struct cache_disk **d);
/* From now on these. A folder that is left is emptied: purges are no longer written to it. 0, or -1
 * with e filled: its threads cannot be started. */
int cache_disk_configure(
	struct cache_disk *d, const struct cache_disk_settings *settings, struct err *e);
/* The smallest floor that is sound for a file system of this size. */
uint64_t cache_disk_default_floor(uint64_t size);

/* Whether anything may be found. */
bool cache_disk_is_open(struct cache_disk *d);
/* Nothing can be found yet, but will be. */
bool cache_disk_is_loading(struct cache_disk *d);
/* An answer to the request is on disk: it is being read, and w is told when it is in memory, or is
 * not to be had; the request looks again then. mark: taken before the memory tier was asked. False:
 * there is none. */
bool cache_disk_find(struct cache_disk *d, const struct cache_key *key,
	const struct http_request *request, const struct cache_mark *mark, struct disk_waiter *w);
/* Writes the answer, some time. It has been put into the memory tier with this mark. */
void cache_disk_store(struct cache_disk *d, struct cache_object *o, const struct cache_mark *mark);
/* The same for one that a validation has made out of another, when there is something to it. */
void cache_disk_freshen(struct cache_disk *d, const struct cache_object *old,
	struct cache_object *o, const struct cache_mark *mark);
/* --- answers that are too large for memory --------------------------------------------------- */

/* The largest body that is taken; 0: the tier does not work now. */
uint64_t cache_disk_large_max(struct cache_disk *d);
/* Such an answer is written while it comes. texts_n: the bytes of its keys, tags and head, at most;
 * body_n: of its body, at most. NULL: not now. */
struct disk_part *cache_disk_part_new(struct cache_disk *d, size_t texts_n, uint64_t body_n);
/* The next bytes of its body: whole pieces (CACHE_FAR_PIECE), but for the last ones; taken over.
 * *ret_waits: enough is on its way, nothing more comes before w is told. w may be NULL: nobody
 * waits. False: it has come to nothing, and *bytes stays the caller's. */
bool cache_disk_part_add(struct cache_disk *d, struct disk_part *part, struct cache_body **bytes,
	struct disk_waiter *w, bool *ret_waits);
/* All of it was added: o is the answer, without the body, whose length it has. It is put into the
 * memory tier when it stands in its file; then the flight ends, which is taken over. Leaves NULL
 * behind. */
void cache_disk_part_end(struct cache_disk *d, struct disk_part **part, struct cache_object *o,
	const struct cache_mark *mark, struct cache_flights *flights, struct flight **flight);
/* It comes to nothing. Leaves NULL behind; *part may be NULL. */
void cache_disk_part_drop(struct disk_part **part);

/* A client begins to get one, beside those that its connection holds. False: there are enough, or
 * it has its share: who takes nothing of many must not keep others from the disk. */
bool cache_disk_stream_begin(struct cache_disk *d, unsigned held);
void cache_disk_stream_end(struct cache_disk *d);
/* Reads one piece into *buffer, which has room for CACHE_FAR_PIECE bytes and is taken over; w is
 * told, and has it then. False: there is too much to do, and *buffer stays the caller's. */
bool cache_disk_read_piece(struct cache_disk *d, struct cache_far *far, uint64_t number,
	struct cache_body **buffer, struct disk_waiter *w);

/* Takes out all answers of the URL, between cache_store_forbid_url and cache_store_invalidate.
 * True: w is told when that holds whatever happens. w may be NULL: nobody waits. */
bool cache_disk_invalidate(struct cache_disk *d, struct slice url, struct disk_waiter *w);
/* The same for all that match, between cache_store_forbid_all and cache_store_purge; not even a
 * power failure brings them back once w is told. *ret_n: how many there were. */
bool cache_disk_purge(struct cache_disk *d, enum disk_kind kind, struct slice what,
	struct disk_waiter *w, uint64_t *ret_n);
/* It waits no longer. False: it has been told already. */
bool cache_disk_leave(struct cache_disk *d, struct disk_waiter *w);

/* Shows each answer that can be found, see disk_index_each. */
void cache_disk_each(
	struct cache_disk *d, bool (*see)(const struct disk_entry *e, void *ctx), void *ctx);
/* Reads the heads of all answers of the URL; w is told, and has them then. False: there is none, or
 * too much to do. */
bool cache_disk_show(struct cache_disk *d, struct slice url, struct disk_waiter *w);
/* Writes its numbers. */
void cache_disk_count(struct cache_disk *d, struct stats *stats);

#endif
