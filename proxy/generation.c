/*
 * Building, sharing and freeing a generation. It is built by the main thread and freed by
 * whichever thread drops it last.
 */
#include "proxy/generation.h"

#include "core/memfd.h"
#include "core/own.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

static int
generation_make_pages(struct generation *g)
{
	g->pages = calloc(g->conf->n_all_pages + 1, sizeof(*g->pages));
	if (!g->pages)
		return -1;
	for (size_t i = 0; i < g->conf->n_all_pages; i++)
		g->pages[i].fd = -1;
	return 0;
}

struct generation *
generation_new(uint64_t number, struct conf *conf, unsigned n_threads,
	const struct generation *before, struct err *e)
{
	struct generation *g = calloc(1, sizeof(*g));

	if (!g) {
		conf_unref(&conf);
		err_set(e, "out of memory");
		return NULL;
	}
	atomic_init(&g->refs, 1);
	g->number = number;
	g->conf = conf;
	g->n_threads = n_threads;
	g->routes = route_index_new(conf, e);
	if (!g->routes) {
		generation_unref(&g);
		return NULL;
	}
	g->book = route_book_new(conf, n_threads, before ? before->book : NULL);
	if (!g->book || generation_make_pages(g) < 0) {
		generation_unref(&g);
		err_set(e, "out of memory");
		return NULL;
	}
	g->passwords = calloc(conf->n_password_files + 1, sizeof(*g->passwords));
	if (!g->passwords) {
		generation_unref(&g);
		err_set(e, "out of memory");
		return NULL;
	}
	if (conf->n_certificates > 0) {
		g->certificates =
			calloc(n_threads * conf->n_certificates, sizeof(*g->certificates));
		if (!g->certificates) {
			generation_unref(&g);
			err_set(e, "out of memory");
		}
	}
	return g;
}

struct generation *
generation_ref(struct generation *g)
{
	atomic_fetch_add_explicit(&g->refs, 1, memory_order_relaxed);
	return g;
}

static void
generation_free(struct generation *g)
{
	if (g->certificates) {
		for (size_t i = 0; i < g->n_threads * g->conf->n_certificates; i++)
			tls_certificate_clear(&g->certificates[i]);
	}
	free(g->certificates);
	for (size_t i = 0; i < g->n_threads * g->n_demands; i++)
		tls_demand_clear(&g->demands[i].demand);
	free(g->demands);
	for (size_t i = 0; i < g->n_roots; i++) {
		close_fd(g->roots[i].fd);
		free(g->roots[i].path);
	}
	free(g->roots);
	for (size_t i = 0; g->pages && i < g->conf->n_all_pages; i++)
		close_fd(g->pages[i].fd);
	free(g->pages);
	for (size_t i = 0; g->pools && i < g->conf->n_pools; i++)
		backend_pool_free(&g->pools[i]);
	free(g->pools);
	for (size_t i = 0; g->clients && i < g->n_threads * (g->conf->n_authorities + 1); i++)
		SSL_CTX_free(g->clients[i]);
	free(g->clients);
	for (size_t i = 0; g->passwords && i < g->conf->n_password_files; i++)
		htpasswd_clear(&g->passwords[i]);
	free(g->passwords);
	route_index_free(&g->routes);
	route_book_free(&g->book);
	conf_unref(&g->conf);
	free(g);
}

void
generation_unref(struct generation **g)
{
	struct generation *gone = steal_ptr(g);

	if (gone && atomic_fetch_sub_explicit(&gone->refs, 1, memory_order_acq_rel) == 1)
		generation_free(gone);
}

int
generation_load(struct generation *g, unsigned thread, struct tls_thread *tls, size_t index,
	const struct slice pem[2], struct err *e)
{
	size_t at = thread * g->conf->n_certificates + index;

	assert(thread < g->n_threads && index < g->conf->n_certificates);
	return tls_certificate_load(tls, pem[0], pem[1], &g->certificates[at], e);
}

int
generation_add_passwords(struct generation *g, size_t index, struct slice text, struct err *e)
{
	const struct conf_password_file *file = &g->conf->password_files[index];

	if (htpasswd_parse(text, file->path, &g->passwords[index], e) == 0)
		return 0;
	e->ordinal = file->ordinal;
	return -1;
}

int
generation_join(struct generation *g, size_t first, size_t second, struct err *e)
{
	for (unsigned t = 0; t < g->n_threads; t++) {
		struct tls_certificate *of = &g->certificates[t * g->conf->n_certificates];
		const char *type = tls_certificate_key_type(&of[first]);

		if (strcmp(type, tls_certificate_key_type(&of[second])) == 0)
			return err_set(e,
				"both certificates \"%s\" have an %s key; a name has two only to "
				"offer one with an ECDSA and one with an RSA key",
				g->conf->certificates[first].name, type);
		of[first].second = &of[second];
	}
	return 0;
}

int
generation_add_client(struct generation *g, unsigned thread, struct tls_thread *tls,
	uint32_t authority, struct slice pem, struct err *e)
{
	size_t per_thread = g->conf->n_authorities + 1;
	SSL_CTX **slot;

	assert(thread < g->n_threads && authority < per_thread);
	if (!g->clients)
		g->clients = calloc(g->n_threads * per_thread, sizeof(SSL_CTX *));
	if (!g->clients)
		return err_set(e, "out of memory");
	slot = &g->clients[thread * per_thread + authority];
	if (!*slot)
		*slot = tls_backend_new(tls, pem, e);
	return *slot ? 0 : -1;
}

