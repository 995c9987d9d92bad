/*
 * A request that the proxy makes itself before it goes on with a client's: an exchange of its own,
 * with everything that one has (waiting for containers, retries, time-outs), whose front is memory.
 * Nothing guards it, and it is neither logged nor counted.
 */
#ifndef PROXY_SUBREQUEST_H
#define PROXY_SUBREQUEST_H

#include "proxy/exchange/exchange.h"

struct subrequest;

/* What came of it; valid during the call. */
struct subrequest_answer {
	struct http_response *response; /* NULL: none that can be used */
	struct slice body;
	bool whole; /* the body is all there */
};

/* Begins it: head is the text of a request without a body, and is copied. done is called once,
 * never from inside, unless it is cancelled before. NULL: memory is short. */
struct subrequest *subrequest_new(struct exchange *parent, const struct conf_route *to,
	struct slice head,
	void (*done)(struct exchange *parent, const struct subrequest_answer *answer));
/* Ends it; leaves NULL behind; *s may be NULL. */
void subrequest_cancel(struct subrequest **s);

#endif
