/*
 * The thread that writes: it has the folder, writes what is queued in the order of coming, evicts,
 * and builds the index when it gets the folder. Its states are DISK_STATE_TABLE's.
 */
#include "proxy/cache/cache_disk_parts.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/own.h"
#include "proxy/cache/cache_disk_load.h"
#include "proxy/cache/cache_disk_plan.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#define WAIT_MS 50      /* how often it asks whether another process has let the folder go */
#define RETRY_MS 5000   /* after a failure */
#define QUIET_MS 600000 /* what fails again within this time is not said again */
#define SYNC_MS 1000    /* what was invalidated is safe from power failures this much later */
#define WATCH_MS 5000   /* how often it looks at the free space */
#define IDLE_MS 3600000

static enum disk_state
state_of(struct cache_disk *d)
{
	return (enum disk_state)atomic_load(&d->state);
}

static void
set_state(struct cache_disk *d, enum disk_state state)
{
	static const char *const names[] = {
#define DISK_STATE_NAME(id, word, what) #id,
		CACHE_DISK_STATE_TABLE(DISK_STATE_NAME)
#undef DISK_STATE_NAME
	};

	log_debug("disk cache", kv_s("from", names[atomic_load(&d->state)]),
		kv_s("to", names[state]));
	atomic_store(&d->state, (int)state);
}

static void
note_bytes(struct cache_disk *d)
{
	atomic_store(&d->bytes, d->folder.bytes);
}

/* A disk that is nearly full takes one answer and refuses the next: neither is news for long. */
static bool
is_news(uint64_t *last_ms)
{
	uint64_t now = clock_mono_ms();
	bool news = *last_ms == 0 || now - *last_ms > QUIET_MS;

	*last_ms = now;
	return news;
}

void
disk_complain(struct cache_disk *d, const char *what, int errnum)
{
	disk_bump(d, DISK_COUNTER_ERRORS);
	if (is_news(&d->refused_ms))
		log_error("the disk cache cannot go on as it should", kv_s("what", what),
			kv_s("error", strerrordesc_np(errnum)));
}

/* --- jobs ------------------------------------------------------------------------------------ */

static void
end_job(struct cache_disk *d, struct disk_job *job)
{
	pthread_mutex_lock(&d->lock);
	if (disk_job_is_kill(job)) {
		d->n_kills--;
	} else {
		d->n_answers--;
		d->job_bytes -= disk_job_bytes(job);
	}
	disk_job_tell(job);
	pthread_mutex_unlock(&d->lock);
	disk_job_free(d, job);
}

static struct disk_job *
take_job(struct cache_disk *d)
{
	struct list *node;

	pthread_mutex_lock(&d->lock);
	node = list_first(&d->jobs);
	if (node)
		list_remove(node);
	pthread_mutex_unlock(&d->lock);
	return node ? list_entry(node, struct disk_job, node) : NULL;
}

/* Nothing can be written: answers go, and what purges were for must never be found. */
static void
drop_jobs(struct cache_disk *d)
{
	struct disk_job *job;

	while ((job = take_job(d)) != NULL) {
		if (job->entry)
			disk_index_drop(d->index, job->entry);
		if (job->part)
			atomic_store(&job->part->failed, true);
		if (disk_job_is_kill(job))
			d->owes_clear = true;
		end_job(d, job);
	}
}

/* --- room ------------------------------------------------------------------------------------ */

/* Nothing of it is found any more, and its file goes. 0 or -1. */
static int
remove_segment(struct cache_disk *d, struct disk_segment *s)
{
	struct disk_found where;
	struct disk_entry *e;

	while ((e = disk_index_first_of(d->index, s, &where)) != NULL) {
		disk_index_drop(d->index, e);
		disk_index_release(d->index, &e);
		disk_bump(d, DISK_COUNTER_EVICTED);
	}
	if (disk_folder_remove(&d->folder, s) == 0)
		return 0;
	disk_complain(d, "a file cannot be deleted", errno);
	return -1;
}

