/*
 * Names to addresses by libevent's resolver, with a small memory of its answers.
 */
#include "proxy/resolve.h"

#include "core/clock.h"
#include "core/log.h"
#include "proxy/worker.h"

#include <event2/dns.h>
#include <event2/util.h>
#include <stdlib.h>

struct resolve_name {
	struct resolver *resolver;
	char *name;
	bool pending;
	bool starting;        /* inside evdns_getaddrinfo, which may answer at once */
	uint64_t valid_until; /* monotonic ms; 0: never asked */
	struct addr addrs[RESOLVE_ADDRESSES_MAX];
	size_t n_addrs; /* 0: the name does not resolve */
	struct list waits;
};

int
resolver_init(struct resolver *r, struct worker *w)
{
	r->worker = w;
	r->dns = NULL;
	r->names = map_new();
	return r->names ? 0 : -1;
}

static void
resolve_name_free(struct resolve_name *n)
{
	free(n->name);
	free(n);
}

void
resolver_clear(struct resolver *r)
{
	size_t cursor = 0;
	struct slice key;
	void *name;

	if (!r->names)
		return;
	/* 0: pending questions are forgotten without a callback. */
	if (r->dns)
		evdns_base_free(r->dns, 0);
	r->dns = NULL;
	while ((name = map_next(r->names, &cursor, &key)) != NULL)
		resolve_name_free(name);
	map_free(&r->names);
}

static bool
resolver_is_busy(const struct resolver *r)
{
	size_t cursor = 0;
	struct slice key;
	struct resolve_name *n;

	while ((n = map_next(r->names, &cursor, &key)) != NULL) {
		if (n->pending)
			return true;
	}
	return false;
}

void
resolver_refresh(struct resolver *r)
{
	if (!r->dns || resolver_is_busy(r))
		return;
	evdns_base_free(r->dns, 0);
	r->dns = NULL;
}

/* Without a usable /etc/resolv.conf, /etc/hosts still answers. */
static int
resolver_open(struct resolver *r)
{
	if (r->dns)
		return 0;
	r->dns = evdns_base_new(r->worker->base, EVDNS_BASE_DISABLE_WHEN_INACTIVE);
	if (!r->dns)
		return -1;
	if (evdns_base_resolv_conf_parse(r->dns, DNS_OPTIONS_ALL, "/etc/resolv.conf") != 0)
		log_warn("no usable /etc/resolv.conf", kv_u("thread", r->worker->index));
	return 0;
}

static void
resolve_take(struct resolve_name *n, const struct evutil_addrinfo *list)
{
	n->n_addrs = 0;
	for (const struct evutil_addrinfo *ai = list; ai && n->n_addrs < RESOLVE_ADDRESSES_MAX;
		ai = ai->ai_next) {
		struct sockaddr_storage ss = {0};
		uint16_t port;

		if (ai->ai_addrlen > sizeof(ss))
			continue;
		memcpy(&ss, ai->ai_addr, ai->ai_addrlen);
		if (addr_from_sockaddr(&ss, &n->addrs[n->n_addrs], &port) == 0)
			n->n_addrs++;
	}
}

static void
resolve_on_answer(int error, struct evutil_addrinfo *list, void *arg)
{
	struct resolve_name *n = arg;
	uint64_t keep;

	if (error == EVUTIL_EAI_CANCEL)
		return;
	resolve_take(n, error ? NULL : list);
	if (list)
		evutil_freeaddrinfo(list);
	if (n->n_addrs == 0)
		log_warn("name does not resolve", kv_s("name", n->name),
			kv_s("why", error ? evutil_gai_strerror(error) : "no address"));
	keep = n->n_addrs ? RESOLVE_KEEP_MS : RESOLVE_KEEP_FAILED_MS;
	n->valid_until = clock_mono_coarse_ms() + keep;
	n->pending = false;
	while (!n->starting && !list_empty(&n->waits)) {
		struct resolve_wait *wait =
			list_entry(list_first(&n->waits), struct resolve_wait, node);

		list_remove(&wait->node);
		wait->on_done(wait);
	}
}

static struct resolve_name *
resolver_name(struct resolver *r, struct slice name)
{
	struct resolve_name *n = map_find(r->names, name);

	if (n)
		return n;
	n = calloc(1, sizeof(*n));
	if (!n)
		return NULL;
	n->resolver = r;
	n->name = slice_dup(name);
	list_init(&n->waits);
	if (!n->name || map_set(r->names, name, n, NULL) < 0) {
		resolve_name_free(n);
		return NULL;
	}
	return n;
}

static void
resolve_ask(struct resolver *r, struct resolve_name *n)
{
	struct evutil_addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};

	if (resolver_open(r) < 0)
		return;
	n->pending = true;
	n->starting = true;
	evdns_getaddrinfo(r->dns, n->name, NULL, &hints, resolve_on_answer, n);
	n->starting = false;
}

enum resolve_result
resolver_get(struct resolver *r, struct slice name, struct resolve_wait *wait,
	struct addr ret[static RESOLVE_ADDRESSES_MAX], size_t *ret_n)
{
	struct resolve_name *n;

	if (addr_parse(name, &ret[0]) == 0) {
		*ret_n = 1;
		return RESOLVE_DONE;
	}
	n = resolver_name(r, name);
	if (!n)
		return RESOLVE_FAILED;
	if (!n->pending && n->valid_until <= clock_mono_coarse_ms())
		resolve_ask(r, n);
	if (n->pending) {
		list_append(&n->waits, &wait->node);
		return RESOLVE_PENDING;
	}
	memcpy(ret, n->addrs, sizeof(n->addrs));
	*ret_n = n->n_addrs;
	return n->n_addrs ? RESOLVE_DONE : RESOLVE_FAILED;
}

void
resolve_wait_init(struct resolve_wait *wait, void (*on_done)(struct resolve_wait *wait))
{
	list_init(&wait->node);
	wait->on_done = on_done;
}

void
resolve_cancel(struct resolve_wait *wait)
{
	list_remove(&wait->node);
}

void
resolver_forget(struct resolver *r, struct slice name)
{
	struct resolve_name *n = map_find(r->names, name);

	if (n && !n->pending)
		n->valid_until = 0;
}
