/*
 * What the threads share to guard what they serve: the tables that count clients,
 * and logins. Made and freed by
 * the main thread, before the first worker and after the last.
 */
#ifndef PROXY_GUARDS_H
#define PROXY_GUARDS_H

#include "proxy/guard/auth.h"
#include "proxy/guard/busy.h"
#include "proxy/guard/rate.h"
#include "proxy/guard/violations.h"

struct guards {
	struct rate_table *rates;
	struct busy_table *busy;
	struct violations *violations;
	struct auth auth;
};

/* on_login: see auth_pool_new. 0, or -1 when memory is short. */
int guards_init(struct guards *g, void (*on_login)(struct auth_job *job));
/* Before the workers end: nothing comes from other threads any more. */
void guards_stop(struct guards *g);
void guards_clear(struct guards *g);

#endif
