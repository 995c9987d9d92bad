/* The cache and the main thread. */
#include "proxy/cache/cache_manager.h"

#include "core/cache_order.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/memfd.h"
#include "core/own.h"
#include "core/report.h"

#include <fcntl.h>
#include <stdlib.h>

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

/* --- life ------------------------------------------------------------------------------------ */

static void on_news(struct list *item, void *ctx);

int
cache_manager_init(
	struct cache_manager *m, struct event_base *base, struct chan **chan, struct err *e)
{
	list_init(&m->pending);
	m->chan = chan;
	m->store = cache_store_new();
	m->flights = cache_flights_new();
	if (!m->store || !m->flights)
		return err_set(e, "out of memory");
	m->disk = cache_disk_new(m->store, e);
	return m->disk ? mailbox_init(&m->done, base, on_news, m, e) : -1;
}

void
cache_manager_share(struct cache_manager *m, struct worker *w)
{
	w->cache = m->store;
	w->flights = m->flights;
	w->disk = m->disk;
}

/* A descriptor of the folder that the generation has opened; -1: there is none. */
static int
open_folder(const struct generation *g)
{
	const struct conf *conf = g->conf;
	const struct generation_root *root =
		conf->cache_store.disk_ordinal ? generation_root(g, conf->cache_store.disk_ordinal)
					       : NULL;

	return root && uses_cache(conf) ? fcntl(root->fd, F_DUPFD_CLOEXEC, 0) : -1;
}

void
cache_manager_configure(struct cache_manager *m, const struct generation *g)
{
	const struct conf *conf = g->conf;
	const struct cache_disk_settings settings = {.folder = open_folder(g),
		.budget = conf->cache_store.disk,
		.floor = conf->cache_store.disk_free};
	struct err e = {0};

	cache_store_set_budget(m->store, uses_cache(conf) ? conf->cache_store.memory : 0);
	if (cache_disk_configure(m->disk, &settings, &e) < 0)
		log_err("there is no disk cache", &e);
}

void
cache_manager_let_go(struct cache_manager *m)
{
	const struct cache_disk_settings settings = {.folder = -1, .keep = true};

	(void)cache_disk_configure(m->disk, &settings, NULL);
}

void
cache_manager_count(struct cache_manager *m, struct stats *stats)
{
	struct cache_counts c;

	cache_disk_count(m->disk, stats);
	cache_store_count(m->store, &c);
	atomic_store(&stats->value[STAT_CACHE_STORED], c.stored);
	atomic_store(&stats->value[STAT_CACHE_EVICTED], c.evicted);
	atomic_store(&stats->value[STAT_CACHE_PURGED], c.purged);
	atomic_store(&stats->value[STAT_CACHE_OBJECTS], c.objects);
	atomic_store(&stats->value[STAT_CACHE_MEMORY], c.bytes);
}

/* --- orders ---------------------------------------------------------------------------------- */

/* What an order is about. */
struct about {
	enum disk_kind kind;
	struct slice what;
};

static bool
matches(const struct cache_object *o, const void *ctx)
{
	const struct about *about = ctx;

	return disk_kill_matches(about->kind, about->what, o->url, o->tags);
}

struct listing {
	struct cache_store *store;
	struct about about;
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
	struct report_stored r;

	if (!matches(o, &l->about) || ++l->n > CACHE_LISTED_MAX)
		return true;
	cache_object_report(o, l->now_ms, &r);
	if (!l->with_heads)
		r.head = (struct slice){0};
	return report_put_stored(l->out, &r) == 0;
}

/* The same for one that is on disk alone. */
static bool
list_on_disk(const struct disk_entry *e, void *ctx)
{
	struct listing *l = ctx;
	int64_t since = (int64_t)clock_wall_coarse_ms() - e->came_wall_ms;
	struct report_stored r = {.url = disk_entry_url(e),
		.vary = disk_entry_vary(e),
		.tags = disk_entry_tags(e),
		.status = e->status,
		.size = e->body_n,
		.age_s = e->born_s + (uint64_t)(since > 0 ? since / 1000 : 0),
		.lifetime_s = e->lifetime_s,
		.on_disk = true};

	if (!disk_kill_matches(l->about.kind, l->about.what, r.url, r.tags) ||
		cache_store_holds(l->store, e->hash, r.url) || ++l->n > CACHE_LISTED_MAX)
		return true;
	return report_put_stored(l->out, &r) == 0;
}

static uint64_t
list(struct cache_manager *m, enum cache_order order, struct slice what, struct buf *out)
{
	struct listing l = {.store = m->store,
		.about = {.kind = order == CACHE_ORDER_SHOW ? DISK_KILL_URL : DISK_KILL_PREFIX,
			.what = what},
		.with_heads = order == CACHE_ORDER_SHOW,
		.now_ms = clock_mono_coarse_ms(),
		.out = out};

	cache_store_each(m->store, list_one, &l);
	if (order == CACHE_ORDER_LIST)
		cache_disk_each(m->disk, list_on_disk, &l);
	return l.n;
}

