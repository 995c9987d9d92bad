/* A set-associative table of arrival times, in shards of one lock each. */
#include "proxy/guard/rate.h"

#include "core/own.h"
#include "core/siphash.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#define RATE_LOCKS 64

struct rate_client {
	struct client_key key;
	uint64_t arrival_us; /* 0: nobody */
};

struct rate_table {
	struct siphash_key key;
	size_t n_sets;
	pthread_mutex_t locks[RATE_LOCKS]; /* of the sets whose number ends so */
	struct rate_client *clients;       /* [set * RATE_WAYS + way] */
};

struct rate_table *
rate_table_new(size_t n_sets)
{
	struct rate_table *t = calloc(1, sizeof(*t));

	assert(n_sets > 0 && n_sets <= RATE_SETS_MAX && (n_sets & (n_sets - 1)) == 0);
	if (!t)
		return NULL;
	for (size_t i = 0; i < RATE_LOCKS; i++)
		pthread_mutex_init(&t->locks[i], NULL);
	t->n_sets = n_sets;
	t->clients = calloc(n_sets * RATE_WAYS, sizeof(*t->clients));
	if (!t->clients || siphash_key_new(&t->key) < 0)
		rate_table_free(&t);
	return t;
}

void
rate_table_free(struct rate_table **t)
{
	struct rate_table *gone = steal_ptr(t);

	if (!gone)
		return;
	for (size_t i = 0; i < RATE_LOCKS; i++)
		pthread_mutex_destroy(&gone->locks[i]);
	free(gone->clients);
	free(gone);
}

/* The client's entry in its set; or the one whose place it takes, and whose time, too, unless
 * that is past. */
static struct rate_client *
rate_find(struct rate_client *set, const struct client_key *key)
{
	struct rate_client *earliest = &set[0];

	for (size_t i = 0; i < RATE_WAYS; i++) {
		if (set[i].arrival_us && client_key_eq(&set[i].key, key))
			return &set[i];
		if (set[i].arrival_us < earliest->arrival_us)
			earliest = &set[i];
	}
	earliest->key = *key;
	return earliest;
}

/* One step of the algorithm for the arrival time *t. */
static uint64_t
rate_step(uint64_t *t, const struct rate_limit *limit, uint64_t now_us)
{
	uint64_t tolerance = limit->interval_us * (limit->burst - 1);
	uint64_t arrival = *t > now_us ? *t : now_us;
	/* No account can be deeper in debt; a limit that a reload has lifted leaves no old debt. */
	uint64_t deepest = now_us + tolerance + limit->interval_us;

	if (arrival > deepest)
		arrival = deepest;
	if (arrival > now_us + tolerance) {
		*t = arrival;
		return arrival - now_us - tolerance;
	}
	*t = arrival + limit->interval_us;
	return 0;
}

uint64_t
rate_take(struct rate_table *t, const struct client_key *key, const struct rate_limit *limit,
	uint64_t now_us)
{
	size_t set = (size_t)siphash(&t->key, client_key_bytes(key)) & (t->n_sets - 1);
	pthread_mutex_t *lock = &t->locks[set % RATE_LOCKS];
	struct rate_client *client;
	uint64_t wait;

	pthread_mutex_lock(lock);
	client = rate_find(&t->clients[set * RATE_WAYS], key);
	wait = rate_step(&client->arrival_us, limit, now_us);
	pthread_mutex_unlock(lock);
	return wait;
}
