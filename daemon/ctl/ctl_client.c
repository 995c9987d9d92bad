/*
 * Speaks HTTP/1.1 to the daemon, which is trusted to be right but not to be quick: everything is
 * bounded, nothing times out but by the daemon's end. A body has a length, or comes in chunks, or
 * lasts to the end of the connection.
 */
#include "daemon/ctl/ctl_client.h"

#include "core/num.h"
#include "core/own.h"
#include "daemon/unix_socket.h"

#include <errno.h>
#include <grp.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEAD_MAX (64 * 1024)
#define BODY_MAX (32 * 1024 * 1024)
#define READ_SIZE (16 * 1024)
#define NO_LENGTH SIZE_MAX

struct ctl_stream {
	int fd;
	struct buf in;   /* bytes as they came */
	struct buf body; /* decoded, not yet read */
	size_t taken;    /* of body, by the line that was returned last */
	bool chunked, end;
	size_t left; /* of the chunk, or of the body */
};

enum ctl_exit
ctl_explain(const char *socket, int errnum, struct err *e)
{
	const struct group *group;
	struct stat st;

	if (errnum == EACCES || errnum == EPERM) {
		/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
		group = stat(socket, &st) == 0 ? getgrgid(st.st_gid) : NULL;
		if (group && group->gr_gid != 0)
			err_set(e, "you may not use %s: be root or a member of group %s", socket,
				group->gr_name);
		else
			err_set(e, "you may not use %s: be root", socket);
		return CTL_FORBIDDEN;
	}
	if (errnum == ENOENT || errnum == ECONNREFUSED)
		err_set(e,
			"sluiced does not run (nobody answers on %s); start it with "
			"`systemctl start sluice` or `sluiced -f FILE`, or name its socket with -s",
			socket);
	else
		err_errno(e, errnum, "cannot use %s", socket);
	return CTL_UNREACHABLE;
}

