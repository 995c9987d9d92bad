/* The disk tier as the other threads see it: the index, and what they put into the queues. */
#include "proxy/cache/cache_disk.h"

#include "core/clock.h"
#include "core/file.h"
#include "core/own.h"
#include "core/report.h"
#include "proxy/cache/cache_disk_parts.h"

#include <errno.h>
#include <stdlib.h>

#define BOOT_MAX 64
#define FLOOR_SHARE 20                /* a twentieth of the file system stays free, */
#define FLOOR_MAX (UINT64_C(1) << 30) /* but not more than that */

/* --- life ------------------------------------------------------------------------------------ */

/* Which boot of the machine this is; where nobody says so, another one than all before. */
static uint64_t
read_boot(void)
{
	const struct siphash_key fixed = {.k0 = 1, .k1 = 2};
	struct siphash_key drawn;
	struct err e = {0};
	struct buf text;
	uint64_t boot;

	buf_init(&text, BOOT_MAX);
	if (file_read(CACHE_DISK_BOOT_FILE, &text, &e) == 0)
		boot = siphash(&fixed, buf_slice(&text));
	else
		boot = siphash_key_new(&drawn) == 0 ? drawn.k0 : clock_wall_ms();
	buf_clear(&text);
	return boot;
}

struct cache_disk *
cache_disk_new(struct cache_store *store, struct err *e)
{
	struct cache_disk *d = calloc(1, sizeof(*d));
	pthread_condattr_t monotonic;

	if (d)
		d->index = disk_index_new(store);
	if (!d || !d->index) {
		free(d);
		(void)err_set(e, "out of memory");
		return NULL;
	}
	d->store = store;
	d->boot = read_boot();
	d->wanted.folder = d->now.folder = -1;
	(void)pthread_mutex_init(&d->lock, NULL);
	(void)pthread_condattr_init(&monotonic);
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&d->to_write, &monotonic);
	(void)pthread_condattr_destroy(&monotonic);
	(void)pthread_cond_init(&d->to_read, NULL);
	list_init(&d->jobs);
	list_init(&d->parts);
	list_init(&d->queue);
	for (size_t i = 0; i < DISK_READ_BUCKETS; i++)
		list_init(&d->reads[i]);
	disk_folder_init(&d->folder);
	return d;
}

static void
stop_threads(struct cache_disk *d)
{
	pthread_mutex_lock(&d->lock);
	d->ending = true;
	atomic_store(&d->stop, true);
	pthread_cond_broadcast(&d->to_write);
	pthread_cond_broadcast(&d->to_read);
	pthread_mutex_unlock(&d->lock);
	if (!d->running)
		return;
	for (size_t i = 0; i < DISK_READERS; i++)
		pthread_join(d->readers[i], NULL);
	pthread_join(d->writer, NULL);
}

void
cache_disk_free(struct cache_disk **d)
{
	struct cache_disk *gone = steal_ptr(d);

	if (!gone)
		return;
	stop_threads(gone);
	list_each(node, &gone->jobs) disk_job_free(gone, list_entry(node, struct disk_job, node));
	disk_index_free(&gone->index);
	close_fd(gone->wanted.folder);
	close_fd(gone->now.folder);
	pthread_cond_destroy(&gone->to_read);
	pthread_cond_destroy(&gone->to_write);
	pthread_mutex_destroy(&gone->lock);
	free(gone);
}

static int
start_threads(struct cache_disk *d, struct err *e)
{
	int error = pthread_create(&d->writer, NULL, disk_write_run, d);

	if (error)
		return err_errno(e, error, "cannot start a thread");
	(void)pthread_setname_np(d->writer, "cache-write");
	for (size_t i = 0; i < DISK_READERS; i++) {
		error = pthread_create(&d->readers[i], NULL, disk_read_run, d);
		if (error) /* without them the process has no room for anything else either */
			abort();
		(void)pthread_setname_np(d->readers[i], "cache-read");
	}
	d->running = true;
	return 0;
}

int
cache_disk_configure(
	struct cache_disk *d, const struct cache_disk_settings *settings, struct err *e)
{
	int state;

	if (settings->folder < 0 && !d->running)
		return 0;
	if (!d->running && start_threads(d, e) < 0) {
		close_fd(settings->folder);
		return -1;
	}
	pthread_mutex_lock(&d->lock);
	close_fd(d->wanted.folder);
	d->wanted = *settings;
	d->changed = true;
	atomic_store(&d->budget, settings->folder < 0 ? 0 : settings->budget);
	state = atomic_load(&d->state);
	/* From this moment on purges count. */
	if (settings->folder >= 0 && (state == DISK_STATE_OFF || state == DISK_STATE_FAILED))
		atomic_store(&d->state, DISK_STATE_WAITING);
	pthread_cond_signal(&d->to_write);
	pthread_mutex_unlock(&d->lock);
	return 0;
}

