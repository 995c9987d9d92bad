/*
 * Request ids: 16 random bytes as 32 hexadecimal digits, one for each request that does not bring a
 * valid one from a trusted peer. Random bytes come from the kernel, a page at a time.
 */
#ifndef PROXY_REQUEST_ID_H
#define PROXY_REQUEST_ID_H

#include "core/slice.h"

#include <stdbool.h>
#include <stdint.h>

#define REQUEST_ID_LEN 32
#define REQUEST_ID_SENT_MAX 128 /* of one that a trusted peer sent */
#define REQUEST_IDS_POOL 1024

struct request_ids {
	uint8_t pool[REQUEST_IDS_POOL];
	size_t left; /* bytes of the pool that were not used yet; zeroed is empty */
};

/* A fresh id; no NUL. */
void request_id_next(struct request_ids *ids, char out[static REQUEST_ID_LEN]);
/* Whether an id that came may be passed on: 1 to REQUEST_ID_SENT_MAX letters, digits and
 * "-._~+/=:@". */
bool request_id_is_valid(struct slice s);

#endif
