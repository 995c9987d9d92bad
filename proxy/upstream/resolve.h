/*
 * Names of targets, resolved by one asynchronous resolver a thread, which reads /etc/resolv.conf
 * when the first name is asked for and when a generation begins. /etc/hosts goes first, and is read
 * whenever a name is asked for anew. Answers are kept for their time to live; for a while after it
 * they are still given out while the question is asked again, and as long as the resolver fails.
 * Questions of the same name wait for one answer.
 */
#ifndef PROXY_RESOLVE_H
#define PROXY_RESOLVE_H

#include "core/addr.h"
#include "core/list.h"
#include "core/map.h"

#include <stdbool.h>
#include <stdint.h>

#define RESOLVE_ADDRESSES_MAX 8
#define RESOLVE_KEEP_HOSTS_MS 10000 /* how long an answer of /etc/hosts is used */
#define RESOLVE_KEEP_FAILED_MS 1000
#define RESOLVE_STALE_MS 30000 /* so long after its time an answer is given out while asking */
#define RESOLVE_SECOND_MS 500  /* the other family's answer is waited for so long */

struct worker;
struct evdns_base;

struct resolver {
	struct worker *worker;
	struct evdns_base *dns; /* NULL until the first name */
	struct map *names;      /* of struct resolve_name */
};

/* One who waits for a name. */
struct resolve_wait {
	struct list node;
	void (*on_done)(struct resolve_wait *wait);
};

enum resolve_result { RESOLVE_DONE, RESOLVE_PENDING, RESOLVE_FAILED };

/* 0, or -1 when memory is short. */
int resolver_init(struct resolver *r, struct worker *w);
void resolver_clear(struct resolver *r);
/* The system's files are read again before the next question; what is pending goes on. */
void resolver_refresh(struct resolver *r);
/* The addresses of a name or a literal: up to RESOLVE_ADDRESSES_MAX in ret. PENDING: wait is told
 * later, once, never from inside; it may take itself out with resolve_cancel. */
enum resolve_result resolver_get(struct resolver *r, struct slice name, struct resolve_wait *wait,
	struct addr ret[static RESOLVE_ADDRESSES_MAX], size_t *ret_n);
void resolve_wait_init(struct resolve_wait *wait, void (*on_done)(struct resolve_wait *wait));
void resolve_cancel(struct resolve_wait *wait);
/* None of the addresses works: ask again at once the next time. */
void resolver_forget(struct resolver *r, struct slice name);

#endif