uint64_t
cache_disk_default_floor(uint64_t size)
{
	uint64_t share = size / FLOOR_SHARE;

	return share < FLOOR_MAX ? share : FLOOR_MAX;
}

/* --- finding --------------------------------------------------------------------------------- */

static struct disk_read *
find_read(struct list *bucket, const struct disk_found *found)
{
	list_each(node, bucket)
	{
		struct disk_read *r = list_entry(node, struct disk_read, node);

		if (r->found.segment == found->segment && r->found.offset == found->offset)
			return r;
	}
	return NULL;
}

/* A new one in the queue, under the lock, with the found segment's reference; NULL: too many. */
static struct disk_read *
queue_read(struct cache_disk *d, struct list *bucket, struct disk_found *found,
	const struct cache_mark *mark)
{
	struct disk_read *r = d->n_reads < DISK_READS_MAX ? calloc(1, sizeof(*r)) : NULL;

	if (!r)
		return NULL;
	list_init(&r->waiters);
	r->found = *found;
	found->segment = NULL;
	r->mark = *mark;
	list_append(bucket, &r->node);
	list_append(&d->queue, &r->queued);
	d->n_reads++;
	pthread_cond_signal(&d->to_read);
	return r;
}

bool
disk_queue_read(struct cache_disk *d, struct disk_read *r, struct disk_waiter *w)
{
	bool taken;

	list_init(&r->node);
	list_init(&r->waiters);
	list_init(&w->node);
	w->job = NULL;
	w->piece = NULL;
	pthread_mutex_lock(&d->lock);
	taken = d->n_reads < DISK_READS_MAX;
	w->waiting = taken;
	if (taken) {
		list_append(&r->waiters, &w->node);
		list_append(&d->queue, &r->queued);
		d->n_reads++;
		pthread_cond_signal(&d->to_read);
	}
	pthread_mutex_unlock(&d->lock);
	return taken;
}

bool
cache_disk_is_open(struct cache_disk *d)
{
	return atomic_load_explicit(&d->state, memory_order_relaxed) == DISK_STATE_OPEN;
}

bool
cache_disk_find(struct cache_disk *d, const struct cache_key *key,
	const struct http_request *request, const struct cache_mark *mark, struct disk_waiter *w)
{
	struct disk_found found;
	struct disk_read *r;
	struct list *bucket;

	if (!disk_index_find(d->index, key, request, DISK_BODY_MAX, &found))
		return false;
	bucket = &d->reads[found.serial % DISK_READ_BUCKETS];
	list_init(&w->node);
	w->job = NULL;
	w->piece = NULL;
	w->waiting = false;
	pthread_mutex_lock(&d->lock);
	r = find_read(bucket, &found);
	if (!r)
		r = queue_read(d, bucket, &found, mark);
	if (r) {
		w->waiting = true;
		list_append(&r->waiters, &w->node);
	}
	pthread_mutex_unlock(&d->lock);
	disk_segment_unref(&found.segment);
	return r != NULL;
}

bool
cache_disk_leave(struct cache_disk *d, struct disk_waiter *w)
{
	bool waiting;

	pthread_mutex_lock(&d->lock);
	waiting = w->waiting;
	w->waiting = false;
	list_remove(&w->node);
	if (w->job)
		w->job->waiter = NULL;
	w->job = NULL;
	pthread_mutex_unlock(&d->lock);
	return waiting;
}

/* --- jobs ------------------------------------------------------------------------------------ */

void
disk_job_tell(struct disk_job *job)
{
	struct disk_waiter *w = steal_ptr(&job->waiter);

	if (!w)
		return;
	w->job = NULL;
	w->waiting = false;
	w->on_done(w);
}

struct disk_record
disk_record_of(const struct cache_disk *d, const struct disk_job *job, uint64_t body_n)
{
	const struct cache_object *o = job->object;

	return (struct disk_record){.kind = DISK_ANSWER,
		.boot = d->boot,
		.came_wall_ms = job->came_wall_ms,
		.came_mono_ms = o->came_ms,
		.terms = o->terms,
		.status = o->status,
		.coded = o->coded,
		.url = o->url,
		.scope = o->scope,
		.vary = o->vary,
		.key = o->key,
		.tags = o->tags,
		.head = o->head,
		.body_n = body_n};
}

void
disk_job_free(struct cache_disk *d, struct disk_job *job)
{
	list_remove(&job->node);
	disk_index_release(d->index, &job->entry);
	cache_object_unref(&job->object);
	cache_body_unref(&job->bytes);
	disk_part_unref(&job->part);
	free(job);
}

