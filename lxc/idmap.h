/*
 * Ranges of user and group ids for unprivileged containers: reading who has which, choosing one
 * that nobody has, and the lines that say so. Pure: text in, text out. One range serves for user
 * and group ids alike.
 */
#ifndef LXC_IDMAP_H
#define LXC_IDMAP_H

#include "core/buf.h"
#include "core/err.h"
#include "core/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IDMAP_SIZE 65536u
#define IDMAP_FIRST 1048576u   /* above what useradd(8) and systemd hand out by default */
#define IDMAP_LAST 2147418112u /* the last range that ends below 2^31 */
#define IDMAP_RANGES_MAX 65536

struct id_range {
	uint32_t start;
	uint32_t count;
};

struct id_ranges {
	struct id_range *items;
	size_t n, cap;
};

void idmap_clear(struct id_ranges *r);
/* Ranges of no ids are left out. 0 or -1 (too many, memory). */
int idmap_add(struct id_ranges *r, uint32_t start, uint32_t count);
/* Adds the ranges of /etc/subuid or /etc/subgid (`name:start:count`); other lines are passed over.
 * 0 or -1. */
int idmap_add_subids(struct id_ranges *r, struct slice text);
/* Adds the host ranges of the lxc.idmap lines of a container's configuration. 0 or -1. */
int idmap_add_config(struct id_ranges *r, struct slice text);
bool idmap_overlaps(const struct id_ranges *r, uint32_t start, uint32_t count);
/* The first free range of IDMAP_SIZE ids from IDMAP_FIRST on, in steps of its size. 0 or -1. */
int idmap_choose(const struct id_ranges *taken, uint32_t *ret_start, struct err *e);
/* Whether root may use these ids by that text (newuidmap's rule: one line covers all of them). */
bool idmap_root_has(struct slice subids, uint32_t start, uint32_t count);
/* "u 0 START 65536" or "g …", as lxc.idmap wants it. 0 or -1. */
int idmap_print(char kind, uint32_t start, struct buf *out);

#endif
