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

#include "core/stats.h"
#include "proxy/cache/cache_disk_index.h"

/* Read when the tier is made: says which boot of the machine this is. */
#define CACHE_DISK_BOOT_FILE "/proc/sys/kernel/random/boot_id"
#define DISK_READERS 2
#define DISK_READS_MAX 1024  /* answers being read, or waiting for it */
#define DISK_WRITES_MAX 1024 /* answers waiting to be written, */
#define DISK_QUEUE_SHARE 8   /* and their bytes: this part of the memory tier's budget */
#define DISK_KILLS_MAX 4096  /* purges waiting to be written; beyond, all is purged */
#define DISK_OBJECT_SHARE 8  /* one answer takes at most an eighth of the budget */
#define DISK_FRESH_MIN 60    /* seconds: validations that bring less are not written */

/* X(id, what the tier does) */
#define DISK_STATE_TABLE(X)                                                                        \
	X(OFF, "nothing: the configuration has none")                                              \
	X(WAITING, "another process has the folder")                                               \
	X(LOADING, "the index is being built: answers are taken, none is found")                   \
	X(OPEN, "it works")                                                                        \
	X(FAILED, "the disk refuses: it is tried again now and then")

enum disk_state {
#define DISK_STATE_ENUM(id, what) DISK_STATE_##id,
	DISK_STATE_TABLE(DISK_STATE_ENUM)
#undef DISK_STATE_ENUM
};

struct cache_disk;
struct disk_job;

/* Who waits. All but the function is the tier's own. */
struct disk_waiter {
	struct list node;
	struct disk_job *job;
	bool waiting;
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
/* Writes its numbers. */
void cache_disk_count(struct cache_disk *d, struct stats *stats);

#endif
