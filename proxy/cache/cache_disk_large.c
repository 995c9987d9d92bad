/*
 * Answers that are too large for memory. One is written while it comes, piece by piece, into a file
 * of its own that is a segment only when all of it is there: whatever ends before that leaves
 * nothing. It is read in pieces as well, each checked before a byte of it goes to anyone.
 */
#include "proxy/cache/cache_disk_parts.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/own.h"

#include <errno.h>
#include <stdlib.h>

/* --- by who brings it ------------------------------------------------------------------------ */

uint64_t
cache_disk_large_max(struct cache_disk *d)
{
	uint64_t max = atomic_load_explicit(&d->budget, memory_order_relaxed) / DISK_LARGE_SHARE;

	if (!cache_disk_is_open(d))
		return 0;
	return max < DISK_BODY_MAX ? max : DISK_BODY_MAX;
}

struct disk_part *
cache_disk_part_new(struct cache_disk *d, size_t texts_n, uint64_t body_n)
{
	struct disk_part *part = NULL;

	if (cache_disk_is_open(d) && atomic_fetch_add(&d->n_parts, 1) < DISK_PARTS_MAX)
		part = calloc(1, sizeof(*part));
	else if (cache_disk_is_open(d))
		disk_bump(d, DISK_COUNTER_DROPPED);
	else
		return NULL;
	if (!part) {
		(void)atomic_fetch_sub(&d->n_parts, 1);
		return NULL;
	}
	atomic_init(&part->refs, 1);
	part->disk = d;
	part->room = disk_record_room(texts_n, body_n);
	list_init(&part->node);
	buf_init(&part->sums, disk_record_room(0, DISK_BODY_MAX));
	return part;
}

static struct disk_part *
part_ref(struct disk_part *part)
{
	(void)atomic_fetch_add_explicit(&part->refs, 1, memory_order_relaxed);
	return part;
}

void
disk_part_unref(struct disk_part **part)
{
	struct disk_part *gone = steal_ptr(part);

	if (!gone || atomic_fetch_sub_explicit(&gone->refs, 1, memory_order_acq_rel) != 1)
		return;
	/* Nobody has said what came of it: nothing did. */
	flight_end(gone->flights, &gone->flight, FLIGHT_END_PASSED, clock_mono_coarse_ms());
	(void)atomic_fetch_sub(&gone->disk->n_parts, 1);
	buf_clear(&gone->sums);
	free(gone);
}

bool
cache_disk_part_add(struct cache_disk *d, struct disk_part *part, struct cache_body **bytes,
	struct disk_waiter *w, bool *ret_waits)
{
	struct disk_job *job;

	*ret_waits = false;
	if (atomic_load(&part->failed))
		return false;
	job = calloc(1, sizeof(*job));
	if (!job)
		return false;
	list_init(&job->node);
	job->part = part_ref(part);
	job->bytes = steal_ptr(bytes);
	if (disk_queue_answer(d, job, w, ret_waits))
		return true;
	*bytes = steal_ptr(&job->bytes);
	disk_job_free(d, job);
	disk_bump(d, DISK_COUNTER_DROPPED);
	return false;
}

/* The writing thread takes its file away. */
static void
give_up(struct disk_part *part)
{
	struct cache_disk *d = part->disk;

	atomic_store(&part->failed, true);
	pthread_mutex_lock(&d->lock);
	atomic_store(&d->sweep, true);
	pthread_cond_signal(&d->to_write);
	pthread_mutex_unlock(&d->lock);
}

void
cache_disk_part_drop(struct disk_part **part)
{
	if (*part)
		give_up(*part);
	disk_part_unref(part);
}

void
cache_disk_part_end(struct cache_disk *d, struct disk_part **part, struct cache_object *o,
	const struct cache_mark *mark, struct cache_flights *flights, struct flight **flight)
{
	struct disk_job *job = calloc(1, sizeof(*job));
	bool waits;

	(*part)->flights = flights;
	(*part)->flight = steal_ptr(flight);
	if (!job) {
		cache_disk_part_drop(part);
		return;
	}
	list_init(&job->node);
	job->came_wall_ms = (int64_t)(clock_wall_ms() - (clock_mono_ms() - o->came_ms));
	job->mark = *mark;
	job->part = part_ref(*part);
	job->entry = disk_index_begin(d->index, o, mark, job->came_wall_ms, &job->replaced);
	job->object = cache_object_ref(o);
	if (job->entry && disk_queue_answer(d, job, NULL, &waits)) {
		disk_part_unref(part);
		return;
	}
	/* Purged meanwhile, or there is too much to do. */
	give_up(*part);
	if (job->entry)
		disk_drop_answer(d, job);
	else
		disk_job_free(d, job);
	disk_part_unref(part);
}

/* --- by the writing thread ------------------------------------------------------------------- */

static void
part_close(struct cache_disk *d, struct disk_part *part)
{
	if (part->segment)
		disk_folder_drop_large(&d->folder, &part->segment);
	list_remove(&part->node);
	disk_part_unref(&part);
}

void
disk_parts_sweep(struct cache_disk *d, bool all)
{
	if (!atomic_exchange(&d->sweep, false) && !all)
		return;
	list_each(node, &d->parts)
	{
		struct disk_part *part = list_entry(node, struct disk_part, node);

		if (all)
			atomic_store(&part->failed, true);
		if (atomic_load(&part->failed))
			part_close(d, part);
	}
}

/* 0, or -1 with errno; 0 as errno where there is no room. */
static int
part_open(struct cache_disk *d, struct disk_part *part,
	bool (*room)(struct cache_disk *d, uint64_t n))
{
	errno = 0;
	if (!room(d, part->room) ||
		disk_folder_begin_large(&d->folder, part->room, &part->segment) < 0)
		return -1;
	(void)part_ref(part);
	list_append(&d->parts, &part->node);
	return 0;
}

