/* A hash table of chains, in shards of one lock each. */
#include "proxy/guard/busy.h"

#include "core/own.h"
#include "core/siphash.h"

#include <pthread.h>
#include <stdlib.h>

#define BUSY_SHARDS 64
#define BUSY_CHAINS 64 /* in each shard */

struct busy_client {
	struct busy_client *next;
	struct client_key key;
	uint64_t hash;
	uint32_t count;
};

struct busy_shard {
	pthread_mutex_t lock;
	struct busy_client *chains[BUSY_CHAINS];
};

struct busy_table {
	struct siphash_key key;
	struct busy_shard shards[BUSY_SHARDS];
};

struct busy_table *
busy_table_new(void)
{
	struct busy_table *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	for (size_t i = 0; i < BUSY_SHARDS; i++)
		pthread_mutex_init(&t->shards[i].lock, NULL);
	if (siphash_key_new(&t->key) < 0)
		busy_table_free(&t);
	return t;
}

void
busy_table_free(struct busy_table **t)
{
	struct busy_table *gone = steal_ptr(t);

	if (!gone)
		return;
	for (size_t i = 0; i < BUSY_SHARDS; i++)
		pthread_mutex_destroy(&gone->shards[i].lock);
	free(gone);
}

static struct busy_shard *
busy_shard(struct busy_table *t, uint64_t hash)
{
	return &t->shards[hash % BUSY_SHARDS];
}

static struct busy_client **
busy_chain(struct busy_shard *s, uint64_t hash)
{
	return &s->chains[hash / BUSY_SHARDS % BUSY_CHAINS];
}

/* The client's entry, made when there is none; NULL: no memory. */
static struct busy_client *
busy_get(struct busy_client **chain, const struct client_key *key, uint64_t hash)
{
	struct busy_client *c = *chain;

	while (c && !client_key_eq(&c->key, key))
		c = c->next;
	if (c)
		return c;
	c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->key = *key;
	c->hash = hash;
	c->next = *chain;
	*chain = c;
	return c;
}

struct busy_client *
busy_hold(struct busy_table *t, const struct client_key *key, uint32_t limit)
{
	uint64_t hash = siphash(&t->key, client_key_bytes(key));
	struct busy_shard *s = busy_shard(t, hash);
	struct busy_client *c;

	pthread_mutex_lock(&s->lock);
	c = busy_get(busy_chain(s, hash), key, hash);
	if (c && c->count >= limit)
		c = NULL;
	if (c)
		c->count++;
	pthread_mutex_unlock(&s->lock);
	return c;
}

void
busy_release(struct busy_table *t, struct busy_client **held)
{
	struct busy_client *c = steal_ptr(held), **at;
	struct busy_shard *s;

	if (!c)
		return;
	s = busy_shard(t, c->hash);
	pthread_mutex_lock(&s->lock);
	if (--c->count == 0) {
		at = busy_chain(s, c->hash);
		while (*at != c)
			at = &(*at)->next;
		*at = c->next;
		free(c);
	}
	pthread_mutex_unlock(&s->lock);
}
