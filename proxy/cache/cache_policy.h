/*
 * What a shared cache may do, by RFC 9111: whether an answer may be stored and for how long it is
 * fresh, and what a stored one may still be used for. Pure: the time is an argument. Freshness runs
 * on the monotonic clock from the moment the answer came; the wall clock counts only where its
 * dates are compared with one another, so a clock that jumps harms nothing that is stored.
 */
#ifndef PROXY_CACHE_POLICY_H
#define PROXY_CACHE_POLICY_H

#include "conf/cache.h"
#include "proxy/cache/cache_control.h"
#include "proxy/http/http_head.h"
#include "proxy/http/http_response.h"

#define CACHE_HEURISTIC_SHARE 10                 /* a tenth of the time since it was changed */
#define CACHE_HEURISTIC_MAX (24 * 3600)          /* seconds */
#define CACHE_DISCONNECTED_MAX (24 * 3600)       /* stale this long, while the backend is away */
#define CACHE_TARGETED_FIELD "cdn-cache-control" /* RFC 9213 section 3.1 */

/* What a request says that the cache cares for. */
struct cache_request {
	bool is_get, is_head;
	bool bypass;      /* it is not asked of the cache: see cache_request_read */
	bool ranged;      /* a part is wanted */
	bool conditional; /* If-None-Match or If-Modified-Since */
	bool authorized;  /* somebody has identified himself to the backend */
	bool has_query;
	bool no_store, only_if_cached;
};

/* What an answer says of itself. Slices point into its head. */
struct cache_facts {
	uint16_t status;
	struct cache_control control; /* the targeted one, where there is a valid one */
	bool targeted;                /* then Expires does not count (RFC 9213 section 2.2) */
	bool has_date, has_expires, has_modified;
	int64_t date, modified; /* seconds since 1970 */
	int64_t expires;        /* INT64_MIN: malformed, and so in the past */
	int64_t age;            /* of Age; 0 without it */
	bool sets_cookie;       /* Set-Cookie, and no directive that takes it out */
	bool varies_on_all;     /* Vary: * */
	struct slice type, etag, modified_text;
};

/* What a stored answer may be used for. */
struct cache_terms {
	int64_t born_s;     /* how old it was when it came (corrected_initial_age) */
	int64_t lifetime_s; /* fresh while its age is below */
	int64_t while_s;    /* stale-while-revalidate; 0: none */
	int64_t if_error_s; /* stale-if-error; 0: never stale; -1: nothing says anything */
	bool no_cache;      /* never without validation */
};

enum cache_use {
	CACHE_USE_FRESH,
	CACHE_USE_REFRESH, /* it may be served now, and is to be validated meanwhile */
	CACHE_USE_STALE,   /* only after validation */
};

void cache_request_read(const struct http_request *r, struct cache_request *ret);
void cache_facts_read(const struct http_response *r, struct cache_facts *ret);

/* When the answer was asked for and when it came: milliseconds since 1970. */
struct cache_moment {
	int64_t asked_ms, came_ms;
};

/* Whether the answer may be stored (RFC 9111 section 3) and on what terms; a validator makes one
 * worth storing that is stale at once. NULL, or why not. */
const char *cache_policy_store(const struct cache_request *request, const struct cache_facts *facts,
	const struct conf_cache *conf, const struct cache_moment *moment, struct cache_terms *ret);
/* The answer's age, so many milliseconds after it came; 0 to CACHE_SECONDS_MAX. */
int64_t cache_terms_age(const struct cache_terms *t, uint64_t since_ms);
enum cache_use cache_terms_use(const struct cache_terms *t, int64_t age);
/* Whether it may be served although it is stale, because the backend fails. away: it could not be
 * reached at all (RFC 9111 section 4.2.4); otherwise it answered with an error (RFC 5861). */
bool cache_terms_rescues(const struct cache_terms *t, int64_t age, bool away);
/* Whether the content type is one of `cache static`: style sheets, scripts, images, fonts,
 * WebAssembly. Parameters are ignored. */
bool cache_type_is_static(struct slice type);
/* Whether it refuses this one request for what the key does not hold: its head, body or range. */
bool cache_status_refuses(uint16_t status);

#endif
