/* What the files of the disk tier know of one another. */
#ifndef PROXY_CACHE_DISK_PARTS_H
#define PROXY_CACHE_DISK_PARTS_H

#include "proxy/cache/cache_disk.h"
#include "proxy/cache/cache_disk_file.h"

#include <pthread.h>

#define DISK_READ_BUCKETS 64

/* An answer that is written while it comes. Counted: who brings it, the writing thread once it has
 * a file, and each job have one reference. */
struct disk_part {
	_Atomic uint32_t refs;
	_Atomic bool failed; /* it comes to nothing */
	struct cache_disk *disk;
	size_t room; /* before the body */
	/* The writing thread's. */
	struct list node;             /* in the tier's list, while it has a file */
	struct disk_segment *segment; /* NULL: it has none yet, or no longer */
	struct buf sums;
	bool ended; /* a piece was not whole: it was the last one */
	/* From its end on. */
	struct cache_flights *flights;
	struct flight *flight;
};

/* Of the writing thread: an answer to be written, bytes of a large one, or a purge. */
struct disk_job {
	struct list node;
	/* An answer, which has no body here when it is a large one. */
	struct disk_entry *entry; /* else NULL */
	struct cache_object *object;
	struct cache_mark mark;
	int64_t came_wall_ms;
	bool replaced; /* an older one with the same keys is in the files */
	/* A large one, or its bytes. */
	struct disk_part *part; /* else NULL */
	struct cache_body *bytes;
	struct disk_waiter *waiter; /* under the lock; NULL: nobody */
	/* A purge: neither entry nor part. */
	enum disk_kind kind;
	bool durable; /* against a power failure as well */
	size_t n;
	char text[];
};

/* Of the reading threads. */
struct disk_read {
	struct list node;   /* in its bucket */
	struct list queued; /* in the queue; in none while it is read */
	struct list waiters;
	struct disk_found found; /* a whole answer, or its head when it is too large for memory */
	struct cache_mark mark;
	struct cache_far *far;    /* else a piece of this, */
	uint64_t number;          /* the one with this number, */
	struct cache_body *piece; /* to here */
	struct disk_found *shown; /* else the heads of these, to be shown */
	size_t n_shown;
	struct buf report;
};

static inline bool
disk_job_is_kill(const struct disk_job *job)
{
	return !job->entry && !job->part;
}

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
	_Atomic uint32_t n_parts, n_streams;
	_Atomic bool stop;  /* a load that is under way ends early */
	_Atomic bool sweep; /* a part has come to nothing */
	bool running;       /* the threads were started */
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
	struct list parts;
	uint64_t next_try_ms, sync_ms;
	bool owes_clear; /* a purge could not be written: nothing of the files counts */
	uint64_t refused_ms, full_ms; /* when it last failed so; 0: never in this folder */
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
/* The record of the job's answer, with a body of that many bytes; its texts stay the object's. */
struct disk_record disk_record_of(
	const struct cache_disk *d, const struct disk_job *job, uint64_t body_n);
/* Frees it; nobody waits for it any more. */
void disk_job_free(struct cache_disk *d, struct disk_job *job);

/* A read of w's own. False: there are too many, and it stays the caller's. */
bool disk_queue_read(struct cache_disk *d, struct disk_read *r, struct disk_waiter *w);

/* --- cache_disk_large.c ---------------------------------------------------------------------- */

/* Leaves NULL behind; *part may be NULL. */
void disk_part_unref(struct disk_part **part);
/* By the writing thread: a job with a part. `room` makes room for n bytes more. */
void disk_part_run(
	struct cache_disk *d, struct disk_job *job, bool (*room)(struct cache_disk *d, uint64_t n));
/* Those that have come to nothing, or all, lose their files. */
void disk_parts_sweep(struct cache_disk *d, bool all);
/* Appends the job. w and ret_waits: of bytes of a large one, see cache_disk_part_add. False: the
 * queue is full. */
bool disk_queue_answer(
	struct cache_disk *d, struct disk_job *job, struct disk_waiter *w, bool *ret_waits);
/* The bytes of memory that it takes while it waits. */
uint64_t disk_job_bytes(const struct disk_job *job);
/* A purge of the URL, for which nobody waits. */
void disk_kill_url(struct cache_disk *d, struct slice url);
/* By the writing thread: said once until something works again. */
void disk_complain(struct cache_disk *d, const char *what, int errnum);
/* It is not written, and what it replaces must not come back. */
void disk_drop_answer(struct cache_disk *d, struct disk_job *job);

#endif
