/*
 * A hash map from byte strings to pointers. Keys are copied, values are the caller's. The hash is
 * SipHash with a key drawn at map_new, so that nobody outside can choose colliding names.
 */
#ifndef CORE_MAP_H
#define CORE_MAP_H

#include "core/slice.h"

#include <stddef.h>

struct map;

/* NULL when memory is short. */
struct map *map_new(void);
/* Frees the map and its keys, not the values; leaves NULL behind; *m may be NULL. */
void map_free(struct map **m);
/* The value, or NULL when the key is absent. */
void *map_find(const struct map *m, struct slice key);
/* Adds or replaces. value must not be NULL. Writes the replaced value (or NULL) to *ret_old when
 * ret_old is not NULL. 0, or -1 when memory is short. */
int map_set(struct map *m, struct slice key, void *value, void **ret_old);
/* Removes and returns the value, or NULL. */
void *map_remove(struct map *m, struct slice key);
size_t map_count(const struct map *m);
/* Visits all: start with *cursor = 0; returns NULL at the end. The map must not change meanwhile,
 * except by map_remove of the visited key. */
void *map_next(const struct map *m, size_t *cursor, struct slice *ret_key);

#endif
