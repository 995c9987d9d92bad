/*
 * Requests for one thing that is missing: the first one leads and asks the backend, the others wait
 * for what comes of it. Shared by the threads behind one lock, which only requests take that the
 * store had nothing for. Where the answer turns out to be nobody else's, all go on at once, and for
 * a while nobody waits for that URL; where the leader fails, the first who waits leads.
 */
#ifndef PROXY_CACHE_FLIGHT_H
#define PROXY_CACHE_FLIGHT_H

#include "core/list.h"
#include "proxy/cache/cache_store.h"

#define FLIGHT_WAITERS_MAX 10000 /* for one thing; who comes then asks the backend itself */
#define FLIGHT_PASS_MS 60000     /* for how long nobody waits behind what cannot be stored */
#define FLIGHT_PASSES 4096       /* URLs of that kind, told apart by their hash */

struct cache_flights;
struct flight;

/* X(id, what the flight came to) */
#define FLIGHT_END_TABLE(X)                                                                        \
	X(STORED, "it is in the store: all look again")                                            \
	X(PASSED, "it is nobody else's: all ask for themselves, and so do those that come")        \
	X(ERROR, "the backend fails: all go on for themselves")                                    \
	X(SLOW, "the leader waits for its client, or is refused: all go on for themselves")        \
	X(LOST, "the leader is gone: the first who waits and may leads")

enum flight_end {
#define FLIGHT_END_ENUM(id, what) FLIGHT_END_##id,
	FLIGHT_END_TABLE(FLIGHT_END_ENUM)
#undef FLIGHT_END_ENUM
};

/* Who waits. All but the function is the flights' own. */
struct flight_waiter {
	struct list node;
	struct flight *flight; /* set when it has been woken to lead it; else NULL */
	enum flight_end end;   /* why it was woken */
	bool waiting, may_lead;
	/* It is woken, by whatever thread, under the lock: it must do no more than pass it on. */
	void (*on_woken)(struct flight_waiter *w);
};

enum flight_role { FLIGHT_LEADS, FLIGHT_WAITS, FLIGHT_PASSES_BY };

/* NULL when memory is short. */
struct cache_flights *cache_flights_new(void);
/* Nobody waits any more; leaves NULL behind; *f may be NULL. */
void cache_flights_free(struct cache_flights **f);
/* LEADS, with *ret_flight: it must end that. WAITS: w is woken once, unless it leaves. may_lead:
 * what comes of this request may be for others. */
enum flight_role flight_join(struct cache_flights *f, const struct cache_key *key, bool may_lead,
	uint64_t now_ms, struct flight_waiter *w, struct flight **ret_flight);
/* Ends it, or hands it over; leaves NULL behind; *flight may be NULL. */
void flight_end(
	struct cache_flights *f, struct flight **flight, enum flight_end end, uint64_t now_ms);
/* It waits no longer. False: it has been woken already. */
bool flight_leave(struct cache_flights *f, struct flight_waiter *w);

#endif