/* Once more into the file that grows, unless it cannot be read or is not right any more. */
static bool
write_again(struct cache_disk *d, struct disk_entry *e, const struct disk_found *where,
	struct buf *meta)
{
	_free_ char *body = malloc(where->body_n ? where->body_n : 1);
	struct disk_place place;
	struct disk_record r;
	int errnum;

	return body && disk_file_read(where, meta, body, &r) == 0 &&
	       disk_folder_append(
		       &d->folder, &r, slice_of(body, (size_t)r.body_n), &place, &errnum) == 0 &&
	       disk_index_place(d->index, e, &place);
}

/* What was asked for since it was written, or is in memory now, is worth keeping. */
static bool
is_used(struct cache_disk *d, const struct disk_entry *e)
{
	return atomic_load_explicit(&e->uses, memory_order_relaxed) > 0 ||
	       cache_store_holds(d->store, e->hash, disk_entry_url(e));
}

/* What is void of the large ones takes room for nothing. True: some has gone. */
static bool
remove_void(struct cache_disk *d)
{
	struct disk_found where;
	struct disk_entry *e;
	bool some = false;

	list_each(node, &d->folder.segments)
	{
		struct disk_segment *s = list_entry(node, struct disk_segment, node);

		if (!disk_segment_is_large(s))
			continue;
		e = disk_index_first_of(d->index, s, &where);
		if (!e)
			some |= remove_segment(d, s) == 0;
		disk_index_release(d->index, &e);
	}
	return some;
}

/* The oldest file goes; up to half of it is written again. A large answer that was read lately
 * becomes the newest instead. */
static int
evict(struct cache_disk *d, bool keep)
{
	struct disk_segment *s =
		list_entry(list_first(&d->folder.segments), struct disk_segment, node);
	uint64_t room = s == d->folder.active || !keep ? 0 : s->bytes / 2;
	struct disk_found where;
	struct disk_entry *e;
	struct buf meta;

	if (keep && disk_segment_is_large(s) && atomic_exchange(&s->used, false)) {
		list_remove(&s->node);
		list_append(&d->folder.segments, &s->node);
		return 0;
	}
	buf_init(&meta, DISK_META_MAX);
	while (room > 0 && (e = disk_index_first_of(d->index, s, &where)) != NULL) {
		uint64_t n = where.meta_n + where.body_n;

		if (n <= room && is_used(d, e) && write_again(d, e, &where, &meta)) {
			room -= n;
		} else {
			disk_index_drop(d->index, e);
			disk_bump(d, DISK_COUNTER_EVICTED);
		}
		disk_index_release(d->index, &e);
	}
	buf_clear(&meta);
	return remove_segment(d, s);
}

/* How many bytes the files may have now. */
static uint64_t
allowance(struct cache_disk *d)
{
	struct disk_room room = {.budget = d->now.budget, .used = d->folder.bytes};
	uint64_t size;

	if (disk_folder_room(&d->folder, &room.free, &size) < 0)
		return 0;
	room.floor = d->now.floor ? d->now.floor : cache_disk_default_floor(size);
	room.spare = d->folder.segment_max;
	return disk_plan_allowance(&room);
}

/* The index is charged to the memory tier, which is to have something to find as well. */
static bool
index_fits(struct cache_disk *d, const struct disk_counts *counts)
{
	uint64_t budget = cache_store_budget(d->store);

	return counts->objects <= DISK_OBJECTS_MAX &&
	       (budget == 0 || counts->index_bytes <= budget / 4 * DISK_INDEX_QUARTERS);
}

/* Evicts until n bytes more are allowed. False: they never are. */
static bool
make_room(struct cache_disk *d, uint64_t n)
{
	struct disk_counts counts;

	for (;;) {
		disk_index_count(d->index, &counts);
		if (d->folder.bytes + n <= allowance(d) && index_fits(d, &counts) &&
			d->folder.n_segments < DISK_SEGMENTS_MAX)
			return true;
		if (remove_void(d))
			continue;
		if (d->folder.n_segments == 0 || evict(d, true) < 0)
			return false;
	}
}

