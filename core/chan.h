/*
 * A channel: one end of a SOCK_SEQPACKET pair on an event loop. Receiving calls on_msg once a
 * message that the table permits; others are dropped, counted and logged. Sending never blocks:
 * what the socket does not take waits in a queue with a limit, and a peer that lets it overflow
 * is given up (on_close is called with a reason).
 */
#ifndef CORE_CHAN_H
#define CORE_CHAN_H

#include "core/msg.h"

#include <event2/event.h>

#define CHAN_QUEUE_MAX 1024 /* messages */
#define CHAN_QUEUE_BYTES_MAX (4 * 1024 * 1024)

struct chan;

struct chan_ops {
	/* A message for us. Its slices and descriptor live until the call returns. The callback
	 * may close the channel. */
	void (*on_msg)(struct chan *c, struct msg_in *m, void *ctx);
	/* A permitted message for another role, on a channel of the parent's: relay it. May be
	 * NULL: then it is dropped and logged. packet is the whole packet, fd stays the channel's.
	 */
	void (*on_relay)(struct chan *c, const struct msg_in *m, struct slice packet, void *ctx);
	/* The peer is gone (EOF, error, queue overflow). Called once; c is still to be freed by
	 * the callee or later. */
	void (*on_close)(struct chan *c, const char *reason, void *ctx);
};

/* Takes fd over. self: our role; peer: the role at the other end. NULL with e filled. */
struct chan *chan_new(struct event_base *base, int fd, enum role self, enum role peer,
	const struct chan_ops *ops, void *ctx, struct err *e);
/* Closes and frees, dropping what is queued; leaves NULL behind; *c may be NULL. Safe inside
 * the channel's own callbacks. */
void chan_free(struct chan **c);
/* Sends and clears m. 0, or -1 (bad message, no permission, queue full; logged). */
int chan_send(struct chan *c, struct msg_out *m);
/* Sends a packet as it is (the parent's relay); fd is duplicated. 0 or -1. */
int chan_send_packet(struct chan *c, struct slice packet, int fd);
enum role chan_peer(const struct chan *c);
/* Its socket, which stays its own; and whether messages wait to be sent. */
int chan_fd(const struct chan *c);
bool chan_is_idle(const struct chan *c);
/* Messages dropped because the table forbids them or because they were malformed. */
uint64_t chan_dropped(const struct chan *c);
/* Blocks until the queue is empty or the peer is gone, at most timeout_ms. For a last word. */
void chan_drain(struct chan *c, unsigned timeout_ms);

#endif
