/*
 * Where the frames of a WebSocket begin and end (RFC 6455 section 5.2), and nothing more: so that a
 * Close frame of ours can be put between two of theirs. Pure.
 */
#ifndef PROXY_WS_BORDER_H
#define PROXY_WS_BORDER_H

#include "core/slice.h"

#include <stdbool.h>
#include <stdint.h>

struct ws_border {
	uint8_t head[10]; /* the first bytes of a frame, as far as its length */
	uint8_t n_head;
	uint64_t left; /* of the frame after those, its masking key included */
	bool closing;  /* a Close frame has gone by: nothing of ours may follow it */
};

/* Takes the bytes that pass in one direction. */
void ws_border_feed(struct ws_border *b, struct slice bytes);
/* Whether the bytes so far end with a whole frame. */
static inline bool
ws_border_between(const struct ws_border *b)
{
	return b->n_head == 0 && b->left == 0;
}

#define WS_CLOSE_MAX 8
#define WS_GOING_AWAY 1001

/* A Close frame with the status "going away" (section 7.4.1): masked with the key zero when it goes
 * to a server. Its length. */
size_t ws_close_frame(uint8_t to[static WS_CLOSE_MAX], bool masked);

#endif