/* The sums of the pieces, and the bytes behind the others. 0, or -1 as above. */
static int
part_write(struct cache_disk *d, struct disk_part *part, struct slice bytes,
	bool (*room)(struct cache_disk *d, uint64_t n))
{
	errno = 0;
	if (part->ended || !room(d, bytes.n))
		return -1;
	for (struct slice rest = bytes; rest.n > 0; rest = slice_skip(rest, CACHE_FAR_PIECE))
		if (disk_chunk_sum(&part->segment->key, slice_head(rest, CACHE_FAR_PIECE),
			    &part->sums) < 0)
			return -1;
	part->ended = bytes.n % CACHE_FAR_PIECE != 0;
	return disk_folder_add_large(&d->folder, part->segment, bytes);
}

static void
part_fail(struct cache_disk *d, struct disk_job *job, int errnum)
{
	struct disk_part *part = job->part;

	/* Said by the tier once, as for smaller ones. */
	if (errnum)
		disk_complain(d, "an answer cannot be written", errnum);
	disk_bump(d, DISK_COUNTER_DROPPED);
	atomic_store(&part->failed, true);
	if (part->segment)
		part_close(d, part);
}

/* From now on the memory tier has its head, and its body is here. */
static void
part_publish(struct cache_disk *d, struct disk_job *job, const struct disk_place *place)
{
	const struct cache_object *from = job->object;
	const struct disk_found found = {.segment = place->segment,
		.serial = place->serial,
		.offset = place->offset,
		.body_n = from->length,
		.hash = from->hash,
		.meta_n = place->meta_n};
	struct cache_object_parts parts = {.url = from->url,
		.scope = from->scope,
		.vary = from->vary,
		.key = from->key,
		.tags = from->tags,
		.head = from->head,
		.status = from->status,
		.coded = from->coded,
		.terms = from->terms,
		.came_ms = from->came_ms};
	struct cache_body *none = NULL;
	struct cache_object *o;

	parts.far = cache_far_new(d->store, &found, buf_slice(&job->part->sums));
	o = parts.far ? cache_object_new(d->store, &parts, &none) : NULL;
	if (o)
		o->length = from->length;
	if (o)
		(void)cache_store_insert(d->store, o, &job->mark);
	cache_object_unref(&o);
	cache_far_unref(&parts.far);
}

static int
part_finish(struct cache_disk *d, struct disk_job *job, int *ret_errno)
{
	const struct cache_object *o = job->object;
	struct disk_part *part = job->part;
	struct disk_record r = disk_record_of(d, job, o->length);
	struct disk_place place;

	*ret_errno = 0;
	if (atomic_load(&part->failed) || !part->segment ||
		part->segment->bytes - part->segment->body_at != o->length ||
		disk_folder_end_large(&d->folder, part->segment, &r, buf_slice(&part->sums), &place,
			ret_errno) < 0)
		return -1;
	if (disk_index_place(d->index, job->entry, &place))
		part_publish(d, job, &place);
	disk_segment_unref(&part->segment);
	return 0;
}

/* The last job of one. */
static void
run_end(struct cache_disk *d, struct disk_job *job)
{
	int errnum = 0;

	if (!disk_index_is_dropped(d->index, job->entry) && part_finish(d, job, &errnum) == 0) {
		disk_bump(d, DISK_COUNTER_WRITES);
		flight_end(job->part->flights, &job->part->flight, FLIGHT_END_STORED,
			clock_mono_coarse_ms());
		part_close(d, job->part);
		return;
	}
	part_fail(d, job, errnum);
	disk_index_drop(d->index, job->entry);
	if (job->replaced)
		disk_kill_url(d, job->object->url);
}

void
disk_part_run(
	struct cache_disk *d, struct disk_job *job, bool (*room)(struct cache_disk *d, uint64_t n))
{
	struct disk_part *part = job->part;
	struct cache_body *bytes = job->bytes;

	if (job->entry) {
		run_end(d, job);
		return;
	}
	if (atomic_load(&part->failed))
		return;
	if ((!part->segment && part_open(d, part, room) < 0) ||
		part_write(d, part, slice_of(bytes->data, bytes->n), room) < 0)
		part_fail(d, job, errno);
}

/* --- reading --------------------------------------------------------------------------------- */

bool
cache_disk_stream_begin(struct cache_disk *d, unsigned held)
{
	uint64_t max = cache_store_object_max(d->store) * CACHE_OBJECT_SHARE / DISK_STREAM_SHARE /
		       (2 * CACHE_FAR_PIECE);

	if (max < DISK_STREAMS_MIN)
		max = DISK_STREAMS_MIN;
	if (held > 0 && held >= max / DISK_STREAM_CLIENT_SHARE)
		return false;
	if (atomic_fetch_add(&d->n_streams, 1) < max)
		return true;
	cache_disk_stream_end(d);
	return false;
}

void
cache_disk_stream_end(struct cache_disk *d)
{
	(void)atomic_fetch_sub(&d->n_streams, 1);
}

bool
cache_disk_read_piece(struct cache_disk *d, struct cache_far *far, uint64_t number,
	struct cache_body **buffer, struct disk_waiter *w)
{
	struct disk_read *r = calloc(1, sizeof(*r));

	if (!r)
		return false;
	r->number = number;
	r->far = cache_far_ref(far);
	r->piece = steal_ptr(buffer);
	if (disk_queue_read(d, r, w))
		return true;
	*buffer = steal_ptr(&r->piece);
	cache_far_unref(&r->far);
	free(r);
	return false;
}
