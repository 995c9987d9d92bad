/*
 * The parts of an offer and the generation made of them. Everything is checked here, before READY,
 * so that COMMIT cannot fail.
 */
#include "proxy/offer.h"

#include "core/own.h"

#include <stdlib.h>
#include <string.h>

#define OFFER_PATH_MAX 4096

static void
offer_fail(struct offer *o, const struct err *e)
{
	if (o->failed)
		return;
	o->failed = true;
	o->err = *e;
}

static void
offer_fail_text(struct offer *o, uint32_t ordinal, const char *text)
{
	struct err e = {0};

	err_ordinal(&e, ordinal, "%s", text);
	offer_fail(o, &e);
}

/* Maps the text and parses it. Its errors are the parent's already, so one is enough. */
static void
offer_parse(struct offer *o, int fd)
{
	struct conf_input in = {.name = "offer"};
	struct conf_errors *errs = calloc(1, sizeof(*errs));
	struct memfd_map text = {0};
	struct err e = {0};

	if (!errs || memfd_map(fd, CONF_TEXT_MAX, &text, &e) < 0) {
		offer_fail(o, &e);
		free(errs);
		return;
	}
	in.text = text.bytes;
	if (conf_parse(&in, &o->conf, NULL, errs) < 0)
		offer_fail(o, &errs->errors[0]);
	memfd_unmap(&text);
	free(errs);
}

static int
offer_make_pages(struct offer *o)
{
	o->page_fds = calloc(o->conf->n_all_pages + 1, sizeof(*o->page_fds));
	if (!o->page_fds)
		return -1;
	for (size_t i = 0; i < o->conf->n_all_pages; i++)
		o->page_fds[i] = -1;
	return 0;
}

static int
offer_make_room(struct offer *o)
{
	if (!o->conf)
		return 0;
	if (offer_make_pages(o) < 0)
		return -1;
	o->chains = calloc(o->conf->n_certificates + 1, sizeof(*o->chains));
	o->keys = calloc(o->conf->n_certificates + 1, sizeof(*o->keys));
	o->client_cas = calloc(o->conf->n_sites + 1, sizeof(*o->client_cas));
	o->authorities = calloc(o->conf->n_authorities + 1, sizeof(*o->authorities));
	o->passwords = calloc(o->conf->n_password_files + 1, sizeof(*o->passwords));
	return o->chains && o->keys && o->client_cas && o->authorities && o->passwords ? 0 : -1;
}

struct offer *
offer_new(struct msg_in *m)
{
	struct offer *o = calloc(1, sizeof(*o));

	if (!o)
		return NULL;
	o->number = msg_get_u64(m);
	if (msg_finish(m) < 0 || m->fd < 0)
		offer_fail_text(o, 0, "malformed OFFER");
	else
		offer_parse(o, m->fd);
	if (offer_make_room(o) < 0)
		offer_fail_text(o, 0, "out of memory");
	return o;
}

static void
offer_free_maps(struct memfd_map *maps, size_t n)
{
	for (size_t i = 0; maps && i < n; i++)
		memfd_unmap(&maps[i]);
	free(maps);
}

void
offer_free(struct offer **o)
{
	struct offer *gone = steal_ptr(o);

	if (!gone)
		return;
	for (size_t i = 0; i < gone->n_listeners; i++)
		close_fd(gone->listeners[i].fd);
	free(gone->listeners);
	if (gone->conf) {
		offer_free_maps(gone->chains, gone->conf->n_certificates);
		offer_free_maps(gone->keys, gone->conf->n_certificates);
		for (size_t i = 0; gone->page_fds && i < gone->conf->n_all_pages; i++)
			close_fd(gone->page_fds[i]);
		offer_free_maps(gone->passwords, gone->conf->n_password_files);
		offer_free_maps(gone->client_cas, gone->conf->n_sites);
		offer_free_maps(gone->authorities, gone->conf->n_authorities);
	}
	for (size_t i = 0; i < gone->n_roots; i++)
		free(gone->roots[i].path);
	free(gone->roots);
	free(gone->page_fds);
	conf_unref(&gone->conf);
	free(gone);
}

