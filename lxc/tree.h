/*
 * Whole folders of a container: moving their ownership into the container's id range, and removing
 * them. Descriptor by descriptor, never through a symbolic link, never onto another file system.
 * For helpers: it takes as long as it takes.
 */
#ifndef LXC_TREE_H
#define LXC_TREE_H

#include "core/err.h"

#include <stddef.h>
#include <stdint.h>

#define TREE_DEPTH_MAX 512

/* Adds start to every owner and group below 65536, once (what is in the range already stays: so a
 * hard link, or a second run, does no harm). Set-user-id bits, file capabilities and access lists
 * are kept, translated. 0 or -1 with e filled. */
int tree_shift(const char *path, uint32_t start, struct err *e);
/* Removes it and all below. 0, also when there is nothing; or -1 with e filled. */
int tree_remove(const char *path, struct err *e);

/* Pure: one id. */
uint32_t tree_shift_id(uint32_t id, uint32_t start);
/* Pure: a security.capability value of any version (ret of at least 24 bytes) as version 3 of a
 * namespace whose root is `start`. The new size, or 0 when it is not understood. */
size_t tree_shift_capability(
	const unsigned char *value, size_t size, uint32_t start, unsigned char ret[static 24]);
/* Pure: the ids in a system.posix_acl_* value, in place. 0, or -1 when it is not understood. */
int tree_shift_acl(unsigned char *value, size_t size, uint32_t start);

#endif
