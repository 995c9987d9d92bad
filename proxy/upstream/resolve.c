/*
 * Names to addresses by libevent's resolver, with a small memory of its answers.
 */
#include "proxy/upstream/resolve.h"

#include "core/clock.h"
#include "core/file.h"
#include "core/log.h"
#include "proxy/upstream/hosts.h"
#include "proxy/worker.h"

#include <event2/dns.h>
#include <stdlib.h>

#define HOSTS_FILE_MAX ((size_t)1024 * 1024)
#define RESOLVE_ASKED_A 1u
#define RESOLVE_ASKED_AAAA 2u

struct resolve_name {
	struct resolver *resolver;
	char *name;
	bool pending;
	uint64_t valid_until; /* monotonic ms; 0: never asked, or asked for anew */
	struct addr addrs[RESOLVE_ADDRESSES_MAX];
	size_t n_addrs; /* 0: the name does not resolve */
	/* While it is pending. */
	unsigned asked;   /* RESOLVE_ASKED_ bits that have not answered */
	bool denied;      /* whoever answered says that there is no such name or address */
	uint64_t keep_ms; /* the shortest time to live of the answers */
	struct addr found[RESOLVE_ADDRESSES_MAX];
	size_t n_found;
	struct timer second; /* one family has answered, the other has not */
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
	timer_remove(&n->resolver->worker->timers, &n->second);
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

/* All that was asked has answered, or enough of it. */
static void
resolve_finish(struct resolve_name *n)
{
	uint64_t now = clock_mono_coarse_ms();

	timer_remove(&n->resolver->worker->timers, &n->second);
	n->asked = 0;
	n->pending = false;
	if (n->n_found > 0 || n->denied) {
		memcpy(n->addrs, n->found, sizeof(n->addrs));
		n->n_addrs = n->n_found;
	}
	if (n->n_found == 0)
		log_warn("name does not resolve", kv_s("name", n->name),
			kv_s("why", n->denied ? "it does not exist" : "no answer"),
			kv_u("addresses_kept", n->n_addrs));
	n->valid_until = now + (n->n_found ? n->keep_ms : RESOLVE_KEEP_FAILED_MS);
	while (!list_empty(&n->waits)) {
		struct resolve_wait *wait =
			list_entry(list_first(&n->waits), struct resolve_wait, node);

		list_remove(&wait->node);
		wait->on_done(wait);
	}
}

static void
resolve_on_second(struct timer *t)
{
	resolve_finish(list_entry(t, struct resolve_name, second));
}

static void
resolve_add(struct resolve_name *n, int family, const void *bytes)
{
	struct addr *a = &n->found[n->n_found];

	if (n->n_found == RESOLVE_ADDRESSES_MAX)
		return;
	*a = (struct addr){.family = (uint8_t)family};
	memcpy(a->bytes, bytes, addr_len(a));
	n->n_found++;
}

/* One of the two questions has its answer. A late one, after the second was waited for long enough,
 * finds nothing asked and is dropped. */
static void
resolve_on_answer(struct resolve_name *n, int family, int result, int ttl)
{
	uint64_t keep = hosts_keep_ms(ttl);

	n->asked &= family == AF_INET ? ~RESOLVE_ASKED_A : ~RESOLVE_ASKED_AAAA;
	if (result == DNS_ERR_NONE && keep < n->keep_ms)
		n->keep_ms = keep;
	if (result != DNS_ERR_NONE && result != DNS_ERR_NOTEXIST && result != DNS_ERR_NODATA)
		n->denied = false;
	if (n->asked == 0)
		resolve_finish(n);
	else if (n->n_found > 0)
		timer_set(&n->resolver->worker->timers, &n->second,
			clock_mono_coarse_ms() + RESOLVE_SECOND_MS);
}

static void
resolve_on_a(int result, char type, int count, int ttl, void *addresses, void *arg)
{
	struct resolve_name *n = arg;
	const unsigned char *bytes = addresses;

	if (!(n->asked & RESOLVE_ASKED_A))
		return;
	for (int i = 0; result == DNS_ERR_NONE && type == DNS_IPv4_A && i < count; i++)
		resolve_add(n, AF_INET, bytes + (size_t)i * sizeof(struct in_addr));
	resolve_on_answer(n, AF_INET, result, ttl);
}

static void
resolve_on_aaaa(int result, char type, int count, int ttl, void *addresses, void *arg)
{
	struct resolve_name *n = arg;
	const unsigned char *bytes = addresses;

	if (!(n->asked & RESOLVE_ASKED_AAAA))
		return;
	for (int i = 0; result == DNS_ERR_NONE && type == DNS_IPv6_AAAA && i < count; i++)
		resolve_add(n, AF_INET6, bytes + (size_t)i * sizeof(struct in6_addr));
	resolve_on_answer(n, AF_INET6, result, ttl);
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
	timer_init(&n->second, resolve_on_second);
	if (!n->name || map_set(r->names, name, n, NULL) < 0) {
		resolve_name_free(n);
		return NULL;
	}
	return n;
}

/* True: the file knows the name. */
static bool
resolve_in_hosts(struct resolve_name *n)
{
	struct buf text;
	struct err e;

	buf_init(&text, HOSTS_FILE_MAX);
	n->n_found = 0;
	if (file_read("/etc/hosts", &text, &e) == 0)
		n->n_found = hosts_find(
			buf_slice(&text), slice_str(n->name), n->found, RESOLVE_ADDRESSES_MAX);
	buf_clear(&text);
	if (n->n_found == 0)
		return false;
	memcpy(n->addrs, n->found, sizeof(n->addrs));
	n->n_addrs = n->n_found;
	n->valid_until = clock_mono_coarse_ms() + RESOLVE_KEEP_HOSTS_MS;
	return true;
}

static void
resolve_ask(struct resolver *r, struct resolve_name *n)
{
	if (resolve_in_hosts(n) || resolver_open(r) < 0)
		return;
	n->pending = true;
	n->denied = true;
	n->keep_ms = HOSTS_TTL_MAX_MS;
	n->asked = RESOLVE_ASKED_A | RESOLVE_ASKED_AAAA;
	if (!evdns_base_resolve_ipv4(r->dns, n->name, 0, resolve_on_a, n))
		n->asked &= ~RESOLVE_ASKED_A;
	if (!evdns_base_resolve_ipv6(r->dns, n->name, 0, resolve_on_aaaa, n))
		n->asked &= ~RESOLVE_ASKED_AAAA;
	if (n->asked != 0)
		return;
	n->pending = false;
	n->valid_until = clock_mono_coarse_ms() + RESOLVE_KEEP_FAILED_MS;
}

/* Whether what is known may be given out while the question is asked again. */
static bool
resolve_is_usable(const struct resolve_name *n, uint64_t now)
{
	return n->n_addrs > 0 && now < n->valid_until + RESOLVE_STALE_MS;
}

enum resolve_result
resolver_get(struct resolver *r, struct slice name, struct resolve_wait *wait,
	struct addr ret[static RESOLVE_ADDRESSES_MAX], size_t *ret_n)
{
	uint64_t now = clock_mono_coarse_ms();
	struct resolve_name *n;

	if (addr_parse(name, &ret[0]) == 0) {
		*ret_n = 1;
		return RESOLVE_DONE;
	}
	n = resolver_name(r, name);
	if (!n)
		return RESOLVE_FAILED;
	if (!n->pending && n->valid_until <= now)
		resolve_ask(r, n);
	if (n->pending && !resolve_is_usable(n, now)) {
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
