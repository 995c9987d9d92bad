/*
 * Whether a request connects to its backend now, waits, or fails. Pure: the caller brings the
 * clock and does what is said; it asks again after `until`, after each failed connect, and
 * whenever the container's state or address changes.
 *
 * For `timeout connect` after a container's state change, "refused" and "unreachable" are tried
 * again; at other times they are 502 at once. A container on its way down refuses before anyone
 * is told about its state: a backend that answered shortly before is given WAITING_GRACE_MS.
 * 504: the request has waited, and the time has run out.
 */
#ifndef PROXY_WAITING_H
#define PROXY_WAITING_H

#include "conf/container_state.h"

#include <stdbool.h>
#include <stdint.h>

#define WAITING_RETRY_MIN_MS 50
#define WAITING_RETRY_MAX_MS 500
#define WAITING_GRACE_MS 4000 /* from the first failure of a backend that answered before */

enum waiting_error {
	WAITING_NO_ERROR,    /* no connect has failed since the last state change, or ever */
	WAITING_REFUSED,     /* ECONNREFUSED, or reset before the connect was done */
	WAITING_UNREACHABLE, /* EHOSTUNREACH, ENETUNREACH, EHOSTDOWN, ETIMEDOUT from the kernel */
	WAITING_TLS,         /* the TLS handshake failed */
	WAITING_LOCAL,       /* no descriptor or memory of ours */
	WAITING_OTHER,
};

struct waiting_input {
	uint64_t now;             /* milliseconds, all of one clock */
	uint64_t began;           /* when this request first wanted a connection */
	uint64_t connect_timeout; /* the route's */
	bool container;           /* the target is a container; else only errors and began count */
	bool has_address;         /* the container's address is known */
	enum container_state state;
	uint64_t changed_at;      /* of the state or address; 0: never since we run */
	enum waiting_error error; /* of the last connect of this request */
	uint64_t error_at;
	unsigned attempts;      /* connects of this request that failed */
	uint64_t failing_since; /* the first failure after an answer of this backend; 0: it did
				 * not fail, or has never answered */
};

enum waiting_verdict { WAITING_CONNECT, WAITING_WAIT, WAITING_FAIL };

struct waiting {
	enum waiting_verdict verdict;
	uint64_t until;  /* WAIT: ask again then, at the latest. CONNECT: the connect's deadline */
	uint16_t status; /* FAIL: 502 or 504 */
	const char *reason; /* FAIL: for the log */
};

/* What to say of it, for the log. */
const char *waiting_error_text(enum waiting_error error);
struct waiting waiting_decide(const struct waiting_input *in);

#endif
