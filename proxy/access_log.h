/*
 * The access log of one thread: lines gather in memory and go to the descriptor in one write, when
 * enough have come together, after a second, or when another descriptor takes its place.
 */
#ifndef PROXY_ACCESS_LOG_H
#define PROXY_ACCESS_LOG_H

#include "core/buf.h"
#include "proxy/access_line.h"

#include <event2/event.h>

#define ACCESS_LOG_BUFFER_MAX (64 * 1024)
#define ACCESS_LOG_FLUSH_MS 1000

struct access_log {
	int fd; /* -1: none */
	struct buf lines;
	struct event *flush;
	bool pending; /* the timer of the flush runs */
	bool failed;  /* writing failed; said once until it works again */
};

/* 0, or -1 when memory is short. */
int access_log_init(struct access_log *log, struct event_base *base);
/* Writes what is left and closes. */
void access_log_clear(struct access_log *log);
/* Writes what is left to the old descriptor, then goes on with fd, which it takes over. */
void access_log_set(struct access_log *log, int fd);
void access_log_add(
	struct access_log *log, const struct access_line *line, enum conf_access_format format);

#endif
