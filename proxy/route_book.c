/*
 * The cells of the routes. The main thread makes books and reads them; a worker only adds to its
 * own array of a cell, which it publishes once it is zeroed.
 */
#include "proxy/route_book.h"

#include "core/buf.h"
#include "core/map.h"
#include "core/own.h"

#include <stdlib.h>
#include <string.h>

#define KEY_MAX (16 * 1024)

struct route_cell {
	_Atomic uint32_t refs;
	bool exact;
	char *site, *path;
	unsigned n_threads;
	_Atomic(struct route_stats *) threads[];
};

struct route_book {
	const struct conf *conf;
	uint32_t *first; /* index of a site's first cell */
	struct route_cell **cells;
	size_t n;
};

static void
cell_unref(struct route_cell *c)
{
	if (!c || atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) != 1)
		return;
	for (unsigned i = 0; i < c->n_threads; i++)
		free(atomic_load(&c->threads[i]));
	free(c->site);
	free(c->path);
	free(c);
}

static struct route_cell *
cell_new(const char *site, const char *path, bool exact, unsigned n_threads)
{
	struct route_cell *c = calloc(1, sizeof(*c) + n_threads * sizeof(c->threads[0]));

	if (!c)
		return NULL;
	atomic_init(&c->refs, 1);
	c->exact = exact;
	c->n_threads = n_threads;
	c->site = strdup(site);
	c->path = strdup(path);
	if (c->site && c->path)
		return c;
	cell_unref(c);
	return NULL;
}

/* What makes two routes of two generations one: written to key. 0 or -1. */
static int
print_key(const char *site, const char *path, bool exact, struct buf *key)
{
	buf_reset(key);
	return buf_printf(key, "%c%s %s", exact ? '=' : ' ', site, path);
}

/* Every cell of `before` by its key. NULL when memory is short; then nothing is carried over. */
static struct map *
index_cells(const struct route_book *before, struct buf *key)
{
	struct map *map = before ? map_new() : NULL;

	for (size_t i = 0; map && i < before->n; i++) {
		struct route_cell *c = before->cells[i];

		if (print_key(c->site, c->path, c->exact, key) == 0)
			(void)map_set(map, buf_slice(key), c, NULL);
	}
	return map;
}

/* What is needed while a book is filled. */
struct filling {
	struct map *old;
	struct buf key;
	unsigned n_threads;
};

static int
add_cell(struct route_book *b, struct filling *f, const char *site, const struct conf_route *r)
{
	const char *path = r ? r->path : "";
	bool exact = r && r->exact;
	struct route_cell *c = NULL;

	if (f->old && print_key(site, path, exact, &f->key) == 0)
		c = map_find(f->old, buf_slice(&f->key));
	/* One with another number of threads is not ours to write to. */
	if (c && c->n_threads == f->n_threads)
		atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
	else
		c = cell_new(site, path, exact, f->n_threads);
	if (!c)
		return -1;
	b->cells[b->n++] = c;
	return 0;
}

static int
fill(struct route_book *b, struct filling *f)
{
	const struct conf *conf = b->conf;

	for (size_t i = 0; i < conf->n_sites; i++) {
		const struct conf_site *s = &conf->sites[i];

		b->first[i] = (uint32_t)b->n;
		for (size_t k = 0; k < s->n_routes; k++)
			if (add_cell(b, f, s->hosts[0], &s->routes[k]) < 0)
				return -1;
	}
	return add_cell(b, f, "", NULL);
}

struct route_book *
route_book_new(const struct conf *conf, unsigned n_threads, const struct route_book *before)
{
	struct route_book *b = calloc(1, sizeof(*b));
	struct filling f = {.n_threads = n_threads};
	size_t n = 1;
	int rc = -1;

	if (!b)
		return NULL;
	b->conf = conf;
	for (size_t i = 0; i < conf->n_sites; i++)
		n += conf->sites[i].n_routes;
	b->cells = calloc(n, sizeof(struct route_cell *));
	b->first = calloc(conf->n_sites + 1, sizeof(*b->first));
	buf_init(&f.key, KEY_MAX);
	f.old = index_cells(before, &f.key);
	if (b->cells && b->first)
		rc = fill(b, &f);
	map_free(&f.old);
	buf_clear(&f.key);
	if (rc < 0)
		route_book_free(&b);
	return b;
}

void
route_book_free(struct route_book **b)
{
	struct route_book *gone = steal_ptr(b);

	if (!gone)
		return;
	for (size_t i = 0; i < gone->n; i++)
		cell_unref(gone->cells[i]);
	free(gone->cells);
	free(gone->first);
	free(gone);
}

static struct route_cell *
find_cell(const struct route_book *b, const struct conf_site *site, const struct conf_route *route)
{
	if (!route || !site)
		return b->cells[b->n - 1];
	return b->cells[b->first[site - b->conf->sites] + (size_t)(route - site->routes)];
}

void
route_book_count(struct route_book *b, const struct conf_site *site, const struct conf_route *route,
	const struct route_count *count)
{
	struct route_cell *c = find_cell(b, site, route);
	struct route_stats *s =
		atomic_load_explicit(&c->threads[count->thread], memory_order_relaxed);

	if (!s) {
		s = calloc(1, sizeof(*s));
		if (!s)
			return;
		atomic_store_explicit(&c->threads[count->thread], s, memory_order_release);
	}
	route_stats_add(s, count->status, count->duration_us, count->sent, count->received);
}

size_t
route_book_size(const struct route_book *b)
{
	return b->n;
}

void
route_book_view(const struct route_book *b, size_t index, struct route_view *ret)
{
	const struct route_cell *c = b->cells[index];

	*ret = (struct route_view){
		.site = slice_str(c->site), .path = slice_str(c->path), .exact = c->exact};
	for (unsigned i = 0; i < c->n_threads; i++) {
		const struct route_stats *s =
			atomic_load_explicit(&c->threads[i], memory_order_acquire);

		if (s)
			route_stats_sum(s, &ret->sums);
	}
}
