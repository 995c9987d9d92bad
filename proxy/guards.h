/*
 * What the threads share to guard what they serve: the tables that count clients. Made and freed by
 * the main thread, before the first worker and after the last.
 */
#ifndef PROXY_GUARDS_H
#define PROXY_GUARDS_H

#include "proxy/busy.h"
#include "proxy/rate.h"

struct guards {
	struct rate_table *rates;
	struct busy_table *busy;
};

/* 0, or -1 when memory is short. */
int guards_init(struct guards *g);
void guards_clear(struct guards *g);

#endif
