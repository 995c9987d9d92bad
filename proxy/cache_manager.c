/* The cache and the main thread. */
#include "proxy/cache_manager.h"

#include "core/cache_order.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/memfd.h"
#include "core/own.h"
#include "core/report.h"

static bool
uses_cache(const struct conf *conf)
{
	for (size_t i = 0; i < conf->n_sites; i++) {
		const struct conf_site *site = &conf->sites[i];

		for (size_t k = 0; k < site->n_routes; k++)
			if (site->routes[k].cache.mode != CONF_CACHE_OFF &&
				conf_target_is_server(&site->routes[k].target))
				return true;
	}
	return false;
}

void
cache_manager_configure(struct cache_store *store, const struct conf *conf)
{
	cache_store_set_budget(store, uses_cache(conf) ? conf->cache_store.memory : 0);
}

void
cache_manager_count(struct cache_store *store, struct stats *stats)
{
	struct cache_counts c;

	cache_store_count(store, &c);
	atomic_store(&stats->value[STAT_CACHE_STORED], c.stored);
	atomic_store(&stats->value[STAT_CACHE_EVICTED], c.evicted);
	atomic_store(&stats->value[STAT_CACHE_PURGED], c.purged);
	atomic_store(&stats->value[STAT_CACHE_OBJECTS], c.objects);
	atomic_store(&stats->value[STAT_CACHE_MEMORY], c.bytes);
}

/* --- orders ---------------------------------------------------------------------------------- */

static bool
matches_url(const struct cache_object *o, const void *ctx)
{
	return slice_eq(o->url, *(const struct slice *)ctx);
}

static bool
matches_prefix(const struct cache_object *o, const void *ctx)
{
	return slice_starts(o->url, *(const struct slice *)ctx);
}

static bool
matches_tag(const struct cache_object *o, const void *ctx)
{
	const struct slice *tag = ctx;
	struct slice rest = o->tags;

	while (rest.n > 0) {
		struct slice one = slice_head(rest, slice_index(rest, ' '));

		if (slice_eq(one, *tag))
			return true;
		rest = slice_skip(rest, one.n + 1);
	}
	return false;
}

struct listing {
	bool (*matches)(const struct cache_object *o, const void *ctx);
	struct slice what;
	bool with_heads;
	uint64_t now_ms;
	uint64_t n; /* that match */
	struct buf *out;
};

/* Under a lock: only copies. */
static bool
list_one(const struct cache_object *o, void *ctx)
{
	struct listing *l = ctx;
	struct report_stored r = {.url = o->url,
		.vary = o->vary,
		.tags = o->tags,
		.type = o->type,
		.head = l->with_heads ? o->head : (struct slice){0},
		.status = o->status,
		.size = cache_object_body(o).n};
	int64_t age;

	if (!l->matches(o, &l->what) || ++l->n > CACHE_LISTED_MAX)
		return true;
	age = cache_terms_age(&o->terms, l->now_ms > o->came_ms ? l->now_ms - o->came_ms : 0);
	r.age_s = (uint64_t)age;
	r.lifetime_s = (uint64_t)o->terms.lifetime_s;
	return report_put_stored(l->out, &r) == 0;
}

static uint64_t
carry_out(struct cache_store *store, enum cache_order order, struct slice what, struct buf *out)
{
	struct listing l = {.matches = matches_prefix,
		.what = what,
		.now_ms = clock_mono_coarse_ms(),
		.out = out};

	switch (order) {
	case CACHE_ORDER_SHOW:
		l.matches = matches_url;
		l.with_heads = true;
		cache_store_each(store, list_one, &l);
		return l.n;
	case CACHE_ORDER_LIST:
		cache_store_each(store, list_one, &l);
		return l.n;
	case CACHE_ORDER_PURGE_URL:
		return cache_store_purge(store, matches_url, &what);
	case CACHE_ORDER_PURGE_PREFIX:
		return cache_store_purge(store, matches_prefix, &what);
	case CACHE_ORDER_PURGE_TAG:
		return cache_store_purge(store, matches_tag, &what);
	case CACHE_ORDER_CLEAR:
		return cache_store_purge(store, matches_prefix, &(struct slice){0});
	case CACHE_ORDER_COUNT:
		break;
	}
	return 0;
}

void
cache_manager_on_ask(struct cache_store *store, struct chan *chan, struct msg_in *m)
{
	uint64_t id = msg_get_u64(m);
	uint8_t order = msg_get_u8(m);
	struct slice what = msg_get_slice(m);
	struct err e = {0};
	struct msg_out out;
	struct buf report;
	_fd_ int fd = -1;
	uint64_t n;

	if (msg_finish(m) < 0 || order >= CACHE_ORDER_COUNT)
		return;
	buf_init(&report, REPORT_MAX);
	n = carry_out(store, (enum cache_order)order, what, &report);
	fd = memfd_new("cache", buf_slice(&report), &e);
	buf_clear(&report);
	if (fd < 0 || msg_out_init(&out, MSG_CACHE_SAID, ROLE_CONTROL) < 0) {
		log_err("the cache cannot answer", &e);
		return;
	}
	msg_put_u64(&out, id);
	msg_put_u64(&out, n);
	msg_put_fd(&out, fd);
	(void)chan_send(chan, &out);
}