static bool
takes_answers(struct cache_disk *d)
{
	int state = atomic_load_explicit(&d->state, memory_order_relaxed);

	return state == DISK_STATE_OPEN || state == DISK_STATE_LOADING ||
	       state == DISK_STATE_WAITING;
}

static struct disk_job *
kill_new(enum disk_kind kind, struct slice what, bool durable)
{
	struct disk_job *job = calloc(1, sizeof(*job) + what.n);

	if (!job)
		abort(); /* what must go can't be forgotten */
	job->kind = kind;
	job->durable = durable;
	job->n = what.n;
	if (what.n)
		memcpy(job->text, what.p, what.n);
	return job;
}

static bool
is_kill_of_all(struct list *node)
{
	const struct disk_job *job = list_entry(node, struct disk_job, node);

	return disk_job_is_kill(job) && job->kind == DISK_KILL_PREFIX && job->n == 0;
}

/* Under the lock. */
static void
await(struct disk_job *job, struct disk_waiter *w)
{
	list_init(&w->node);
	w->job = job;
	w->piece = NULL;
	w->waiting = true;
	job->waiter = w;
}

/* Behind all that is queued. With too many, all that is written before it goes. */
static void
queue_kill(struct cache_disk *d, struct disk_job *job, struct disk_waiter *w)
{
	bool too_many;

	pthread_mutex_lock(&d->lock);
	too_many = d->n_kills >= DISK_KILLS_MAX && !w;
	if (too_many) {
		job->kind = DISK_KILL_PREFIX;
		job->n = 0;
	}
	if (too_many && !list_empty(&d->jobs) && is_kill_of_all(d->jobs.prev)) {
		free(job);
	} else {
		d->n_kills++;
		list_append(&d->jobs, &job->node);
		if (w)
			await(job, w);
		pthread_cond_signal(&d->to_write);
	}
	pthread_mutex_unlock(&d->lock);
}

void
disk_kill_url(struct cache_disk *d, struct slice url)
{
	queue_kill(d, kill_new(DISK_KILL_URL, url, false), NULL);
}

uint64_t
disk_job_bytes(const struct disk_job *job)
{
	uint64_t n = job->bytes ? job->bytes->cap : 0;

	return job->object ? n + cache_object_body(job->object).n + job->object->size : n;
}

bool
disk_queue_answer(
	struct cache_disk *d, struct disk_job *job, struct disk_waiter *w, bool *ret_waits)
{
	uint64_t max = cache_store_object_max(d->store) * CACHE_OBJECT_SHARE / DISK_QUEUE_SHARE;
	uint64_t n = disk_job_bytes(job);
	bool fits, taken;

	if (job->part && max < DISK_PIECES_MIN * CACHE_FAR_PIECE)
		max = DISK_PIECES_MIN * CACHE_FAR_PIECE;
	/* What waits is charged to the memory tier, which is to have room for others. Who brings a
	 * large one stops when it is enough. */
	pthread_mutex_lock(&d->lock);
	fits = d->n_answers == 0 || d->job_bytes + n <= max;
	taken = d->n_answers < DISK_WRITES_MAX && (fits || job->part);
	*ret_waits = taken && !fits && w;
	if (taken) {
		d->n_answers++;
		d->job_bytes += n;
		list_append(&d->jobs, &job->node);
		if (*ret_waits)
			await(job, w);
		pthread_cond_signal(&d->to_write);
	}
	pthread_mutex_unlock(&d->lock);
	return taken;
}

/* An older one with the same keys must not come back in its place. */
void
disk_drop_answer(struct cache_disk *d, struct disk_job *job)
{
	disk_index_drop(d->index, job->entry);
	if (job->replaced ||
		atomic_load_explicit(&d->state, memory_order_relaxed) != DISK_STATE_OPEN)
		disk_kill_url(d, job->object->url);
	list_init(&job->node);
	disk_job_free(d, job);
}

void
cache_disk_store(struct cache_disk *d, struct cache_object *o, const struct cache_mark *mark)
{
	uint64_t max = atomic_load_explicit(&d->budget, memory_order_relaxed) / DISK_OBJECT_SHARE;
	struct disk_job *job;
	bool waits;

	if (!takes_answers(d))
		return;
	job = calloc(1, sizeof(*job));
	if (!job)
		return;
	list_init(&job->node);
	job->came_wall_ms = (int64_t)(clock_wall_ms() - (clock_mono_ms() - o->came_ms));
	job->entry = disk_index_begin(d->index, o, mark, job->came_wall_ms, &job->replaced);
	if (!job->entry) {
		free(job);
		return;
	}
	job->object = cache_object_ref(o);
	if (o->size + cache_object_body(o).n > max) {
		disk_drop_answer(d, job);
	} else if (!disk_queue_answer(d, job, NULL, &waits)) {
		disk_bump(d, DISK_COUNTER_DROPPED);
		disk_drop_answer(d, job);
	}
}

