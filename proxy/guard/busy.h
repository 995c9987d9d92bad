/*
 * Requests under way per client. A request holds a place in its client's count from the moment it
 * was let in until its exchange ends, its backend released. The table is shared by the threads, its
 * locks are inside; it has as many clients as have requests under way, so what bounds those (the
 * descriptors, the streams) bounds its memory.
 */
#ifndef PROXY_BUSY_H
#define PROXY_BUSY_H

#include "proxy/guard/client_key.h"

struct busy_table;
struct busy_client;

/* NULL when memory is short. */
struct busy_table *busy_table_new(void);
/* Nothing is held any more. Leaves NULL behind; *t may be NULL. */
void busy_table_free(struct busy_table **t);
/* Holds one of `limit` places; NULL: all are taken, or memory is short. */
struct busy_client *busy_hold(struct busy_table *t, const struct client_key *key, uint32_t limit);
/* Gives it back; leaves NULL behind; *held may be NULL. */
void busy_release(struct busy_table *t, struct busy_client **held);

#endif
