/*
 * The hash map: open addressing with linear probing over a power of two. A removed slot stays
 * marked until the next growth, so that map_next may go on after a removal.
 */
#include "core/map.h"

#include "core/siphash.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#define SLOTS_MIN 16

struct slot {
	uint64_t hash;
	char *key; /* owned; NULL in a slot that holds nothing */
	size_t key_len;
	void *value;
	bool removed; /* held something once: probing goes on past it */
};

struct map {
	struct slot *slots;
	size_t n_slots; /* a power of two, or 0 before the first map_set */
	size_t n_used;
	size_t n_removed;
	struct siphash_key key;
};

struct map *
map_new(void)
{
	struct map *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	if (siphash_key_new(&m->key) < 0) {
		free(m);
		return NULL;
	}
	return m;
}

void
map_free(struct map **m)
{
	if (!*m)
		return;
	for (size_t i = 0; i < (*m)->n_slots; i++)
		free((*m)->slots[i].key);
	free((*m)->slots);
	free(*m);
	*m = NULL;
}

/* The slot that holds key, or NULL. */
static struct slot *
find_slot(const struct map *m, struct slice key, uint64_t hash)
{
	if (m->n_slots == 0)
		return NULL;
	for (size_t i = hash & (m->n_slots - 1);; i = (i + 1) & (m->n_slots - 1)) {
		struct slot *s = &m->slots[i];

		if (!s->key && !s->removed)
			return NULL;
		if (s->key && s->hash == hash && slice_eq(slice_of(s->key, s->key_len), key))
			return s;
	}
}

void *
map_find(const struct map *m, struct slice key)
{
	struct slot *s = find_slot(m, key, siphash(&m->key, key));

	return s ? s->value : NULL;
}

/* The first slot of hash's probe sequence that holds nothing. There is always one. */
static struct slot *
free_slot(struct slot *slots, size_t n_slots, uint64_t hash)
{
	size_t i = hash & (n_slots - 1);

	while (slots[i].key)
		i = (i + 1) & (n_slots - 1);
	return &slots[i];
}

/* Keeps a quarter of the slots empty, so that every probe ends soon. */
static int
make_room(struct map *m)
{
	size_t n_slots = m->n_slots ? m->n_slots : SLOTS_MIN;
	struct slot *slots;

	if (m->n_slots && (m->n_used + m->n_removed + 1) * 4 <= m->n_slots * 3)
		return 0;
	while ((m->n_used + 1) * 2 > n_slots)
		n_slots *= 2;
	slots = calloc(n_slots, sizeof(*slots));
	if (!slots)
		return -1;
	for (size_t i = 0; i < m->n_slots; i++) {
		struct slot *s = &m->slots[i];

		if (s->key)
			*free_slot(slots, n_slots, s->hash) = *s;
	}
	free(m->slots);
	m->slots = slots;
	m->n_slots = n_slots;
	m->n_removed = 0;
	return 0;
}

int
map_set(struct map *m, struct slice key, void *value, void **ret_old)
{
	uint64_t hash = siphash(&m->key, key);
	struct slot *s = find_slot(m, key, hash);
	void *old = NULL;
	char *copy;

	assert(value);
	if (s) {
		old = s->value;
		s->value = value;
	} else {
		copy = make_room(m) == 0 ? slice_dup(key) : NULL;
		if (!copy)
			return -1;
		s = free_slot(m->slots, m->n_slots, hash);
		if (s->removed)
			m->n_removed--;
		*s = (struct slot){.hash = hash, .key = copy, .key_len = key.n, .value = value};
		m->n_used++;
	}
	if (ret_old)
		*ret_old = old;
	return 0;
}

void *
map_remove(struct map *m, struct slice key)
{
	struct slot *s = find_slot(m, key, siphash(&m->key, key));
	void *value;

	if (!s)
		return NULL;
	value = s->value;
	free(s->key);
	*s = (struct slot){.removed = true};
	m->n_used--;
	m->n_removed++;
	return value;
}

size_t
map_count(const struct map *m)
{
	return m->n_used;
}

void *
map_next(const struct map *m, size_t *cursor, struct slice *ret_key)
{
	while (*cursor < m->n_slots) {
		struct slot *s = &m->slots[(*cursor)++];

		if (!s->key)
			continue;
		if (ret_key)
			*ret_key = slice_of(s->key, s->key_len);
		return s->value;
	}
	return NULL;
}
