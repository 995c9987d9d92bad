/* How much the disk tier may take. Pure. */
#ifndef PROXY_CACHE_DISK_PLAN_H
#define PROXY_CACHE_DISK_PLAN_H

#include <stdint.h>

struct disk_room {
	uint64_t budget, used; /* of our files */
	uint64_t free, floor;  /* of the file system */
	uint64_t spare;        /* that eviction itself may take for a moment */
};

/* How many bytes our files may have: within the budget, and so that the floor stays free. */
static inline uint64_t
disk_plan_allowance(const struct disk_room *r)
{
	uint64_t most = r->used + r->free > r->floor ? r->used + r->free - r->floor : 0;

	most = most < r->budget ? most : r->budget;
	return most > r->spare ? most - r->spare : 0;
}

#endif