void
cache_disk_freshen(struct cache_disk *d, const struct cache_object *old, struct cache_object *o,
	const struct cache_mark *mark)
{
	const struct cache_terms *a = &old->terms, *b = &o->terms;

	/* What is stale now would be so after a restart as well: nothing is lost. And nobody writes
	 * a large one for the sake of a minute. */
	if (o->far || (a->lifetime_s == b->lifetime_s && a->while_s == b->while_s &&
			      a->if_error_s == b->if_error_s && a->no_cache == b->no_cache &&
			      b->lifetime_s - b->born_s < DISK_FRESH_MIN))
		return;
	cache_disk_store(d, o, mark);
}

/* --- purges ---------------------------------------------------------------------------------- */

/* While it is loading, the index does not know what is there. */
bool
cache_disk_is_loading(struct cache_disk *d)
{
	int state = atomic_load(&d->state);

	return state == DISK_STATE_WAITING || state == DISK_STATE_LOADING;
}

bool
cache_disk_invalidate(struct cache_disk *d, struct slice url, struct disk_waiter *w)
{
	bool blind = cache_disk_is_loading(d);
	size_t n;

	if (!d->running || atomic_load(&d->state) == DISK_STATE_OFF)
		return false;
	if (blind) /* what is loaded behind our back meets it in the queue */
		queue_kill(d, kill_new(DISK_KILL_URL, url, false), w);
	n = disk_index_invalidate(d->index, url);
	if (n == 0 && !blind)
		return false;
	if (!blind)
		queue_kill(d, kill_new(DISK_KILL_URL, url, false), w);
	return w != NULL;
}

bool
cache_disk_purge(struct cache_disk *d, enum disk_kind kind, struct slice what,
	struct disk_waiter *w, uint64_t *ret_n)
{
	*ret_n = 0;
	if (!d->running || atomic_load(&d->state) == DISK_STATE_OFF)
		return false;
	queue_kill(d, kill_new(kind, what, true), w);
	*ret_n = disk_index_kill(d->index, kind, what, UINT64_MAX, true);
	return true;
}

/* --- looking --------------------------------------------------------------------------------- */

void
cache_disk_each(struct cache_disk *d, bool (*see)(const struct disk_entry *e, void *ctx), void *ctx)
{
	disk_index_each(d->index, see, ctx);
}

bool
cache_disk_show(struct cache_disk *d, struct slice url, struct disk_waiter *w)
{
	struct disk_found found[DISK_VARIANTS_MAX];
	size_t n = disk_index_find_all(d->index, url, DISK_VARIANTS_MAX, found);
	struct disk_read *r = n > 0 ? calloc(1, sizeof(*r)) : NULL;

	if (r)
		r->shown = malloc(n * sizeof(found[0]));
	if (r && r->shown) {
		memcpy(r->shown, found, n * sizeof(found[0]));
		r->n_shown = n;
		buf_init(&r->report, REPORT_MAX);
		if (disk_queue_read(d, r, w))
			return true;
	}
	for (size_t i = 0; i < n; i++)
		disk_segment_unref(&found[i].segment);
	free(r ? r->shown : NULL);
	free(r);
	return false;
}

void
cache_disk_count(struct cache_disk *d, struct stats *stats)
{
	static const enum stat_id ids[DISK_COUNTER_COUNT] = {
#define DISK_COUNTER_STAT(id) [DISK_COUNTER_##id] = STAT_CACHE_DISK_##id,
		DISK_COUNTER_TABLE(DISK_COUNTER_STAT)
#undef DISK_COUNTER_STAT
	};
	struct disk_counts c;

	disk_index_count(d->index, &c);
	atomic_store(&stats->value[STAT_CACHE_DISK_OBJECTS], c.objects);
	atomic_store(&stats->value[STAT_CACHE_DISK_STATE], (uint64_t)atomic_load(&d->state));
	atomic_store(&stats->value[STAT_CACHE_DISK_BYTES], atomic_load(&d->bytes));
	atomic_store(&stats->value[STAT_CACHE_DISK_INDEX], d->running ? c.index_bytes : 0);
	for (size_t i = 0; i < DISK_COUNTER_COUNT; i++)
		atomic_store(&stats->value[ids[i]], atomic_load(&d->counters[i]));
}
