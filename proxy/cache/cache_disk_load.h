/*
 * From the files back to the index: of a sealed segment the footer is read, of one that was growing
 * when the process ended every record's head. Where bytes are wrong in the middle, what stood there
 * may have been a purge: then everything before it is void.
 */
#ifndef PROXY_CACHE_DISK_LOAD_H
#define PROXY_CACHE_DISK_LOAD_H

#include "proxy/cache/cache_disk_file.h"

struct disk_loaded {
	uint64_t answers, damaged; /* read; segments with wrong bytes */
	int64_t latest_wall_ms;    /* of all that was written */
};

/* Loads all that disk_folder_list has found; the last segment grows on where it has room. Ends
 * early when *stop becomes true. 0, or -1: memory is short, or it was stopped. */
int disk_load(struct disk_folder *f, struct disk_index *ix, const _Atomic bool *stop,
	struct disk_loaded *ret);

#endif