static void
say(struct cache_manager *m, uint64_t id, uint64_t n, struct slice report)
{
	struct err e = {0};
	struct msg_out out;
	_fd_ int fd = memfd_new("cache", report, &e);

	if (fd < 0 || msg_out_init(&out, MSG_CACHE_SAID, ROLE_CONTROL) < 0) {
		log_err("the cache cannot answer", &e);
		return;
	}
	msg_put_u64(&out, id);
	msg_put_u64(&out, n);
	msg_put_fd(&out, fd);
	(void)chan_send(*m->chan, &out);
}

/* --- what waits for the disk ----------------------------------------------------------------- */

/* A purge, or heads that are read. */
struct pending {
	struct list node, news; /* in the manager's list; in its mailbox */
	struct disk_waiter waiter;
	struct cache_manager *manager;
	uint64_t id, n, on_disk; /* how many there were in memory, and on disk alone */
	struct buf report;       /* what there is to say of those in memory */
};

static void
pending_free(struct pending *p)
{
	list_remove(&p->node);
	buf_clear(&p->waiter.shown);
	buf_clear(&p->report);
	free(p);
}

/* By the disk's threads: from now on it is the main thread's alone. */
static void
on_done(struct disk_waiter *w)
{
	struct pending *p = list_entry(w, struct pending, waiter);

	mailbox_post(&p->manager->done, &p->news);
}

static void
on_news(struct list *item, void *ctx)
{
	struct cache_manager *m = ctx;
	struct pending *p = list_entry(item, struct pending, news);

	if (buf_append_slice(&p->report, buf_slice(&p->waiter.shown)) < 0)
		p->waiter.n_shown = 0; /* there is no room for more */
	if (*m->chan)
		say(m, p->id, p->n + p->on_disk + p->waiter.n_shown, buf_slice(&p->report));
	pending_free(p);
}

static struct pending *
pending_new(struct cache_manager *m, uint64_t id)
{
	struct pending *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL; /* who asked will say that nobody answered */
	p->manager = m;
	p->id = id;
	p->waiter.on_done = on_done;
	buf_init(&p->waiter.shown, REPORT_MAX);
	buf_init(&p->report, REPORT_MAX);
	list_init(&p->news);
	list_append(&m->pending, &p->node);
	return p;
}

/* What is in memory; of a URL, what is on disk alone as well, for which its heads are read. */
static void
show(struct cache_manager *m, uint64_t id, enum cache_order order, struct slice what)
{
	struct pending *p = pending_new(m, id);

	if (!p)
		return;
	p->n = list(m, order, what, &p->report);
	if (order != CACHE_ORDER_SHOW || !cache_disk_show(m->disk, what, &p->waiter))
		on_news(&p->news, m);
}

/* Both tiers; nothing passes from one to the other meanwhile. */
static void
purge(struct cache_manager *m, uint64_t id, const struct about *about)
{
	struct pending *p = pending_new(m, id);
	bool waits;

	if (!p)
		return;
	cache_store_forbid_all(m->store);
	waits = cache_disk_purge(m->disk, about->kind, about->what, &p->waiter, &p->on_disk);
	p->n = cache_store_purge(m->store, matches, about);
	if (!waits)
		on_news(&p->news, m);
}

void
cache_manager_clear(struct cache_manager *m)
{
	if (!m->store)
		return;
	list_each(node, &m->pending)
	{
		struct pending *p = list_entry(node, struct pending, node);

		if (!cache_disk_leave(m->disk, &p->waiter))
			continue; /* it is in the mailbox */
		pending_free(p);
	}
	if (m->disk)
		mailbox_clear(&m->done);
	cache_disk_free(&m->disk);
	cache_flights_free(&m->flights);
	cache_store_free(&m->store);
}

void
cache_manager_on_ask(struct cache_manager *m, struct msg_in *msg)
{
	uint64_t id = msg_get_u64(msg);
	uint8_t order = msg_get_u8(msg);
	struct about about = {.kind = DISK_KILL_PREFIX, .what = msg_get_slice(msg)};

	if (msg_finish(msg) < 0)
		return;
	switch ((enum cache_order)order) {
	case CACHE_ORDER_SHOW:
	case CACHE_ORDER_LIST:
		show(m, id, (enum cache_order)order, about.what);
		return;
	case CACHE_ORDER_PURGE_URL:
		about.kind = DISK_KILL_URL;
		break;
	case CACHE_ORDER_PURGE_TAG:
		about.kind = DISK_KILL_TAG;
		break;
	case CACHE_ORDER_CLEAR:
		about.what = (struct slice){0};
		break;
	case CACHE_ORDER_PURGE_PREFIX:
		break;
	case CACHE_ORDER_COUNT:
		return;
	}
	purge(m, id, &about);
}
