/*
 * Limits: from the configuration's memory, swap and cpus to the keys of both cgroup families, and
 * back from what the kernel says to whether it is in force. Pure.
 *
 *	              v1                                      v2
 *	memory M      memory.limit_in_bytes = M               memory.max = M
 *	swap S        memory.memsw.limit_in_bytes = M + S     memory.swap.max = S
 *	cpus LIST     cpuset.cpus = LIST                      cpuset.cpus = LIST
 */
#ifndef LXC_LIMITS_H
#define LXC_LIMITS_H

#include "conf/conf.h"
#include "core/slice.h"

#include <stdbool.h>
#include <stddef.h>

#define LIMITS_MAX 3 /* of one family */
#define LIMIT_VALUE_MAX 256
#define LIMITS_CPUS_MAX 1024

enum limit_kind { LIMIT_MEMORY, LIMIT_SWAP, LIMIT_CPUS };

struct limit {
	enum limit_kind kind;
	const char *controller; /* "memory" */
	const char *file;       /* "memory.max" */
	char value[LIMIT_VALUE_MAX];
};

/* The limits that the file asks for, in the order in which they may be written to a container that
 * has none. Returns how many. */
size_t limits_plan(const struct conf_container *c, bool v2, struct limit ret[static LIMITS_MAX]);
/* All three, with the value that means "none" where the file asks for none: for taking back.
 * all_cpus: what cpuset.cpus of the host says (v1 knows no empty list). */
size_t limits_plan_all(const struct conf_container *c, bool v2, struct slice all_cpus,
	struct limit ret[static LIMITS_MAX]);
/* Whether what the kernel says is what was asked: memory to the page, lists as sets. */
bool limit_in_force(const struct limit *wanted, struct slice actual);
/* v1: the sum must never be below the memory alone, so that raising writes the sum first. Whether
 * memsw has to be written before memory, given what memsw is now. */
bool limits_swap_first(const struct limit *memory, struct slice memsw_now);
/* Whether each processor of the list is in `online` (as /sys says it: "0-3,5"). */
bool limits_cpus_exist(struct slice cpus, struct slice online);
/* The name that users know: "memory", "swap", "cpus". */
const char *limit_kind_name(enum limit_kind kind);

#endif