static void
offer_add_listener(struct offer *o, struct msg_in *m)
{
	struct offer_listener l = {.fd = -1};
	struct slice address = msg_get_slice(m);
	struct offer_listener *grown;

	l.port = msg_get_u16(m);
	l.thread = msg_get_u16(m);
	if (msg_finish(m) < 0 || addr_parse(address, &l.addr) < 0 ||
		l.thread >= OFFER_THREADS_MAX || o->n_listeners >= OFFER_LISTENERS_MAX) {
		offer_fail_text(o, 0, "malformed LISTENER");
		return;
	}
	grown = realloc(o->listeners, (o->n_listeners + 1) * sizeof(*grown));
	if (!grown) {
		offer_fail_text(o, 0, "out of memory");
		return;
	}
	o->listeners = grown;
	l.fd = msg_take_fd(m);
	grown[o->n_listeners++] = l;
}

static int32_t
offer_find_certificate(const struct offer *o, uint32_t ordinal)
{
	for (size_t i = 0; i < o->conf->n_certificates; i++)
		if (o->conf->certificates[i].ordinal == ordinal)
			return (int32_t)i;
	return -1;
}

static void
offer_map_pem(struct offer *o, struct msg_in *m, struct memfd_map *map, uint32_t ordinal)
{
	struct err e = {0};

	if (memfd_map(m->fd, TLS_PEM_MAX, map, &e) < 0) {
		e.ordinal = ordinal;
		offer_fail(o, &e);
	}
}

static void
offer_add_pem(struct offer *o, struct msg_in *m, struct memfd_map *maps)
{
	uint32_t ordinal = msg_get_u32(m);
	int32_t index = offer_find_certificate(o, ordinal);

	if (msg_finish(m) < 0 || index < 0 || maps[index].base)
		offer_fail_text(o, 0, "a certificate that the configuration does not name");
	else
		offer_map_pem(o, m, &maps[index], ordinal);
}

static void
offer_add_client_ca(struct offer *o, struct msg_in *m)
{
	uint32_t ordinal = msg_get_u32(m);
	size_t i = 0;

	while (i < o->conf->n_sites && o->conf->sites[i].client.ordinal != ordinal)
		i++;
	if (msg_finish(m) < 0 || !ordinal || i == o->conf->n_sites || o->client_cas[i].base)
		offer_fail_text(o, 0, "client-certificates that the configuration does not name");
	else
		offer_map_pem(o, m, &o->client_cas[i], ordinal);
}

static void
offer_add_page(struct offer *o, struct msg_in *m)
{
	uint32_t ordinal = msg_get_u32(m);
	size_t i = 0;

	while (i < o->conf->n_all_pages && o->conf->all_pages[i]->ordinal != ordinal)
		i++;
	if (msg_finish(m) < 0 || i == o->conf->n_all_pages || o->page_fds[i] >= 0 || m->fd < 0) {
		offer_fail_text(o, 0, "a page that the configuration does not name");
		return;
	}
	o->page_fds[i] = msg_take_fd(m);
}

static void
offer_add_authorities(struct offer *o, struct msg_in *m)
{
	uint32_t index = msg_get_u32(m);
	struct err e = {0};

	if (msg_finish(m) < 0 || index >= o->conf->n_authorities || o->authorities[index].base) {
		offer_fail_text(o, 0, "authorities that the configuration does not name");
		return;
	}
	if (memfd_map(m->fd, TLS_PEM_MAX, &o->authorities[index], &e) < 0) {
		e.ordinal = o->conf->authorities[index].ordinal;
		offer_fail(o, &e);
	}
}

static void
offer_add_passwords(struct offer *o, struct msg_in *m)
{
	uint32_t ordinal = msg_get_u32(m);
	size_t i = 0;
	struct err e = {0};

	while (i < o->conf->n_password_files && o->conf->password_files[i].ordinal != ordinal)
		i++;
	if (msg_finish(m) < 0 || i == o->conf->n_password_files || o->passwords[i].base) {
		offer_fail_text(o, 0, "a password file that the configuration does not name");
		return;
	}
	if (memfd_map(m->fd, HTPASSWD_SIZE_MAX, &o->passwords[i], &e) < 0) {
		e.ordinal = ordinal;
		offer_fail(o, &e);
	}
}

static void
offer_add_root(struct offer *o, struct msg_in *m)
{
	uint32_t ordinal = msg_get_u32(m);
	struct slice path = msg_get_slice(m);
	struct offer_root *grown;

	if (msg_finish(m) < 0 || path.n == 0 || path.n >= OFFER_PATH_MAX) {
		offer_fail_text(o, 0, "malformed ROOT");
		return;
	}
	grown = realloc(o->roots, (o->n_roots + 1) * sizeof(*grown));
	if (!grown) {
		offer_fail_text(o, 0, "out of memory");
		return;
	}
	o->roots = grown;
	grown[o->n_roots] = (struct offer_root){.ordinal = ordinal, .path = slice_dup(path)};
	if (!grown[o->n_roots].path)
		offer_fail_text(o, 0, "out of memory");
	else
		o->n_roots++;
}

