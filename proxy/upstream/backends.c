/*
 * One lock a route, held for a choice or a note; one lock for the registry, taken when pools come
 * and go. Nothing is called from under them but the log.
 */
#include "proxy/upstream/backends.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/map.h"
#include "core/own.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#define NAME_MAX_BYTES 4096 /* of a set or a backend */

struct backends {
	pthread_mutex_t lock; /* the map and all counts of references */
	struct map *sets;     /* by name */
};

struct backend {
	struct list node; /* in set.backends */
	struct backend_set *set;
	unsigned refs; /* pools that have it */
	char *name;    /* the target as the file says it */
	uint64_t identity;
	/* Under the set's lock. */
	struct health health;
	uint32_t active;
	int64_t current;
	uint64_t requests, failures;
	uint64_t checked_ms; /* when the last check ended, monotonic; 0: never */
	const char *bad;     /* why it was bad; NULL: it was not */
};

struct backend_set {
	unsigned refs; /* pools that have it */
	char *name;    /* "HOST PATH": the route */
	struct list backends;
	pthread_mutex_t lock; /* all below, and the backends' state */
	uint64_t budget;      /* hundredths of a try */
	uint64_t budget_ms;   /* when it was last filled by time */
	struct list queue;    /* of struct backend_waiter */
	size_t n_queued;
};

struct backend_pool {
	struct backends *registry;
	struct backend_set *set;
	const struct conf_route *route;
	struct health_rules rules;
	size_t n_queued; /* of its set's queue; under the set's lock */
	size_t n;
	struct backend *targets[BALANCE_TARGETS_MAX];
};

/* --- the registry ---------------------------------------------------------------------------- */

struct backends *
backends_new(void)
{
	struct backends *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->sets = map_new();
	if (!b->sets) {
		free(b);
		return NULL;
	}
	pthread_mutex_init(&b->lock, NULL);
	return b;
}

void
backends_free(struct backends **b)
{
	struct backends *gone = steal_ptr(b);

	if (!gone)
		return;
	assert(map_count(gone->sets) == 0);
	map_free(&gone->sets);
	pthread_mutex_destroy(&gone->lock);
	free(gone);
}

/* A route is the same after a reload when its site's first name and its path are. */
static char *
set_name(const struct conf_site *site, const struct conf_route *route)
{
	struct buf b;
	char *name = NULL;

	buf_init(&b, NAME_MAX_BYTES * 2);
	if (buf_printf(&b, "%s %s%s", site->n_hosts ? site->hosts[0] : "", route->exact ? "= " : "",
		    route->path) == 0)
		name = slice_dup(buf_slice(&b));
	buf_clear(&b);
	return name;
}

static void
set_unref(struct backends *r, struct backend_set *set)
{
	if (--set->refs > 0)
		return;
	assert(list_empty(&set->backends));
	map_remove(r->sets, slice_str(set->name));
	pthread_mutex_destroy(&set->lock);
	free(set->name);
	free(set);
}

static struct backend_set *
set_new(struct backends *r, char *name)
{
	struct backend_set *set = calloc(1, sizeof(*set));

	if (!set || map_set(r->sets, slice_str(name), set, NULL) < 0) {
		free(set);
		free(name);
		return NULL;
	}
	set->name = name;
	set->budget = BACKENDS_BUDGET_MAX;
	list_init(&set->backends);
	list_init(&set->queue);
	pthread_mutex_init(&set->lock, NULL);
	return set;
}

static struct backend_set *
set_get(struct backends *r, const struct conf_site *site, const struct conf_route *route)
{
	char *name = set_name(site, route);
	struct backend_set *set = name ? map_find(r->sets, slice_str(name)) : NULL;

	if (set)
		free(name);
	else if (name)
		set = set_new(r, name);
	if (set)
		set->refs++;
	return set;
}

static struct backend *
backend_find(struct backend_set *set, struct slice name)
{
	list_each(node, &set->backends)
	{
		struct backend *b = list_entry(node, struct backend, node);

		if (slice_eq_str(name, b->name))
			return b;
	}
	return NULL;
}

