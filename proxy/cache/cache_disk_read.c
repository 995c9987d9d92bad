/* The threads that read: from a file into the memory tier. */
#include "proxy/cache/cache_disk_parts.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/own.h"
#include "core/report.h"

#include <errno.h>
#include <stdlib.h>

/* The answer as the memory tier has it, its age as of now. NULL: no room. */
static struct cache_object *
make_object(struct cache_disk *d, struct disk_record *r, struct cache_far *far,
	struct cache_body **body)
{
	struct cache_object_parts parts = {.url = r->url,
		.scope = r->scope,
		.vary = r->vary,
		.key = r->key,
		.tags = r->tags,
		.head = r->head,
		.status = r->status,
		.coded = r->coded,
		.came_ms = clock_mono_ms(),
		.far = far,
		.length = r->body_n};

	disk_record_grow_old(r, d->boot, (int64_t)clock_wall_ms(), parts.came_ms,
		atomic_load(&d->latest_wall_ms));
	parts.terms = r->terms;
	return cache_object_new(d->store, &parts, body);
}

/* What is wrong on disk is not asked for again. */
static void
on_bad(struct cache_disk *d, const struct disk_found *found, int rc)
{
	int errnum = errno;

	disk_index_forget(d->index, found);
	if (rc > 0) {
		disk_bump(d, DISK_COUNTER_CORRUPTED);
		log_warn("a stored answer is damaged, it is fetched anew",
			kv_u("segment", found->segment->number), kv_u("offset", found->offset));
		return;
	}
	disk_bump(d, DISK_COUNTER_ERRORS);
	log_warn("a stored answer cannot be read", kv_u("segment", found->segment->number),
		kv_s("error", strerrordesc_np(errnum)));
}

/* A piece of a body that stays on disk. What cannot be had leaves NULL. */
static void
read_piece(struct cache_disk *d, struct disk_read *read)
{
	int rc = cache_far_read(read->far, read->number, read->piece->data, &read->piece->n);

	if (rc == 0)
		return;
	/* A file that has gone meanwhile is no damage. */
	if (cache_far_is_there(read->far))
		on_bad(d, &read->far->found, rc);
	cache_body_unref(&read->piece);
}

/* The head of an answer whose body stays on disk. */
static void
read_head(struct cache_disk *d, const struct disk_read *read, struct buf *meta)
{
	struct cache_body *none = NULL;
	struct cache_object *o = NULL;
	struct cache_far *far;
	struct disk_record r;
	int rc = disk_file_read_head(&read->found, meta, &r);

	if (rc != 0) {
		on_bad(d, &read->found, rc);
		return;
	}
	far = cache_far_new(d->store, &read->found, disk_record_sums(buf_slice(meta), r.body_n));
	if (far)
		o = make_object(d, &r, far, &none);
	if (o && cache_store_insert(d->store, o, &read->mark))
		disk_bump(d, DISK_COUNTER_HITS);
	cache_object_unref(&o);
	cache_far_unref(&far);
}

static void
read_whole(struct cache_disk *d, const struct disk_read *read, struct buf *meta)
{
	struct cache_body *body = NULL;
	struct cache_object *o = NULL;
	struct disk_record r;
	int rc;

	if (read->found.body_n > 0) {
		body = cache_body_new(d->store, (size_t)read->found.body_n);
		if (!body)
			return;
		body->n = (size_t)read->found.body_n;
	}
	rc = disk_file_read(&read->found, meta, body ? body->data : NULL, &r);
	if (rc == 0)
		o = make_object(d, &r, NULL, &body);
	else
		on_bad(d, &read->found, rc);
	if (o && cache_store_insert(d->store, o, &read->mark))
		disk_bump(d, DISK_COUNTER_HITS);
	cache_object_unref(&o);
	cache_body_unref(&body);
}

/* Heads that somebody wants to see; those in memory he has seen. */
static void
read_shown(struct cache_disk *d, struct disk_read *read, struct buf *meta)
{
	struct report_stored report;
	struct disk_record r;
	size_t n = 0;

	for (size_t i = 0; i < read->n_shown; i++) {
		struct disk_found *found = &read->shown[i];
		struct cache_body *none = NULL;
		struct cache_object *o = NULL;
		int rc = disk_file_read_head(found, meta, &r);

		if (rc == 0)
			o = make_object(d, &r, NULL, &none);
		else
			on_bad(d, found, rc);
		if (o && !cache_store_holds_like(d->store, o)) {
			cache_object_report(o, clock_mono_coarse_ms(), &report);
			report.on_disk = true;
			n += report_put_stored(&read->report, &report) == 0;
		}
		cache_object_unref(&o);
		disk_segment_unref(&found->segment);
	}
	read->n_shown = n;
}

static void
read_one(struct cache_disk *d, struct disk_read *read, struct buf *meta)
{
	if (read->shown)
		read_shown(d, read, meta);
	else if (read->far)
		read_piece(d, read);
	else if (read->found.body_n > cache_store_object_max(d->store))
		read_head(d, read, meta);
	else
		read_whole(d, read, meta);
}

static struct disk_read *
next_read(struct cache_disk *d)
{
	struct list *node;

	pthread_mutex_lock(&d->lock);
	while ((node = list_first(&d->queue)) == NULL && !d->ending)
		pthread_cond_wait(&d->to_read, &d->lock);
	if (node)
		list_remove(node);
	pthread_mutex_unlock(&d->lock);
	return node ? list_entry(node, struct disk_read, queued) : NULL;
}

static void
end_read(struct cache_disk *d, struct disk_read *read)
{
	struct list *node;

	pthread_mutex_lock(&d->lock);
	list_remove(&read->node);
	d->n_reads--;
	while ((node = list_first(&read->waiters)) != NULL) {
		struct disk_waiter *w = list_entry(node, struct disk_waiter, node);

		list_remove(node);
		w->waiting = false;
		w->piece = steal_ptr(&read->piece);
		w->n_shown = read->n_shown;
		w->shown = read->report;
		buf_init(&read->report, REPORT_MAX);
		w->on_done(w);
	}
	pthread_mutex_unlock(&d->lock);
	buf_clear(&read->report);
	free(read->shown);
	cache_body_unref(&read->piece);
	cache_far_unref(&read->far);
	disk_segment_unref(&read->found.segment);
	free(read);
}

void *
disk_read_run(void *arg)
{
	struct cache_disk *d = arg;
	struct disk_read *read;
	struct buf meta;

	buf_init(&meta, DISK_META_MAX);
	while ((read = next_read(d)) != NULL) {
		read_one(d, read, &meta);
		end_read(d, read);
	}
	buf_clear(&meta);
	return NULL;
}
