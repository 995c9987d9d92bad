/*
 * Sealed memory files: how configurations, certificates and keys travel between processes. A
 * sealed memfd can be neither written, grown nor shrunk by anyone, so a mapping of it is stable.
 */
#ifndef CORE_MEMFD_H
#define CORE_MEMFD_H

#include "core/err.h"
#include "core/slice.h"

#include <stddef.h>

/* A new close-on-exec memfd with these bytes, sealed (F_SEAL_SEAL|SHRINK|GROW|WRITE).
 * The caller owns the descriptor. -1 with e filled. */
int memfd_new(const char *name, struct slice bytes, struct err *e);

struct memfd_map {
	struct slice bytes;
	void *base; /* NULL for an empty file */
	size_t size;
};

/* Checks all four seals and that the size is at most max, then maps the file read-only. fd stays
 * the caller's and may be closed at once. 0 or -1 with e filled. */
int memfd_map(int fd, size_t max, struct memfd_map *ret, struct err *e);
void memfd_unmap(struct memfd_map *map);

#endif