static struct backend *
backend_get(struct backend_set *set, struct slice name)
{
	struct backend *b = backend_find(set, name);

	if (!b) {
		b = calloc(1, sizeof(*b));
		if (!b)
			return NULL;
		b->name = slice_dup(name);
		if (!b->name) {
			free(b);
			return NULL;
		}
		b->set = set;
		b->identity = balance_hash(name);
		list_append(&set->backends, &b->node);
	}
	b->refs++;
	return b;
}

static void
backend_unref(struct backend *b)
{
	if (--b->refs > 0)
		return;
	assert(b->active == 0);
	list_remove(&b->node);
	free(b->name);
	free(b);
}

static int
pool_add(struct backend_pool *p, const struct conf_target *t)
{
	struct buf name;
	struct backend *b = NULL;

	buf_init(&name, NAME_MAX_BYTES);
	if (conf_target_print(t, &name) == 0)
		b = backend_get(p->set, buf_slice(&name));
	buf_clear(&name);
	if (!b)
		return -1;
	p->targets[p->n++] = b;
	return 0;
}

/* A generation without checks: nobody would ever bring back what they took out. */
static void
pool_forget_checks(struct backend_pool *p)
{
	pthread_mutex_lock(&p->set->lock);
	for (size_t i = 0; i < p->n; i++)
		health_unchecked(&p->targets[i]->health);
	pthread_mutex_unlock(&p->set->lock);
}

struct backend_pool *
backend_pool_new(struct backends *b, const struct conf_site *site, const struct conf_route *route)
{
	const struct conf_upstream *u = &route->upstream;
	struct backend_pool *p = calloc(1, sizeof(*p));
	int rc = 0;

	if (!p)
		return NULL;
	p->registry = b;
	p->route = route;
	p->rules = (struct health_rules){.passive_fail = u->passive_fail,
		.passive_in_ms = u->passive_in_ms,
		.passive_for_ms = u->passive_for_ms,
		.slow_start_ms = u->slow_start_ms,
		.fall = u->check_fall,
		.rise = u->check_rise};
	pthread_mutex_lock(&b->lock);
	p->set = set_get(b, site, route);
	for (size_t i = 0; p->set && rc == 0 && i < conf_route_targets(route); i++)
		rc = pool_add(p, conf_route_target(route, i));
	pthread_mutex_unlock(&b->lock);
	if (!p->set || rc < 0)
		backend_pool_free(&p);
	else if (!u->check)
		pool_forget_checks(p);
	return p;
}

void
backend_pool_free(struct backend_pool **p)
{
	struct backend_pool *gone = steal_ptr(p);

	if (!gone)
		return;
	pthread_mutex_lock(&gone->registry->lock);
	for (size_t i = 0; i < gone->n; i++)
		backend_unref(gone->targets[i]);
	if (gone->set)
		set_unref(gone->registry, gone->set);
	pthread_mutex_unlock(&gone->registry->lock);
	free(gone);
}

const char *
backend_name(const struct backend *b)
{
	return b->name;
}

const char *
backend_route(const struct backend *b)
{
	return b->set->name;
}

/* --- a choice -------------------------------------------------------------------------------- */

/* Those that are up, or whose turn it is to be tried. */
static uint64_t
pool_healthy(const struct backend_pool *p, const struct backend_ask *ask)
{
	uint64_t healthy = 0;

	for (size_t i = 0; i < p->n; i++)
		if (health_state(&p->targets[i]->health, ask->now) != HEALTH_DOWN)
			healthy |= UINT64_C(1) << i;
	return healthy & ask->usable;
}

/* All are down: perhaps the one that failed first is the first to be back. */
static int
pool_longest_ago(const struct backend_pool *p, uint64_t usable)
{
	int best = -1;

	for (size_t i = 0; i < p->n; i++) {
		if (!((usable >> i) & 1))
			continue;
		if (best < 0 ||
			p->targets[i]->health.failed_ms < p->targets[best]->health.failed_ms)
			best = (int)i;
	}
	return best;
}