/* --- writing --------------------------------------------------------------------------------- */

static int remove_all(struct cache_disk *d);

/* The one thing that cannot be left out. With a full disk the oldest answers make room for it;
 * where all of them have gone, it has nothing left to say. */
static int
write_kill(struct cache_disk *d, enum disk_kind kind, struct slice what)
{
	struct disk_record r = {
		.kind = kind, .url = what, .came_wall_ms = (int64_t)clock_wall_ms()};
	struct disk_place place;
	int errnum;

	while (disk_folder_append(&d->folder, &r, (struct slice){0}, &place, &errnum) < 0) {
		if (d->folder.n_segments == 0)
			return 0;
		if (errnum == ENOSPC || errnum == EDQUOT ? evict(d, false) < 0 : remove_all(d) < 0)
			return -1;
	}
	return 0;
}

static void
fail(struct cache_disk *d, const char *what, int errnum)
{
	disk_complain(d, what, errnum);
	set_state(d, DISK_STATE_FAILED);
	disk_index_set_ready(d->index, false);
	(void)disk_index_kill(d->index, DISK_KILL_PREFIX, (struct slice){0}, UINT64_MAX, true);
	disk_parts_sweep(d, true);
	disk_folder_close(&d->folder);
	note_bytes(d);
	d->next_try_ms = clock_mono_ms() + RETRY_MS;
	drop_jobs(d);
}

static void
owe_sync(struct cache_disk *d)
{
	d->folder.unsynced = true;
	d->sync_ms = clock_mono_ms() + SYNC_MS;
}

static void
run_kill(struct cache_disk *d, struct disk_job *job)
{
	int rc = write_kill(d, job->kind, slice_of(job->text, job->n));

	if (rc == 0 && job->durable)
		rc = disk_folder_sync(&d->folder);
	else if (rc == 0 && !d->folder.unsynced)
		owe_sync(d);
	if (rc < 0) {
		d->owes_clear = true;
		fail(d, "a purge cannot be written: what was purged may be found after a restart",
			errno);
	}
}

/* There is no room even without all that is stored: others have filled the disk. */
static void
complain_full(struct cache_disk *d)
{
	if (is_news(&d->full_ms))
		log_warn("the disk of the cache is full, answers are stored in memory only");
}

static void
run_answer(struct cache_disk *d, struct disk_job *job)
{
	const struct cache_object *o = job->object;
	struct disk_record r = disk_record_of(d, job, cache_object_body(o).n);
	struct disk_extent extent;
	struct disk_place place;
	int errnum = 0;

	if (disk_index_is_dropped(d->index, job->entry))
		return;
	disk_record_extent(&r, &extent);
	if (!make_room(d, extent.meta + extent.body)) {
		complain_full(d);
	} else if (disk_folder_append(&d->folder, &r, cache_object_body(o), &place, &errnum) == 0) {
		/* Dropped in this moment: the purge that did it stands behind us in the queue. */
		(void)disk_index_place(d->index, job->entry, &place);
		disk_bump(d, DISK_COUNTER_WRITES);
		return;
	}
	if (errnum)
		disk_complain(d, "an answer cannot be written", errnum);
	disk_bump(d, DISK_COUNTER_DROPPED);
	disk_index_drop(d->index, job->entry);
	if (job->replaced && write_kill(d, DISK_KILL_URL, o->url) < 0) {
		d->owes_clear = true;
		fail(d, "a purge cannot be written", errno);
	}
}

/* --- getting and leaving the folder ---------------------------------------------------------- */

