/*
 * The body of an answer that is too large for memory: it stays on disk, and is read in pieces when
 * the answer is served. This says where it stands, and has the sum of each piece, so that what has
 * changed there is not served. Immutable, counted, charged to the store's budget.
 */
#ifndef PROXY_CACHE_FAR_H
#define PROXY_CACHE_FAR_H

#include "proxy/cache/cache_disk_index.h"

#define CACHE_FAR_PIECE DISK_CHUNK /* bytes that are read at a time; of the last one fewer */

struct cache_far {
	_Atomic uint32_t refs;
	struct cache_store *store;
	struct disk_found found; /* with a reference to its segment */
	size_t n;                /* bytes of the sums */
	char sums[];
};

/* One reference; or NULL, when memory or budget are short. */
struct cache_far *cache_far_new(
	struct cache_store *store, const struct disk_found *found, struct slice sums);
struct cache_far *cache_far_ref(struct cache_far *far);
/* Leaves NULL behind; *far may be NULL. */
void cache_far_unref(struct cache_far **far);
/* False: its file is not the tier's any more; what is stored so is as if it were not. */
bool cache_far_is_there(const struct cache_far *far);
/* Reads the piece with this number to `to`, and checks it. May wait for the disk: by its threads
 * only. 0 and how long it is; 1: what stands there is wrong; -1: it cannot be read. */
int cache_far_read(const struct cache_far *far, uint64_t number, char *to, size_t *ret_n);

#endif
