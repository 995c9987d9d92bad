/* Counts in slots of time, in a set-associative table. */
#include "proxy/guard/violations.h"

#include "core/own.h"
#include "core/siphash.h"

#include <pthread.h>
#include <stdlib.h>

#define VIOLATION_SLOTS 9 /* the current one and those of a whole window */
#define VIOLATION_LOCKS 16

struct offender {
	struct client_key key;
	uint64_t slot; /* the last one in which something was counted; 0: nobody */
	uint16_t counts[VIOLATION_SLOTS]; /* [slot % VIOLATION_SLOTS] */
};

struct violations {
	struct siphash_key key;
	size_t n_sets;
	pthread_mutex_t locks[VIOLATION_LOCKS];
	struct offender *offenders; /* [set * VIOLATION_WAYS + way] */
};

static const struct {
	uint16_t weight;
	const char *text;
} rows[VIOLATION_COUNT] = {
#define VIOLATION_ROW(id, violation_weight, violation_text)                                        \
	[VIOLATION_##id] = {(violation_weight), (violation_text)},
	VIOLATION_TABLE(VIOLATION_ROW)
#undef VIOLATION_ROW
};

const char *
violation_text(enum violation what)
{
	return rows[what].text;
}

struct violations *
violations_new(size_t n_sets)
{
	struct violations *v = calloc(1, sizeof(*v));

	if (!v)
		return NULL;
	for (size_t i = 0; i < VIOLATION_LOCKS; i++)
		pthread_mutex_init(&v->locks[i], NULL);
	v->n_sets = n_sets;
	v->offenders = calloc(n_sets * VIOLATION_WAYS, sizeof(*v->offenders));
	if (!v->offenders || siphash_key_new(&v->key) < 0)
		violations_free(&v);
	return v;
}

void
violations_free(struct violations **v)
{
	struct violations *gone = steal_ptr(v);

	if (!gone)
		return;
	for (size_t i = 0; i < VIOLATION_LOCKS; i++)
		pthread_mutex_destroy(&gone->locks[i]);
	free(gone->offenders);
	free(gone);
}

/* Clears the slots that have passed since the last one; returns what is left. */
static unsigned
offender_move(struct offender *o, uint64_t slot)
{
	uint64_t passed = slot > o->slot ? slot - o->slot : 0;
	unsigned sum = 0;

	for (uint64_t i = 1; i <= passed && i <= VIOLATION_SLOTS; i++)
		o->counts[(o->slot + i) % VIOLATION_SLOTS] = 0;
	if (passed)
		o->slot = slot;
	for (size_t i = 0; i < VIOLATION_SLOTS; i++)
		sum += o->counts[i];
	return sum;
}

static struct offender *
offender_find(struct offender *set, const struct client_key *key, uint64_t slot)
{
	struct offender *least = NULL;
	unsigned fewest = 0;

	for (size_t i = 0; i < VIOLATION_WAYS; i++) {
		unsigned sum;

		if (set[i].slot && client_key_eq(&set[i].key, key))
			return &set[i];
		sum = set[i].slot ? offender_move(&set[i], slot) : 0;
		if (!least || sum < fewest) {
			least = &set[i];
			fewest = sum;
		}
	}
	*least = (struct offender){.key = *key, .slot = slot};
	return least;
}

bool
violations_add(struct violations *v, const struct client_key *key, enum violation what,
	const struct violation_limit *limit, uint64_t now_ms)
{
	size_t set = (size_t)siphash(&v->key, client_key_bytes(key)) & (v->n_sets - 1);
	pthread_mutex_t *lock = &v->locks[set % VIOLATION_LOCKS];
	uint64_t slot = now_ms / (limit->window_ms / (VIOLATION_SLOTS - 1)) + 1;
	struct offender *o;
	bool enough;

	pthread_mutex_lock(lock);
	o = offender_find(&v->offenders[set * VIOLATION_WAYS], key, slot);
	enough = offender_move(o, slot) + rows[what].weight >= limit->count * VIOLATION_UNIT;
	if (enough)
		*o = (struct offender){0};
	else
		o->counts[o->slot % VIOLATION_SLOTS] =
			(uint16_t)(o->counts[o->slot % VIOLATION_SLOTS] + rows[what].weight);
	pthread_mutex_unlock(lock);
	return enough;
}