/* Among those that are up, by the route's rule. */
static int
pool_balance(struct backend_pool *p, const struct backend_ask *ask, uint64_t healthy)
{
	struct balance_target t[BALANCE_TARGETS_MAX];
	int best = -1;

	for (size_t i = 0; i < p->n; i++) {
		const struct backend *b = p->targets[i];

		t[i] = (struct balance_target){.active = b->active,
			.current = b->current,
			.identity = b->identity,
			.weight = health_weight(&b->health, &p->rules,
				conf_route_target(p->route, i)->weight, ask->now)};
	}
	switch (p->route->upstream.balance) {
	case CONF_BALANCE_ROUND_ROBIN:
		best = balance_round_robin(t, p->n, healthy);
		break;
	case CONF_BALANCE_LEAST_CONNECTIONS:
		best = balance_least(t, p->n, healthy);
		break;
	case CONF_BALANCE_HASH_CLIENT:
	case CONF_BALANCE_HASH_URI:
	case CONF_BALANCE_HASH_HEADER:
	case CONF_BALANCE_HASH_COOKIE:
		best = balance_consistent(t, p->n, healthy, ask->key);
		break;
	}
	for (size_t i = 0; i < p->n; i++)
		p->targets[i]->current = t[i].current;
	return best;
}

static void
set_fill_budget(struct backend_set *set, uint64_t now, uint64_t more)
{
	if (now > set->budget_ms) {
		more += (now - set->budget_ms) * BACKENDS_BUDGET_PER_SECOND / 1000;
		/* Parts of a hundredth are not lost: the clock stands until there is a whole one.
		 */
		if ((now - set->budget_ms) * BACKENDS_BUDGET_PER_SECOND >= 1000)
			set->budget_ms = now;
	}
	set->budget += more;
	if (set->budget > BACKENDS_BUDGET_MAX)
		set->budget = BACKENDS_BUDGET_MAX;
}

/* Those that may have one more request. */
static uint64_t
pool_roomy(const struct backend_pool *p)
{
	uint32_t limit = p->route->upstream.connections;
	uint64_t roomy = 0;

	for (size_t i = 0; i < p->n; i++)
		if (limit == 0 || p->targets[i]->active < limit)
			roomy |= UINT64_C(1) << i;
	return roomy;
}

/* Under the lock. */
static int
pool_take(struct backend_pool *p, const struct backend_ask *ask, struct backend **ret)
{
	uint64_t healthy = pool_healthy(p, ask), roomy = pool_roomy(p);
	struct backend *b;
	int i;

	if (healthy)
		i = pool_balance(p, ask, healthy & roomy);
	else
		i = pool_longest_ago(p, ask->usable & roomy);
	if (i < 0)
		return ask->usable ? BACKENDS_FULL : BACKENDS_NONE;
	b = p->targets[i];
	b->active++;
	b->requests++;
	health_take(&b->health, ask->now);
	set_fill_budget(p->set, ask->now, BACKENDS_BUDGET_PER_REQUEST);
	*ret = b;
	return i;
}

int
backend_pool_take(struct backend_pool *p, const struct backend_ask *ask, struct backend **ret)
{
	int i;

	pthread_mutex_lock(&p->set->lock);
	i = pool_take(p, ask, ret);
	pthread_mutex_unlock(&p->set->lock);
	return i;
}

struct backend *
backend_pool_get(const struct backend_pool *p, size_t index)
{
	assert(index < p->n);
	return p->targets[index];
}

/* --- the queue ------------------------------------------------------------------------------- */

int
backend_pool_queue(struct backend_waiter *w)
{
	struct backend_set *set = w->pool->set;
	int rc;

	pthread_mutex_lock(&set->lock);
	list_init(&w->node);
	w->granted = NULL;
	/* Who gave it back found nobody in the queue. */
	rc = pool_take(w->pool, &w->ask, &w->granted);
	if (rc < 0)
		rc = BACKENDS_NONE;
	if (rc < 0 && set->n_queued < w->pool->route->upstream.queue) {
		list_append(&set->queue, &w->node);
		set->n_queued++;
		w->pool->n_queued++;
		rc = BACKENDS_FULL;
	}
	pthread_mutex_unlock(&set->lock);
	return rc;
}

/* Under the lock. */
static void
waiter_unqueue(struct backend_waiter *w)
{
	list_remove(&w->node);
	w->pool->set->n_queued--;
	w->pool->n_queued--;
}

/* Gives free places to those who wait, first come first served, under the lock. Who could use none
 * of them stays where he is. With no place left nobody is asked: a place is given back for each
 * request, and thousands may wait. */
