/*
 * Names of http:// targets, resolved by one asynchronous resolver a thread, which reads
 * /etc/resolv.conf and /etc/hosts when the first name is asked for and when a generation begins.
 * Answers are kept for a short time; questions of the same name wait for one answer.
 */
#ifndef PROXY_RESOLVE_H
#define PROXY_RESOLVE_H

#include "core/addr.h"
#include "core/list.h"
#include "core/map.h"

#include <stdbool.h>
#include <stdint.h>

#define RESOLVE_ADDRESSES_MAX 8
#define RESOLVE_KEEP_MS 15000 /* how long an answer is used */
#define RESOLVE_KEEP_FAILED_MS 1000

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