/* Every file of ours goes. 0 or -1. */
static int
remove_all(struct cache_disk *d)
{
	struct list *node;

	while ((node = list_first(&d->folder.segments)) != NULL)
		if (remove_segment(d, list_entry(node, struct disk_segment, node)) < 0)
			return -1;
	return 0;
}

static void
leave_folder(struct cache_disk *d, bool keep)
{
	disk_index_set_ready(d->index, false);
	disk_parts_sweep(d, true);
	if (d->folder.fd >= 0 && !keep)
		(void)remove_all(d);
	/* Those that wait stay: they are for what comes. */
	(void)disk_index_kill(d->index, DISK_KILL_PREFIX, (struct slice){0}, UINT64_MAX, false);
	disk_folder_close(&d->folder);
	d->now.folder = close_fd(d->now.folder);
	d->owes_clear = false;
	d->refused_ms = d->full_ms = 0;
	note_bytes(d);
}

static bool
same_folder(int a, int b)
{
	struct stat first, second;

	return a >= 0 && b >= 0 && fstat(a, &first) == 0 && fstat(b, &second) == 0 &&
	       first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

static void
take_settings(struct cache_disk *d)
{
	struct cache_disk_settings s;

	pthread_mutex_lock(&d->lock);
	s = d->wanted;
	d->wanted.folder = -1;
	d->changed = false;
	pthread_mutex_unlock(&d->lock);
	if (same_folder(s.folder, d->now.folder)) {
		close_fd(s.folder);
		d->now.budget = s.budget;
		d->now.floor = s.floor;
		d->folder.segment_max = disk_segment_size(s.budget);
		d->next_try_ms = 0;
		if (state_of(d) == DISK_STATE_OPEN)
			(void)make_room(d, 0);
		else
			set_state(d, DISK_STATE_WAITING);
		note_bytes(d);
		return;
	}
	leave_folder(d, s.keep);
	d->now = s;
	d->next_try_ms = 0;
	if (s.folder < 0) {
		set_state(d, DISK_STATE_OFF);
		drop_jobs(d);
		d->owes_clear = false;
	} else {
		set_state(d, DISK_STATE_WAITING);
	}
}

/* What was purged while it was loading. */
static void
apply_queued_kills(struct cache_disk *d)
{
	pthread_mutex_lock(&d->lock);
	list_each(node, &d->jobs)
	{
		const struct disk_job *job = list_entry(node, struct disk_job, node);

		if (disk_job_is_kill(job))
			(void)disk_index_kill(d->index, job->kind, slice_of(job->text, job->n),
				UINT64_MAX, false);
	}
	disk_index_set_ready(d->index, true);
	set_state(d, DISK_STATE_OPEN);
	pthread_mutex_unlock(&d->lock);
}

static void
load_folder(struct cache_disk *d)
{
	uint64_t began_us = clock_mono_us();
	struct disk_loaded loaded;
	struct err e = {0};

	set_state(d, DISK_STATE_LOADING);
	if (disk_folder_list(&d->folder, &e) < 0) {
		fail(d, e.msg, errno);
		return;
	}
	if (d->owes_clear && remove_all(d) < 0) {
		fail(d, "what was purged cannot be deleted", errno);
		return;
	}
	d->owes_clear = false;
	if (disk_load(&d->folder, d->index, &d->stop, &loaded) < 0) {
		if (!atomic_load(&d->stop))
			fail(d, "the index cannot be built", ENOMEM);
		return;
	}
	atomic_store(&d->latest_wall_ms, loaded.latest_wall_ms);
	for (uint64_t i = 0; i < loaded.damaged; i++)
		disk_bump(d, DISK_COUNTER_CORRUPTED);
	apply_queued_kills(d);
	(void)make_room(d, 0);
	note_bytes(d);
	log_info("disk cache", kv_u("answers", loaded.answers), kv_u("bytes", d->folder.bytes),
		kv_u("damaged", loaded.damaged), kv_u("us", clock_mono_us() - began_us));
}

static void
try_folder(struct cache_disk *d)
{
	struct err e = {0};
	int rc = disk_folder_open(&d->folder, d->now.folder, &e);

	if (rc < 0) {
		fail(d, e.msg, errno);
		return;
	}
	if (rc > 0) {
		set_state(d, DISK_STATE_WAITING);
		d->next_try_ms = clock_mono_ms() + WAIT_MS;
		return;
	}
	d->folder.segment_max = disk_segment_size(d->now.budget);
	load_folder(d);
}

/* --- the thread ------------------------------------------------------------------------------ */

enum errand { ERRAND_JOB, ERRAND_SETTINGS, ERRAND_TICK, ERRAND_END };

/* How long it may sleep. */
static uint64_t
patience_ms(struct cache_disk *d, uint64_t now_ms)
{
	switch (state_of(d)) {
	case DISK_STATE_OPEN:
		return d->folder.unsynced ? SYNC_MS : WATCH_MS;
	case DISK_STATE_WAITING:
	case DISK_STATE_FAILED:
		return d->next_try_ms > now_ms ? d->next_try_ms - now_ms : 0;
	case DISK_STATE_OFF:
	case DISK_STATE_LOADING:
		break;
	}
	return IDLE_MS;
}

static enum errand
next_errand(struct cache_disk *d)
{
	uint64_t wait_ms = patience_ms(d, clock_mono_ms());
	struct timespec until;
	enum errand errand = ERRAND_TICK;
	int rc = 0;

	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += (time_t)(wait_ms / 1000);
	until.tv_nsec += (long)(wait_ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	pthread_mutex_lock(&d->lock);
	for (;;) {
		bool waits = state_of(d) == DISK_STATE_WAITING;

		if (!waits && !list_empty(&d->jobs))
			errand = ERRAND_JOB;
		else if (d->changed)
			errand = ERRAND_SETTINGS;
		else if (!waits && atomic_load(&d->sweep))
			errand = ERRAND_TICK;
		else if (d->ending)
			errand = ERRAND_END;
		else if (rc == 0 && wait_ms > 0) {
			rc = pthread_cond_timedwait(&d->to_write, &d->lock, &until);
			continue;
		}
		break;
	}
	pthread_mutex_unlock(&d->lock);
	return errand;
}

static void
sync_if_due(struct cache_disk *d)
{
	if (d->folder.unsynced && clock_mono_ms() >= d->sync_ms && disk_folder_sync(&d->folder) < 0)
		disk_complain(d, "what was written cannot be made safe", errno);
}

static void
run_job(struct cache_disk *d)
{
	struct disk_job *job;

	if (state_of(d) != DISK_STATE_OPEN) {
		drop_jobs(d);
		return;
	}
	job = take_job(d);
	if (!job)
		return;
	if (job->part)
		disk_part_run(d, job, make_room);
	else if (job->entry)
		run_answer(d, job);
	else
		run_kill(d, job);
	note_bytes(d);
	end_job(d, job);
	sync_if_due(d);
}

static void
tick(struct cache_disk *d)
{
	disk_parts_sweep(d, false);
	switch (state_of(d)) {
	case DISK_STATE_OPEN:
		sync_if_due(d);
		(void)remove_void(d);
		(void)make_room(d, 0);
		note_bytes(d);
		break;
	case DISK_STATE_WAITING:
	case DISK_STATE_FAILED:
		try_folder(d);
		break;
	case DISK_STATE_OFF:
	case DISK_STATE_LOADING:
		break;
	}
}

void *
disk_write_run(void *arg)
{
	struct cache_disk *d = arg;

	for (;;) {
		switch (next_errand(d)) {
		case ERRAND_JOB:
			run_job(d);
			break;
		case ERRAND_SETTINGS:
			take_settings(d);
			break;
		case ERRAND_TICK:
			tick(d);
			break;
		case ERRAND_END:
			leave_folder(d, true);
			return NULL;
		}
	}
}
