/*
 * Before each piece stands its class, since the library does not tell a size when it gives one
 * back. The classes are few and the pieces alike, so nothing is ever split or joined.
 */
#include "proxy/h2/h2_memory.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* In front of each piece; as large as malloc's alignment. */
union piece {
	size_t class; /* H2_MEMORY_CLASSES: it is malloc's */
	max_align_t align;
};

static size_t
class_of(size_t n)
{
	return n ? (n - 1) / H2_MEMORY_STEP : 0;
}

static void *
h2_memory_malloc(size_t n, void *ctx)
{
	struct h2_memory *m = ctx;
	size_t class = class_of(n);
	union piece *piece;
	void *p;

	if (class < H2_MEMORY_CLASSES) {
		p = m->free[class];
		if (p) {
			memcpy(&m->free[class], p, sizeof(void *));
			m->kept -= (class + 1) * H2_MEMORY_STEP;
			return p;
		}
		n = (class + 1) * H2_MEMORY_STEP;
	} else {
		class = H2_MEMORY_CLASSES;
	}
	if (n > SIZE_MAX - sizeof(*piece))
		return NULL;
	piece = malloc(sizeof(*piece) + n);
	if (!piece)
		return NULL;
	piece->class = class;
	return piece + 1;
}

static void
h2_memory_free(void *p, void *ctx)
{
	struct h2_memory *m = ctx;
	union piece *piece = p;
	size_t class, n;

	if (!p)
		return;
	class = piece[-1].class;
	n = (class + 1) * H2_MEMORY_STEP;
	if (class == H2_MEMORY_CLASSES || m->kept + n > H2_MEMORY_KEEP_BYTES) {
		free(piece - 1);
		return;
	}
	memcpy(p, &m->free[class], sizeof(void *));
	m->free[class] = p;
	m->kept += n;
}

static void *
h2_memory_calloc(size_t n, size_t size, void *ctx)
{
	void *p;

	if (size && n > SIZE_MAX / size)
		return NULL;
	p = h2_memory_malloc(n * size, ctx);
	if (p)
		memset(p, 0, n * size);
	return p;
}

static void *
h2_memory_realloc(void *p, size_t n, void *ctx)
{
	union piece *piece = p;
	size_t class;
	void *moved;

	if (!p)
		return h2_memory_malloc(n, ctx);
	class = piece[-1].class;
	if (class == H2_MEMORY_CLASSES && class_of(n) >= H2_MEMORY_CLASSES) {
		if (n > SIZE_MAX - sizeof(*piece))
			return NULL;
		piece = realloc(piece - 1, sizeof(*piece) + n);
		return piece ? piece + 1 : NULL;
	}
	if (class < H2_MEMORY_CLASSES && class_of(n) <= class)
		return p;
	/* It grows out of its class, or shrinks into one. */
	moved = h2_memory_malloc(n, ctx);
	if (!moved)
		return NULL;
	memcpy(moved, p, class < H2_MEMORY_CLASSES ? (class + 1) * H2_MEMORY_STEP : n);
	h2_memory_free(p, ctx);
	return moved;
}

nghttp2_mem
h2_memory_ops(struct h2_memory *m)
{
	return (nghttp2_mem){.mem_user_data = m,
		.malloc = h2_memory_malloc,
		.free = h2_memory_free,
		.calloc = h2_memory_calloc,
		.realloc = h2_memory_realloc};
}

void *
h2_memory_get(struct h2_memory *m, size_t n)
{
	return h2_memory_calloc(1, n, m);
}

void
h2_memory_put(struct h2_memory *m, void *p)
{
	h2_memory_free(p, m);
}

void
h2_memory_clear(struct h2_memory *m)
{
	for (size_t i = 0; i < H2_MEMORY_CLASSES; i++) {
		while (m->free[i]) {
			void *p = m->free[i];

			memcpy(&m->free[i], p, sizeof(void *));
			free((union piece *)p - 1);
		}
	}
	m->kept = 0;
}