static void
set_serve_queue(struct backend_set *set, uint64_t now)
{
	list_each(node, &set->queue)
	{
		struct backend_waiter *w = list_entry(node, struct backend_waiter, node);

		if (!pool_roomy(w->pool)) {
			if (w->pool->n_queued == set->n_queued)
				break; /* the rest are its own too, not those of another generation
					*/
			continue;
		}
		w->ask.now = now;
		w->index = pool_take(w->pool, &w->ask, &w->granted);
		if (w->index < 0)
			continue;
		waiter_unqueue(w);
		w->on_granted(w);
	}
}

/* Under the lock. */
static void
set_release(struct backend_set *set, struct backend *b)
{
	assert(b->active > 0);
	b->active--;
	if (set->n_queued > 0)
		set_serve_queue(set, clock_mono_coarse_ms());
}

bool
backend_waiter_leave(struct backend_waiter *w)
{
	struct backend_set *set = w->pool->set;
	struct backend *granted;

	pthread_mutex_lock(&set->lock);
	granted = steal_ptr(&w->granted);
	if (granted) {
		set_release(set, granted);
	} else {
		waiter_unqueue(w);
	}
	pthread_mutex_unlock(&set->lock);
	return granted != NULL;
}

void
backend_release(struct backend *b)
{
	struct backend_set *set = b->set;

	pthread_mutex_lock(&set->lock);
	set_release(set, b);
	pthread_mutex_unlock(&set->lock);
}

/* --- what came of it ------------------------------------------------------------------------- */

bool
backend_failed(struct backend *b, const struct backend_pool *p, const char *why, uint64_t now)
{
	struct backend_set *set = b->set;
	bool fell;

	pthread_mutex_lock(&set->lock);
	b->failures++;
	fell = health_failed(&b->health, &p->rules, now);
	pthread_mutex_unlock(&set->lock);
	if (fell)
		log_warn("target is down", kv_s("route", set->name), kv_s("target", b->name),
			kv_s("why", why));
	return fell;
}

bool
backend_answered(struct backend *b, uint64_t now)
{
	struct backend_set *set = b->set;
	bool rose;

	pthread_mutex_lock(&set->lock);
	rose = health_answered(&b->health, now);
	if (rose && set->n_queued > 0)
		set_serve_queue(set, now);
	pthread_mutex_unlock(&set->lock);
	if (rose)
		log_info("target is up", kv_s("route", set->name), kv_s("target", b->name));
	return rose;
}

bool
backend_checked(struct backend *b, const struct backend_pool *p, const char *bad, uint64_t now)
{
	struct backend_set *set = b->set;
	bool changed;

	pthread_mutex_lock(&set->lock);
	b->checked_ms = now;
	b->bad = bad;
	changed = health_checked(&b->health, &p->rules, !bad, now);
	if (changed && !bad && set->n_queued > 0)
		set_serve_queue(set, now);
	pthread_mutex_unlock(&set->lock);
	if (changed && bad)
		log_warn("target is down", kv_s("route", set->name), kv_s("target", b->name),
			kv_s("why", bad));
	else if (changed)
		log_info("target is up", kv_s("route", set->name), kv_s("target", b->name));
	return changed;
}

void
backend_unchecked(struct backend *b)
{
	pthread_mutex_lock(&b->set->lock);
	health_unchecked(&b->health);
	pthread_mutex_unlock(&b->set->lock);
}

struct backend_report
backend_report(struct backend *b, uint64_t now)
{
	struct backend_report r;

	pthread_mutex_lock(&b->set->lock);
	r = (struct backend_report){.state = health_state(&b->health, now),
		.active = b->active,
		.requests = b->requests,
		.failures = b->failures,
		.failed_ms = b->health.failed_ms,
		.checked_ms = b->checked_ms,
		.bad = b->bad};
	pthread_mutex_unlock(&b->set->lock);
	return r;
}

bool
backend_pool_may_retry(struct backend_pool *p, uint64_t now)
{
	struct backend_set *set = p->set;
	bool may;

	pthread_mutex_lock(&set->lock);
	set_fill_budget(set, now, 0);
	may = set->budget >= 100;
	if (may)
		set->budget -= 100;
	pthread_mutex_unlock(&set->lock);
	return may;
}
