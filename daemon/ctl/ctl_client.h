/*
 * A small HTTP/1.1 client for the control socket: one request a connection, blocking, JSON
 * answers, streams line by line.
 */
#ifndef DAEMON_CTL_CLIENT_H
#define DAEMON_CTL_CLIENT_H

#include "core/buf.h"
#include "core/err.h"

/* Exit statuses of `sluice`. */
enum ctl_exit {
	CTL_OK = 0,
	CTL_FAILED = 1,
	CTL_USAGE = 2,
	CTL_UNREACHABLE = 3,
	CTL_FORBIDDEN = 4,
};

struct ctl_reply {
	int status;
	struct buf body;
};

/* Sends METHOD PATH and reads the whole answer. CTL_OK with *ret (clear its body), or another
 * exit status with e filled with a message that helps. */
enum ctl_exit ctl_request(const char *socket, const char *method, const char *path,
	struct ctl_reply *ret, struct err *e);
/* The same with a body. */
struct ctl_ask {
	const char *method, *path;
	struct slice body;
};
enum ctl_exit ctl_request_body(
	const char *socket, const struct ctl_ask *ask, struct ctl_reply *ret, struct err *e);
/* An open answer of which lines are read as they come. */
struct ctl_stream;
enum ctl_exit ctl_stream_open(
	const char *socket, const char *path, struct ctl_stream **ret, struct err *e);
/* The next line without its end, valid until the next call; 1, 0 at the end, -1 with e filled. */
int ctl_stream_read(struct ctl_stream *s, struct slice *ret, struct err *e);
void ctl_stream_close(struct ctl_stream **s);
/* The message for a socket that can't be used, by errnum; returns the exit status. */
enum ctl_exit ctl_explain(const char *socket, int errnum, struct err *e);

/* Pure: parses "HTTP/1.1 200 OK\r\nname: value\r\n…" without the empty line. 0 or -1. */
int ctl_parse_head(struct slice head, int *ret_status, bool *ret_chunked, size_t *ret_length);

#endif
