/*
 * Netlink sockets, thinly over libmnl: one request and its answer, one dump, the events that
 * wait. Requests block, which netlink answers at once; event sockets never do. Attributes are
 * read with their lengths checked: the kernel is trusted, its versions differ.
 */
#ifndef ROUTER_NETLINK_H
#define ROUTER_NETLINK_H

#include "core/err.h"

#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NETLINK_REQUEST_MAX 4096         /* one request of ours, batches apart */
#define NETLINK_RECEIVE_MAX (128 * 1024) /* one packet of the kernel's */
#define NETLINK_EVENTS_BUFFER (8 * 1024 * 1024)
#define NETLINK_DUMP_TRIES 5
#define NETLINK_TEXT_MAX 128
#define NETLINK_ANSWER_SECONDS 10

struct netlink {
	struct mnl_socket *socket; /* NULL: not open */
	uint32_t port;             /* our address */
	uint32_t seq;
	char *buffer; /* NETLINK_RECEIVE_MAX bytes for what is received */
};

/* An error as the kernel tells it. */
struct netlink_error {
	int errnum;                  /* positive; 0: success */
	uint32_t seq;                /* of the message at fault */
	uint32_t offset;             /* of the attribute at fault in it, 0: not told */
	char text[NETLINK_TEXT_MAX]; /* the kernel's own words, "" for none */
};

/* bus: NETLINK_ROUTE or NETLINK_NETFILTER. nonblocking for event sockets. 0 or -1. */
int netlink_open(struct netlink *n, int bus, bool nonblocking, struct err *e);
/* Joins a multicast group. 0 or -1. */
int netlink_join(struct netlink *n, int group, struct err *e);
/* Leaves it; what waits in the socket stays readable. 0 or -1. */
int netlink_leave(struct netlink *n, int group, struct err *e);
void netlink_close(struct netlink *n);
int netlink_fd(const struct netlink *n);

/* Begins a request in buf (NETLINK_REQUEST_MAX bytes): header with the next sequence number. */
struct nlmsghdr *netlink_begin(struct netlink *n, void *buf, uint16_t type, uint16_t flags);
/* Sends h with NLM_F_ACK and waits for the answer. 0, or -1 with *ret filled. */
int netlink_request(struct netlink *n, struct nlmsghdr *h, struct netlink_error *ret);
/* Sends the dump request h and calls on_each for every message of the answer; on_each returns 0,
 * or -1 to give up (then errnum is ENOMEM). An interrupted dump is asked again after
 * on_restart(ctx) (may be NULL) forgot what came. 0 or -1. */
struct netlink_dump {
	int (*on_each)(const struct nlmsghdr *h, void *ctx);
	void (*on_restart)(void *ctx);
	void *ctx;
};
int netlink_dump(struct netlink *n, struct nlmsghdr *h, const struct netlink_dump *dump,
	struct netlink_error *ret);
/* Sends the request h, which is no dump, and calls on_each for every message of the answer. 0 or
 * -1.
 */
int netlink_ask(struct netlink *n, struct nlmsghdr *h, const struct netlink_dump *dump,
	struct netlink_error *ret);
/* Calls on_each for every event that waits. Returns 0, or 1 when events were lost (ENOBUFS):
 * the caller looks at everything again. -1: the socket is broken. */
int netlink_events(
	struct netlink *n, void (*on_each)(const struct nlmsghdr *h, void *ctx), void *ctx);
/* Reads NLMSG_ERROR (also with errnum 0, an acknowledgement). False when h is none or too
 * short. */
bool netlink_read_error(const struct nlmsghdr *h, struct netlink_error *ret);
/* Fills e: "CONTEXT: the kernel's words (strerror)". Always -1. */
int netlink_err(struct err *e, const struct netlink_error *error, const char *context);

#define NETLINK_ALIGN(n) (((n) + 3U) & ~(size_t)3U)

/* A walk over messages or attributes: each call returns one after the other, NULL at the end or
 * where lengths do not fit. (mnl_nlmsg_ok takes a length above INT_MAX for a negative one.) */
struct netlink_walk {
	const char *at;
	size_t left;
};
const struct nlmsghdr *netlink_next_message(struct netlink_walk *w);
struct netlink_walk netlink_walk(const struct nlmsghdr *h, size_t header_size);
struct netlink_walk netlink_walk_nest(const struct nlattr *nest); /* nest may be NULL */
const struct nlattr *netlink_next(struct netlink_walk *w);

/* Sorts the attributes behind a header of header_size bytes into table by type;
 * types above max are skipped. table has max + 1 places, all set. */
void netlink_attrs(
	const struct nlmsghdr *h, size_t header_size, const struct nlattr **table, unsigned max);
void netlink_nested(const struct nlattr *nest, const struct nlattr **table, unsigned max);
/* The attribute's value: false when it is absent or shorter than that. */
bool netlink_u8(const struct nlattr *a, uint8_t *ret);
bool netlink_u16(const struct nlattr *a, uint16_t *ret); /* as stored */
bool netlink_u32(const struct nlattr *a, uint32_t *ret); /* as stored */
bool netlink_bytes(const struct nlattr *a, void *ret, size_t n);
/* Copies a name, cut to size - 1; false when it is absent or empty. */
bool netlink_name(const struct nlattr *a, char *ret, size_t size);

#endif