void
offer_add(struct offer *o, struct msg_in *m)
{
	if (o->failed)
		return;
	if (m->type == MSG_LISTENER)
		offer_add_listener(o, m);
	else if (m->type == MSG_CERTIFICATE)
		offer_add_pem(o, m, o->chains);
	else if (m->type == MSG_PRIVATE_KEY)
		offer_add_pem(o, m, o->keys);
	else if (m->type == MSG_CLIENT_CA)
		offer_add_client_ca(o, m);
	else if (m->type == MSG_ERROR_PAGE)
		offer_add_page(o, m);
	else if (m->type == MSG_UPSTREAM_CA)
		offer_add_authorities(o, m);
	else if (m->type == MSG_PASSWORDS)
		offer_add_passwords(o, m);
	else if (m->type == MSG_ROOT)
		offer_add_root(o, m);
}

unsigned
offer_threads(const struct offer *o)
{
	unsigned n = 1;

	for (size_t i = 0; i < o->n_listeners; i++) {
		if (o->listeners[i].thread >= n)
			n = o->listeners[i].thread + 1u;
	}
	return n;
}

/* Two of one name are of use to different clients only. */
static int
offer_join_certificates(struct offer *o, struct generation *g)
{
	struct err e = {0};

	for (size_t i = 0; i < g->conf->n_certificates; i++) {
		int32_t second = g->conf->certificates[i].second;

		if (second < 0 || generation_join(g, i, (size_t)second, &e) == 0)
			continue;
		e.ordinal = g->conf->certificates[second].ordinal;
		offer_fail(o, &e);
		return -1;
	}
	return 0;
}

/* Every certificate into every thread's context. */
static int
offer_load_certificates(struct offer *o, struct generation *g, struct tls_thread *const *threads)
{
	for (size_t i = 0; i < g->conf->n_certificates; i++) {
		const struct conf_certificate *c = &g->conf->certificates[i];
		const struct slice pem[2] = {o->chains[i].bytes, o->keys[i].bytes};
		struct err e = {0};

		for (unsigned t = 0; t < g->n_threads; t++) {
			if (generation_load(g, t, threads[t], i, pem, &e) < 0) {
				err_prefix(&e, "certificate %s", c->name);
				e.ordinal = c->ordinal;
				offer_fail(o, &e);
				return -1;
			}
		}
	}
	return offer_join_certificates(o, g);
}

/* What each site demands of its clients, into every thread's context. */
static int
offer_load_demands(struct offer *o, struct generation *g, struct tls_thread *const *threads)
{
	struct err e = {0};

	if (generation_add_demands(g, &e) < 0) {
		offer_fail(o, &e);
		return -1;
	}
	for (size_t i = 0; i < g->conf->n_sites; i++) {
		uint32_t ordinal = g->conf->sites[i].client.ordinal;
		int32_t index = generation_find_demand(g, ordinal);

		for (unsigned t = 0; index >= 0 && t < g->n_threads; t++) {
			if (generation_load_demand(g, t, threads[t], (size_t)index,
				    o->client_cas[i].bytes, &e) < 0) {
				e.ordinal = ordinal;
				offer_fail(o, &e);
				return -1;
			}
		}
	}
	return 0;
}

static int
offer_prepare_tls(struct offer *o, struct tls_thread *const *threads, unsigned n_threads)
{
	struct err e = {0};

	for (unsigned i = 0; i < n_threads; i++) {
		if (tls_thread_prepare(threads[i], o->conf->tls.profile, &e) < 0) {
			e.ordinal = o->conf->tls.profile_ordinal;
			offer_fail(o, &e);
			return -1;
		}
	}
	return 0;
}

/* What the https:// targets of one route need, in every thread. */
static int
offer_load_client(struct offer *o, struct generation *g, struct tls_thread *const *threads,
	const struct conf_route *route)
{
	struct slice pem = {0};
	struct err e = {0};

	if (route->authority && !o->authorities[route->authority - 1].base) {
		offer_fail_text(
			o, route->ordinal, "the authorities of this route were not offered");
		return -1;
	}
	if (route->authority)
		pem = o->authorities[route->authority - 1].bytes;
	for (unsigned t = 0; t < g->n_threads; t++) {
		if (generation_add_client(g, t, threads[t], route->authority, pem, &e) == 0)
			continue;
		e.ordinal = route->authority ? o->conf->authorities[route->authority - 1].ordinal
					     : route->ordinal;
		offer_fail(o, &e);
		return -1;
	}
	return 0;
}

