/* The threads that read: from a file into the memory tier. */
#include "proxy/cache/cache_disk_parts.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/own.h"

#include <errno.h>
#include <stdlib.h>

/* The answer as the memory tier has it, its age as of now. NULL: no room. */
static struct cache_object *
make_object(struct cache_disk *d, struct disk_record *r, struct cache_body **body)
{
	struct cache_object_parts parts = {.url = r->url,
		.scope = r->scope,
		.vary = r->vary,
		.key = r->key,
		.tags = r->tags,
		.head = r->head,
		.status = r->status,
		.coded = r->coded,
		.came_ms = clock_mono_ms()};

	disk_record_grow_old(r, d->boot, (int64_t)clock_wall_ms(), parts.came_ms,
		atomic_load(&d->latest_wall_ms));
	parts.terms = r->terms;
	return cache_object_new(d->store, &parts, body);
}

/* What is wrong on disk is not asked for again. */
static void
on_bad(struct cache_disk *d, const struct disk_read *read, int rc)
{
	int errnum = errno;

	disk_index_forget(d->index, &read->found);
	if (rc > 0) {
		disk_bump(d, DISK_COUNTER_CORRUPTED);
		log_warn("a stored answer is damaged, it is fetched anew",
			kv_u("segment", read->found.segment->number),
			kv_u("offset", read->found.offset));
		return;
	}
	disk_bump(d, DISK_COUNTER_ERRORS);
	log_warn("a stored answer cannot be read", kv_u("segment", read->found.segment->number),
		kv_s("error", strerrordesc_np(errnum)));
}

static void
read_one(struct cache_disk *d, const struct disk_read *read, struct buf *meta)
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
		o = make_object(d, &r, &body);
	else
		on_bad(d, read, rc);
	if (o && cache_store_insert(d->store, o, &read->mark))
		disk_bump(d, DISK_COUNTER_HITS);
	cache_object_unref(&o);
	cache_body_unref(&body);
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
		w->on_done(w);
	}
	pthread_mutex_unlock(&d->lock);
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
