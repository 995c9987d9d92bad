/*
 * The header rules of the configuration, applied to a head that stands built in its buffer. Pure:
 * what the variables stand for is handed in. A head without rules is not touched and costs three
 * comparisons.
 *
 * The rules run in their order, those of the top level first, then the site's and the route's: a
 * set or remove takes away what the head and earlier rules have under that name. No value brings
 * a control character out, and none ends in or begins with a blank. A request keeps exactly one
 * Host: one that comes out empty or malformed leaves the Host as it was.
 */
#ifndef PROXY_HEAD_RULES_H
#define PROXY_HEAD_RULES_H

#include "conf/conf.h"
#include "core/buf.h"
#include "proxy/http/http_head.h"

#define HEAD_RULES_TEXT_MAX 16384 /* of all values of one head together */
#define HEAD_RULES_PLACES 4       /* what the proxy itself wants; top level, site, route */

/* What the variables stand for. */
struct head_facts {
	const struct http_request *request;
	struct slice client;  /* its address as text */
	struct slice peer;    /* the address that the connection comes from */
	uint16_t client_port; /* 0: not known */
	uint16_t server_port;
	bool tls;
	struct slice path; /* the match form */
	struct slice request_id;
	struct slice server_name;
};

struct head_rules {
	/* Outer ones first; NULL where the request has no site or route. */
	const struct conf_heads *places[HEAD_RULES_PLACES];
	enum conf_header_side side;
};

static inline bool
head_rules_any(const struct head_rules *r)
{
	for (size_t i = 0; i < HEAD_RULES_PLACES; i++)
		if (r->places[i] && r->places[i]->n_side[r->side] > 0)
			return true;
	return false;
}

/* What the rules do to the field of a request that has this name. */
enum head_rules_effect {
	HEAD_RULES_LEAVE, /* what the client sent stays, as far as rules go */
	HEAD_RULES_FIX,   /* it is the same for all requests to one URL and listener */
	HEAD_RULES_MAKE,  /* it may differ from one request to the other */
};

enum head_rules_effect head_rules_effect(const struct head_rules *r, struct slice name);

/* Applies them to the head that begins from bytes behind out's start; what follows its empty line
 * stays behind it. scratch is overwritten. 0, or -1 when out or scratch are full: then out is as it
 * was. */
int head_rules_apply(const struct head_rules *r, const struct head_facts *f, size_t from,
	struct buf *scratch, struct buf *out);

#endif