static int
offer_load_clients(struct offer *o, struct generation *g, struct tls_thread *const *threads)
{
	for (size_t i = 0; i < g->conf->n_sites; i++) {
		const struct conf_site *site = &g->conf->sites[i];

		for (size_t k = 0; k < site->n_routes; k++)
			if (conf_route_has_tls(&site->routes[k]) &&
				offer_load_client(o, g, threads, &site->routes[k]) < 0)
				return -1;
	}
	for (size_t i = 0; i < g->conf->n_asked; i++)
		if (conf_route_has_tls(g->conf->asked[i]) &&
			offer_load_client(o, g, threads, g->conf->asked[i]) < 0)
			return -1;
	return 0;
}

static int
offer_read_passwords(struct offer *o, struct generation *g)
{
	struct err e = {0};

	for (size_t i = 0; i < g->conf->n_password_files; i++) {
		if (!o->passwords[i].base) {
			offer_fail_text(o, g->conf->password_files[i].ordinal,
				"this file of passwords was not offered");
			return -1;
		}
		if (generation_add_passwords(g, i, o->passwords[i].bytes, &e) < 0) {
			offer_fail(o, &e);
			return -1;
		}
	}
	return 0;
}

static int
offer_open_roots(struct offer *o, struct generation *g)
{
	struct err e = {0};

	for (size_t i = 0; i < o->n_roots; i++) {
		if (generation_add_root(g, o->roots[i].ordinal, o->roots[i].path, &e) < 0) {
			offer_fail(o, &e);
			return -1;
		}
	}
	return 0;
}

static int
offer_hand_over_pages(struct offer *o, struct generation *g)
{
	for (size_t i = 0; i < g->conf->n_all_pages; i++) {
		struct err e = {0};

		if (o->page_fds[i] < 0)
			err_set(&e, "this page was not offered");
		else if (generation_add_page(g, (uint32_t)i, o->page_fds[i], &e) == 0)
			o->page_fds[i] = -1;
		if (o->page_fds[i] < 0 && g->pages[i].fd >= 0)
			continue;
		e.ordinal = g->conf->all_pages[i]->ordinal;
		offer_fail(o, &e);
		return -1;
	}
	return 0;
}

/* The route's ordinal when it needs a folder that did not come. */
static uint32_t
offer_root_missing(const struct generation *g, const struct conf_site *site)
{
	for (size_t i = 0; i < site->n_routes; i++) {
		const struct conf_route *r = &site->routes[i];

		if (r->target.type == CONF_TARGET_DIR && !generation_root(g, r->ordinal))
			return r->ordinal;
	}
	return 0;
}

/* An offer that lacks a part is refused now, not noticed by the first request. */
static int
offer_check_complete(struct offer *o, const struct generation *g)
{
	for (size_t i = 0; i < g->conf->n_sites; i++) {
		uint32_t ordinal = offer_root_missing(g, &g->conf->sites[i]);

		if (ordinal) {
			offer_fail_text(o, ordinal, "the folder of this route was not offered");
			return -1;
		}
	}
	for (size_t i = 0; i < o->n_listeners; i++) {
		const struct offer_listener *l = &o->listeners[i];

		if (l->fd < 0 || !generation_listen(g, &l->addr, l->port)) {
			offer_fail_text(o, 0, "a listener that the configuration does not have");
			return -1;
		}
	}
	return 0;
}

struct generation *
offer_build(struct offer *o, struct tls_thread *const *threads, unsigned n_threads,
	const struct generation *before, struct backends *backends)
{
	struct generation *g;
	struct err e = {0};

	if (o->failed)
		return NULL;
	g = generation_new(o->number, conf_ref(o->conf), n_threads, before, &e);
	if (!g) {
		offer_fail(o, &e);
		return NULL;
	}
	if (generation_add_pools(g, backends, &e) < 0) {
		offer_fail(o, &e);
		generation_unref(&g);
	} else if (offer_prepare_tls(o, threads, n_threads) < 0 ||
		   offer_load_certificates(o, g, threads) < 0 ||
		   offer_load_demands(o, g, threads) < 0 || offer_load_clients(o, g, threads) < 0 ||
		   offer_read_passwords(o, g) < 0 || offer_open_roots(o, g) < 0 ||
		   offer_hand_over_pages(o, g) < 0 || offer_check_complete(o, g) < 0) {
		generation_unref(&g);
	}
	return g;
}