static int
write_all(int fd, struct slice s)
{
	while (s.n > 0) {
		ssize_t n = send(fd, s.p, s.n, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		s = slice_skip(s, (size_t)n);
	}
	return 0;
}

/* Reads what is there. 1, 0 at the end, -1 with errno. */
static int
fill(int fd, struct buf *in)
{
	char *to = buf_reserve(in, READ_SIZE);
	ssize_t n;

	if (!to) {
		errno = EMSGSIZE;
		return -1;
	}
	do
		n = recv(fd, to, READ_SIZE, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -1;
	buf_commit(in, (size_t)n);
	return n > 0;
}

static void
parse_field(struct slice line, bool *ret_chunked, size_t *ret_length)
{
	size_t colon = slice_index(line, ':');
	struct slice name = slice_head(line, colon);
	struct slice value = slice_trim(slice_skip(line, colon + 1));
	uint64_t length;

	if (slice_ieq(name, SLICE_LIT("transfer-encoding")))
		*ret_chunked = slice_ieq(value, SLICE_LIT("chunked"));
	else if (slice_ieq(name, SLICE_LIT("content-length")) &&
		 num_parse(value, 0, BODY_MAX, &length) == 0)
		*ret_length = (size_t)length;
}

int
ctl_parse_head(struct slice head, int *ret_status, bool *ret_chunked, size_t *ret_length)
{
	struct slice line = slice_head(head, slice_index(head, '\r'));
	uint64_t status;

	if (!slice_starts(line, SLICE_LIT("HTTP/1.1 ")) ||
		num_parse(slice_head(slice_skip(line, 9), 3), 100, 599, &status) < 0)
		return -1;
	*ret_status = (int)status;
	*ret_chunked = false;
	*ret_length = NO_LENGTH;
	for (;;) {
		head = slice_skip(head, line.n + 2);
		if (head.n == 0)
			return 0;
		line = slice_head(head, slice_index(head, '\r'));
		parse_field(line, ret_chunked, ret_length);
	}
}

static const char *
find_head_end(struct slice s)
{
	return s.n ? memmem(s.p, s.n, "\r\n\r\n", 4) : NULL;
}

/* Reads up to the end of the head and parses it. */
static enum ctl_exit
read_head(struct ctl_stream *s, int *ret_status, struct err *e)
{
	const char *end;
	size_t n;
	int rc = 1;

	while (!(end = find_head_end(buf_slice(&s->in)))) {
		if (rc <= 0 || buf_len(&s->in) > HEAD_MAX) {
			err_set(e, "the daemon ended before it answered");
			return CTL_UNREACHABLE;
		}
		rc = fill(s->fd, &s->in);
	}
	n = (size_t)(end - buf_slice(&s->in).p);
	if (ctl_parse_head(
		    slice_head(buf_slice(&s->in), n + 2), ret_status, &s->chunked, &s->left) < 0) {
		err_set(e, "the answer is no HTTP");
		return CTL_FAILED;
	}
	buf_consume(&s->in, n + 4);
	if (s->chunked)
		s->left = 0;
	s->end = !s->chunked && s->left == 0;
	return CTL_OK;
}

/* Takes one "SIZE\r\n" off the front, with the line break that ends the chunk before. 1, 0: more
 * bytes are needed, -1: no chunk. */
static int
next_chunk(struct ctl_stream *s)
{
	struct slice in = buf_slice(&s->in), line;
	size_t skip = slice_starts(in, SLICE_LIT("\r\n")) ? 2 : 0, n;
	uint64_t size;

	in = slice_skip(in, skip);
	n = slice_index(in, '\n');
	if (n == in.n)
		return in.n > 32 ? -1 : 0;
	line = slice_head(in, n);
	line = slice_head(line, slice_index(line, '\r'));
	if (num_parse_hex(line, &size) < 0 || size > BODY_MAX)
		return -1;
	buf_consume(&s->in, skip + n + 1);
	s->left = (size_t)size;
	s->end = size == 0;
	return 1;
}

/* Moves bytes from `in` to `body` as far as they go. 0 or -1. */
static int
decode(struct ctl_stream *s)
{
	while (buf_len(&s->in) > 0 && !s->end) {
		size_t n;

		if (s->chunked && s->left == 0) {
			int rc = next_chunk(s);

			if (rc <= 0)
				return rc;
			continue;
		}
		n = buf_len(&s->in) < s->left ? buf_len(&s->in) : s->left;
		if (buf_append(&s->body, buf_slice(&s->in).p, n) < 0)
			return -1;
		buf_consume(&s->in, n);
		if (s->left != NO_LENGTH)
			s->left -= n;
		s->end = s->end || (!s->chunked && s->left == 0);
	}
	return 0;
}

void
ctl_stream_close(struct ctl_stream **sp)
{
	struct ctl_stream *s = *sp;

	if (!s)
		return;
	close_fd(s->fd);
	buf_clear(&s->in);
	buf_clear(&s->body);
	free(s);
	*sp = NULL;
}

static enum ctl_exit
open_request(const char *socket, const struct ctl_ask *ask, struct ctl_stream **ret,
	int *ret_status, struct err *e)
{
	_cleanup_(ctl_stream_close) struct ctl_stream *s = calloc(1, sizeof(*s));
	_cleanup_(buf_clear) struct buf head = {0};
	enum ctl_exit rc;

	if (!s) {
		err_set(e, "out of memory");
		return CTL_FAILED;
	}
	buf_init(&head, HEAD_MAX);
	buf_init(&s->in, HEAD_MAX * 2);
	buf_init(&s->body, BODY_MAX);
	s->fd = unix_socket_connect(socket, SOCK_STREAM);
	if (s->fd < 0)
		return ctl_explain(socket, errno, e);
	if (buf_printf(&head,
		    "%s %s HTTP/1.1\r\nHost: sluice\r\nContent-Length: %zu\r\n"
		    "Connection: close\r\n\r\n%.*s",
		    ask->method, ask->path, ask->body.n, SLICE_ARG(ask->body)) < 0) {
		err_set(e, "too long");
		return CTL_FAILED;
	}
	if (write_all(s->fd, buf_slice(&head)) < 0) {
		err_errno(e, errno, "cannot ask the daemon");
		return CTL_UNREACHABLE;
	}
	rc = read_head(s, ret_status, e);
	if (rc == CTL_OK)
		*ret = steal_ptr(&s);
	return rc;
}

enum ctl_exit
ctl_request(const char *socket, const char *method, const char *path, struct ctl_reply *ret,
	struct err *e)
{
	const struct ctl_ask ask = {.method = method, .path = path};

	return ctl_request_body(socket, &ask, ret, e);
}

enum ctl_exit
ctl_request_body(
	const char *socket, const struct ctl_ask *ask, struct ctl_reply *ret, struct err *e)
{
	struct ctl_stream *s = NULL;
	int status, rc = 1;
	enum ctl_exit result = open_request(socket, ask, &s, &status, e);

	if (result != CTL_OK)
		return result;
	while (rc > 0 && decode(s) == 0 && !s->end)
		rc = fill(s->fd, &s->in);
	if (rc < 0 || (!s->end && (s->chunked || s->left != NO_LENGTH))) {
		err_set(e, "the daemon ended in the middle of its answer");
		ctl_stream_close(&s);
		return CTL_UNREACHABLE;
	}
	ret->status = status;
	ret->body = s->body;
	buf_init(&s->body, 1);
	ctl_stream_close(&s);
	return CTL_OK;
}

enum ctl_exit
ctl_stream_open(const char *socket, const char *path, struct ctl_stream **ret, struct err *e)
{
	const struct ctl_ask ask = {.method = "GET", .path = path};
	int status;
	enum ctl_exit result = open_request(socket, &ask, ret, &status, e);

	if (result != CTL_OK || status == 200)
		return result;
	ctl_stream_close(ret);
	err_set(e, "the daemon answered with status %d", status);
	return status == 403 ? CTL_FORBIDDEN : CTL_FAILED;
}

int
ctl_stream_read(struct ctl_stream *s, struct slice *ret, struct err *e)
{
	buf_consume(&s->body, s->taken);
	s->taken = 0;
	for (;;) {
		struct slice body;
		size_t n;
		int rc;

		if (decode(s) < 0)
			return err_set(e, "the answer is no HTTP");
		body = buf_slice(&s->body);
		n = slice_index(body, '\n');
		if (n < body.n) {
			*ret = slice_head(body, n);
			s->taken = n + 1;
			return 1;
		}
		if (s->end)
			return 0;
		rc = fill(s->fd, &s->in);
		if (rc < 0)
			return err_errno(e, errno, "cannot read from the daemon");
		if (rc == 0)
			return 0;
	}
}
