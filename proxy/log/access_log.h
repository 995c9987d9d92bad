/*
 * The access log of one thread: lines gather in memory and go to the writer in one chunk, when
 * enough have come together, after a second, or when another descriptor takes its place.
 */
#ifndef PROXY_ACCESS_LOG_H
#define PROXY_ACCESS_LOG_H

#include "core/buf.h"
#include "proxy/log/access_line.h"
#include "proxy/log/access_writer.h"

#include <event2/event.h>

#define ACCESS_LOG_BUFFER_MAX (64 * 1024)
#define ACCESS_LOG_FLUSH_MS 1000

struct access_log {
	struct access_writer *writer; /* set by who makes the thread, before it runs */
	struct access_file *file;     /* NULL: no log */
	struct buf lines;
	uint64_t n_lines;
	struct event *flush;
	bool pending; /* the timer of the flush runs */
};

/* 0, or -1 when memory is short. */
int access_log_init(struct access_log *log, struct event_base *base);
/* Hands over what is left and closes. */
void access_log_clear(struct access_log *log);
/* What is left is for the old descriptor; then goes on with fd, which it takes over. */
void access_log_set(struct access_log *log, int fd);
void access_log_add(
	struct access_log *log, const struct access_line *line, enum conf_access_format format);

#endif
