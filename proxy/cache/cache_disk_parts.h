/* What the files of the disk tier know of one another. */
#ifndef PROXY_CACHE_DISK_PARTS_H
#define PROXY_CACHE_DISK_PARTS_H

#include "proxy/cache/cache_disk.h"
#include "proxy/cache/cache_disk_file.h"

#include <pthread.h>

#define DISK_READ_BUCKETS 64

/* Of the writing thread: an answer to be written, or a purge. */
struct disk_job {
	struct list node;
	/* An answer. */
	struct disk_entry *entry; /* NULL: a purge */
	struct cache_object *object;
	int64_t came_wall_ms;
	bool replaced; /* an older one with the same keys is in the files */
	/* A purge. */
	enum disk_kind kind;
	bool durable;               /* against a power failure as well */
	struct disk_waiter *waiter; /* under the lock; NULL: nobody */
	size_t n;
	char text[];
};

/* Of the reading threads. */
struct disk_read {
	struct list node;   /* in its bucket */
	struct list queued; /* in the queue; in none while it is read */
	struct list waiters;
	struct disk_found found;
	struct cache_mark mark;
};

/* X(id) */
#define DISK_COUNTER_TABLE(X) X(HITS) X(WRITES) X(DROPPED) X(ERRORS) X(CORRUPTED) X(EVICTED)

enum disk_counter {
#define DISK_COUNTER_ENUM(id) DISK_COUNTER_##id,
	DISK_COUNTER_TABLE(DISK_COUNTER_ENUM)
#undef DISK_COUNTER_ENUM
		DISK_COUNTER_COUNT
};

struct cache_disk {
	struct cache_store *store;
	struct disk_index *index;
	uint64_t boot;
	_Atomic int state; /* enum disk_state; set by the writing thread */
	_Atomic uint64_t budget, bytes;
	_Atomic int64_t latest_wall_ms;
	_Atomic uint64_t counters[DISK_COUNTER_COUNT];
	_Atomic bool stop; /* a load that is under way ends early */
	bool running;      /* the threads were started */
	pthread_t writer, readers[DISK_READERS];
	pthread_mutex_t lock;
	pthread_cond_t to_write, to_read;
	/* Under the lock. */
	bool ending, changed;
	struct cache_disk_settings wanted;
	struct list jobs;
	size_t n_answers, n_kills;
	uint64_t job_bytes;
	struct list queue; /* of reads */
	size_t n_reads;
	struct list reads[DISK_READ_BUCKETS];
	/* The writing thread's. */
	struct cache_disk_settings now;
	struct disk_folder folder;
	uint64_t next_try_ms, sync_ms;
	bool owes_clear; /* a purge could not be written: nothing of the files counts */
	bool complained, complained_full; /* said once until it works again */
};

void *disk_write_run(void *arg);
void *disk_read_run(void *arg);

static inline void
disk_bump(struct cache_disk *d, enum disk_counter which)
{
	(void)atomic_fetch_add_explicit(&d->counters[which], 1, memory_order_relaxed);
}

/* Tells who waits for the job, under the lock. */
void disk_job_tell(struct disk_job *job);
/* Frees it; nobody waits for it any more. */
void disk_job_free(struct cache_disk *d, struct disk_job *job);

#endif