static int
generation_add_pool(struct generation *g, struct backends *backends, const struct conf_site *site,
	const struct conf_route *route)
{
	if (route->pool == 0)
		return 0;
	g->pools[route->pool - 1] = backend_pool_new(backends, site, route);
	return g->pools[route->pool - 1] ? 0 : -1;
}

int
generation_add_pools(struct generation *g, struct backends *backends, struct err *e)
{
	const struct conf *c = g->conf;

	if (c->n_pools == 0)
		return 0;
	g->pools = calloc(c->n_pools, sizeof(struct backend_pool *));
	if (!g->pools)
		return err_set(e, "out of memory");
	for (size_t i = 0; i < c->n_sites; i++)
		for (size_t k = 0; k < c->sites[i].n_routes; k++)
			if (generation_add_pool(g, backends, &c->sites[i], &c->sites[i].routes[k]) <
				0)
				return err_set(e, "out of memory");
	return 0;
}

/* The ordinals of sites grow with their place in the text, and so those of their demands. */
int
generation_add_demands(struct generation *g, struct err *e)
{
	const struct conf *c = g->conf;
	size_t n = 0, at = 0;

	for (size_t i = 0; i < c->n_sites; i++)
		n += c->sites[i].client.demand != CONF_CLIENT_NONE;
	if (n == 0)
		return 0;
	g->demands = calloc(n * g->n_threads, sizeof(*g->demands));
	if (!g->demands)
		return err_set(e, "out of memory");
	g->n_demands = n;
	for (unsigned t = 0; t < g->n_threads; t++)
		for (size_t i = 0; i < c->n_sites; i++)
			if (c->sites[i].client.demand != CONF_CLIENT_NONE)
				g->demands[at++].ordinal = c->sites[i].client.ordinal;
	return 0;
}

int32_t
generation_find_demand(const struct generation *g, uint32_t ordinal)
{
	size_t low = 0, high = g->n_demands;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (g->demands[middle].ordinal == ordinal)
			return (int32_t)middle;
		if (g->demands[middle].ordinal < ordinal)
			low = middle + 1;
		else
			high = middle;
	}
	return -1;
}

int
generation_load_demand(struct generation *g, unsigned thread, struct tls_thread *tls, size_t index,
	struct slice pem, struct err *e)
{
	struct generation_demand *d = &g->demands[thread * g->n_demands + index];
	bool required = false;

	for (size_t i = 0; i < g->conf->n_sites; i++)
		if (g->conf->sites[i].client.ordinal == d->ordinal)
			required = g->conf->sites[i].client.demand == CONF_CLIENT_REQUIRE;
	return tls_demand_load(tls->libctx, pem, required, &d->demand, e);
}

const struct tls_demand *
generation_demand(const struct generation *g, unsigned thread, const struct conf_site *site)
{
	int32_t index;

	if (g->n_demands == 0 || !site || site->client.demand == CONF_CLIENT_NONE)
		return NULL;
	index = generation_find_demand(g, site->client.ordinal);
	assert(index >= 0);
	return &g->demands[thread * g->n_demands + (size_t)index].demand;
}

static int
generation_root_cmp(const void *a, const void *b)
{
	const struct generation_root *x = a;
	const struct generation_root *y = b;

	return (x->ordinal > y->ordinal) - (x->ordinal < y->ordinal);
}

int
generation_add_root(struct generation *g, uint32_t ordinal, const char *path, struct err *e)
{
	_fd_ int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	_free_ char *copy = strdup(path);
	struct generation_root *roots;

	if (fd < 0) {
		err_errno(e, errno, "cannot open the folder %s", path);
		e->ordinal = ordinal;
		return -1;
	}
	roots = realloc(g->roots, (g->n_roots + 1) * sizeof(*roots));
	if (!roots || !copy) {
		g->roots = roots ? roots : g->roots;
		return err_set(e, "out of memory");
	}
	g->roots = roots;
	roots[g->n_roots++] = (struct generation_root){
		.ordinal = ordinal, .fd = steal_fd(&fd), .path = steal_ptr(&copy)};
	qsort(roots, g->n_roots, sizeof(*roots), generation_root_cmp);
	return 0;
}

const struct generation_root *
generation_root(const struct generation *g, uint32_t ordinal)
{
	struct generation_root key = {.ordinal = ordinal};

	if (g->n_roots == 0)
		return NULL;
	return bsearch(&key, g->roots, g->n_roots, sizeof(key), generation_root_cmp);
}

int
generation_add_page(struct generation *g, uint32_t index, int fd, struct err *e)
{
	struct memfd_map map = {0};

	assert(index < g->conf->n_all_pages && g->pages[index].fd < 0);
	if (memfd_map(fd, CONF_PAGE_SIZE, &map, e) < 0)
		return -1;
	g->pages[index] = (struct generation_page){.fd = fd, .size = map.bytes.n};
	memfd_unmap(&map);
	return 0;
}

const struct tls_certificate *
generation_certificate(const struct generation *g, unsigned thread, struct slice name)
{
	int32_t index = route_find_certificate(g->routes, name);
	const struct tls_certificate *c;

	if (index < 0)
		return NULL;
	c = &g->certificates[thread * g->conf->n_certificates + (size_t)index];
	return c->leaf ? c : NULL;
}

const struct conf_listen *
generation_listen(const struct generation *g, const struct addr *addr, uint16_t port)
{
	for (size_t i = 0; i < g->conf->n_listens; i++) {
		const struct conf_listen *l = &g->conf->listens[i];

		if (l->port == port && (l->addr.family == 0 || addr_eq(&l->addr, addr)))
			return l;
	}
	return NULL;
}
