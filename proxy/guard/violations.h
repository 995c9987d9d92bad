/*
 * What clients do that a well-behaved one does not, counted until the file's `ban after` says that
 * it is enough. Pure but for the lock inside: the table is shared by the threads.
 *
 * A client's violations are counted in eighths of the window, the current one and the eight before
 * it; so what counts is at least the last window and at most an eighth more. The table's memory is
 * fixed: a client that is new in a full set displaces the one with the fewest violations there.
 */
#ifndef PROXY_VIOLATIONS_H
#define PROXY_VIOLATIONS_H

#include "proxy/guard/client_key.h"

#include <stddef.h>

#define VIOLATION_UNIT 4 /* what one violation weighs */

/* X(id, what it weighs, text). Who comes through a full handshake and asks nothing has cost us as
 * much as many requests, but browsers do so now and then, to have a connection when they need it.
 */
/* clang-format off */
#define VIOLATION_TABLE(X) \
	X(RATE,        VIOLATION_UNIT, "requests above rate-limit") \
	X(CONNECTIONS, VIOLATION_UNIT, "requests above connection-limit") \
	X(MALFORMED,   VIOLATION_UNIT, "malformed requests") \
	X(LOGIN,       VIOLATION_UNIT, "wrong passwords") \
	X(HANDSHAKE,   VIOLATION_UNIT, "failed TLS handshakes") \
	X(UNUSED,      1, "TLS handshakes without a request") \
	X(PROTOCOL,    VIOLATION_UNIT, "connections that broke the protocol") \
	X(FLOOD,       5 * VIOLATION_UNIT, "floods")
/* clang-format on */

enum violation {
#define VIOLATION_ENUM(id, weight, text) VIOLATION_##id,
	VIOLATION_TABLE(VIOLATION_ENUM)
#undef VIOLATION_ENUM
		VIOLATION_COUNT
};

#define VIOLATION_SETS 1024 /* of VIOLATION_WAYS clients each: 16,384 in 1 MiB, as they come */
#define VIOLATION_WAYS 16

struct violation_limit {
	uint32_t count; /* of VIOLATION_UNIT each */
	uint64_t window_ms;
};

struct violations;

const char *violation_text(enum violation what);
/* n_sets: a power of two. NULL when memory is short. */
struct violations *violations_new(size_t n_sets);
/* Leaves NULL behind; *v may be NULL. */
void violations_free(struct violations **v);
/* Counts one. True: it is enough; the client's count begins anew. */
bool violations_add(struct violations *v, const struct client_key *key, enum violation what,
	const struct violation_limit *limit, uint64_t now_ms);

#endif
