/*
 * One question to one OCSP responder, by HTTP from a worker's loop: no thread waits for it, and
 * size and time are bounded whatever the responder does.
 */
#ifndef PROXY_OCSP_FETCH_H
#define PROXY_OCSP_FETCH_H

#include "proxy/tls/ocsp_http.h"
#include "proxy/upstream/resolve.h"
#include "proxy/conn/timer.h"

#include <event2/event_struct.h>

#define OCSP_FETCH_TIMEOUT_MS 15000 /* of all of it: name, connection, answer */

struct worker;

enum ocsp_fetch_state {
	OCSP_FETCH_IDLE,
	OCSP_FETCH_RESOLVE,
	OCSP_FETCH_CONNECT,
	OCSP_FETCH_SEND,
	OCSP_FETCH_READ
};

struct ocsp_fetch {
	struct worker *worker;
	enum ocsp_fetch_state state;
	struct ocsp_url url;
	struct timer timer;
	struct resolve_wait resolve;
	struct addr addrs[RESOLVE_ADDRESSES_MAX];
	size_t n_addrs, next_addr;
	int fd;
	struct event event;
	struct buf out, in, der;
	/* The answer in DER; empty: there is none, and why. The fetch is idle by then, and the
	 * bytes are valid during the call. */
	void (*on_done)(struct ocsp_fetch *f, struct slice der, const char *why);
};

void ocsp_fetch_init(struct ocsp_fetch *f, struct worker *w,
	void (*on_done)(struct ocsp_fetch *f, struct slice der, const char *why));
/* Asks f->url, which is to be filled before. on_done is called once, perhaps from inside. */
void ocsp_fetch_begin(struct ocsp_fetch *f, struct slice question);
/* Without a word to on_done. f may be freed then. */
void ocsp_fetch_cancel(struct ocsp_fetch *f);

#endif
