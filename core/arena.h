/*
 * An arena: memory of one request, freed in one go. Blocks are kept for the next use up to a
 * limit; what has not been handed out is poisoned under AddressSanitizer, so that an overflow
 * inside the arena is found as it would be in malloc's memory.
 */
#ifndef CORE_ARENA_H
#define CORE_ARENA_H

#include "core/slice.h"

#include <stddef.h>

struct arena;

/* block_size: the unit of growth, at least 256; max: the most that one use may take.
 * NULL when memory is short. No block is allocated before the first use. */
struct arena *arena_new(size_t block_size, size_t max);
/* Frees all and leaves NULL behind; *a may be NULL. */
void arena_free(struct arena **a);
/* Everything handed out becomes invalid; the first block is kept for the next use. */
void arena_reset(struct arena *a);
/* As arena_reset, and gives every block back to the system (for an idle connection). */
void arena_trim(struct arena *a);
/* 16-byte aligned, not zeroed. NULL when the maximum or memory is exceeded. */
void *arena_alloc(struct arena *a, size_t size) __attribute__((warn_unused_result, malloc));
void *arena_zalloc(struct arena *a, size_t size) __attribute__((warn_unused_result, malloc));
/* NUL-terminated copy. */
char *arena_dup(struct arena *a, struct slice s) __attribute__((warn_unused_result));
char *arena_printf(struct arena *a, const char *fmt, ...)
	__attribute__((format(printf, 2, 3), warn_unused_result));
/* Bytes handed out since the last reset. */
size_t arena_used(const struct arena *a);

#endif
