/* The table of what is being asked for. */
#include "proxy/cache/cache_flight.h"

#include "core/own.h"

#include <pthread.h>
#include <stdlib.h>

#define FLIGHT_BUCKETS 256

struct flight {
	struct list node; /* in its bucket */
	struct list waiters;
	size_t n_waiters;
	uint64_t hash;
	struct slice url, scope;
	char text[];
};

struct pass {
	uint32_t print;
	uint64_t until_ms;
};

struct cache_flights {
	pthread_mutex_t lock;
	struct list buckets[FLIGHT_BUCKETS];
	struct pass passes[FLIGHT_PASSES];
};

struct cache_flights *
cache_flights_new(void)
{
	struct cache_flights *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	if (pthread_mutex_init(&f->lock, NULL) != 0) {
		free(f);
		return NULL;
	}
	for (size_t i = 0; i < FLIGHT_BUCKETS; i++)
		list_init(&f->buckets[i]);
	return f;
}

static void
flight_free(struct flight *flight)
{
	list_remove(&flight->node);
	free(flight);
}

void
cache_flights_free(struct cache_flights **f)
{
	struct cache_flights *gone = steal_ptr(f);

	if (!gone)
		return;
	for (size_t i = 0; i < FLIGHT_BUCKETS; i++)
		list_each(node, &gone->buckets[i])
			flight_free(list_entry(node, struct flight, node));
	pthread_mutex_destroy(&gone->lock);
	free(gone);
}

/* --- joining --------------------------------------------------------------------------------- */

static struct list *
bucket_of(struct cache_flights *f, uint64_t hash)
{
	return &f->buckets[hash % FLIGHT_BUCKETS];
}

static struct flight *
find(struct cache_flights *f, const struct cache_key *key)
{
	list_each(node, bucket_of(f, key->hash))
	{
		struct flight *flight = list_entry(node, struct flight, node);

		if (flight->hash == key->hash && slice_eq(flight->url, key->url) &&
			slice_eq(flight->scope, key->scope))
			return flight;
	}
	return NULL;
}

static struct pass *
pass_of(struct cache_flights *f, uint64_t hash)
{
	return &f->passes[hash % FLIGHT_PASSES];
}

static bool
is_passed(struct cache_flights *f, uint64_t hash, uint64_t now_ms)
{
	const struct pass *p = pass_of(f, hash);

	return p->print == (uint32_t)(hash >> 32) && now_ms < p->until_ms;
}

/* NULL when memory is short. */
static struct flight *
begin(struct cache_flights *f, const struct cache_key *key)
{
	struct flight *flight = calloc(1, sizeof(*flight) + key->url.n + key->scope.n);

	if (!flight)
		return NULL;
	list_init(&flight->node);
	list_init(&flight->waiters);
	memcpy(flight->text, key->url.p, key->url.n);
	memcpy(flight->text + key->url.n, key->scope.p, key->scope.n);
	flight->url = slice_of(flight->text, key->url.n);
	flight->scope = slice_of(flight->text + key->url.n, key->scope.n);
	flight->hash = key->hash;
	list_append(bucket_of(f, key->hash), &flight->node);
	return flight;
}

static enum flight_role
join(struct cache_flights *f, const struct cache_key *key, bool may_lead, uint64_t now_ms,
	struct flight_waiter *w, struct flight **ret_flight)
{
	struct flight *flight = find(f, key);

	if (!flight) {
		if (!may_lead || is_passed(f, key->hash, now_ms))
			return FLIGHT_PASSES_BY;
		*ret_flight = begin(f, key);
		return *ret_flight ? FLIGHT_LEADS : FLIGHT_PASSES_BY;
	}
	if (flight->n_waiters >= FLIGHT_WAITERS_MAX)
		return FLIGHT_PASSES_BY;
	w->flight = flight;
	w->waiting = true;
	w->may_lead = may_lead;
	flight->n_waiters++;
	list_append(&flight->waiters, &w->node);
	return FLIGHT_WAITS;
}

enum flight_role
flight_join(struct cache_flights *f, const struct cache_key *key, bool may_lead, uint64_t now_ms,
	struct flight_waiter *w, struct flight **ret_flight)
{
	enum flight_role role;

	list_init(&w->node);
	w->flight = NULL;
	w->waiting = false;
	pthread_mutex_lock(&f->lock);
	role = join(f, key, may_lead, now_ms, w, ret_flight);
	pthread_mutex_unlock(&f->lock);
	return role;
}

/* --- ending ---------------------------------------------------------------------------------- */

static void
wake(struct flight *flight, struct flight_waiter *w, enum flight_end end)
{
	list_remove(&w->node);
	flight->n_waiters--;
	w->waiting = false;
	w->end = end;
	if (end != FLIGHT_END_LOST)
		w->flight = NULL;
	w->on_woken(w);
}

static void
end_all(struct cache_flights *f, struct flight *flight, enum flight_end end, uint64_t now_ms)
{
	struct pass *p = pass_of(f, flight->hash);
	struct list *node;

	if (end == FLIGHT_END_PASSED)
		*p = (struct pass){.print = (uint32_t)(flight->hash >> 32),
			.until_ms = now_ms + FLIGHT_PASS_MS};
	while ((node = list_first(&flight->waiters)) != NULL)
		wake(flight, list_entry(node, struct flight_waiter, node), end);
	flight_free(flight);
}

/* NULL: nobody. */
static struct flight_waiter *
find_heir(const struct flight *flight)
{
	list_each(node, &flight->waiters)
	{
		struct flight_waiter *w = list_entry(node, struct flight_waiter, node);

		if (w->may_lead)
			return w;
	}
	return NULL;
}

void
flight_end(struct cache_flights *f, struct flight **flight, enum flight_end end, uint64_t now_ms)
{
	struct flight *gone = steal_ptr(flight);
	struct flight_waiter *heir;

	if (!gone)
		return;
	pthread_mutex_lock(&f->lock);
	heir = end == FLIGHT_END_LOST ? find_heir(gone) : NULL;
	if (heir)
		wake(gone, heir, end);
	else
		end_all(f, gone, end == FLIGHT_END_LOST ? FLIGHT_END_SLOW : end, now_ms);
	pthread_mutex_unlock(&f->lock);
}

bool
flight_leave(struct cache_flights *f, struct flight_waiter *w)
{
	bool waiting;

	pthread_mutex_lock(&f->lock);
	waiting = w->waiting;
	if (waiting) {
		list_remove(&w->node);
		w->flight->n_waiters--;
		w->waiting = false;
		w->flight = NULL;
	}
	pthread_mutex_unlock(&f->lock);
	return waiting;
}
