/*
 * Packets of the exec socket: writing, reading and carrying them. Parsing is pure and reads every
 * length against what is left; the socket functions wait with poll and never keep a descriptor on
 * failure.
 */
#include "core/exec_wire.h"

#include "core/own.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define EXEC_FDS 3

struct reader {
	struct slice rest;
	bool bad;
};

void
exec_request_clear(struct exec_request *r)
{
	free(r->container);
	free(r->term);
	for (size_t i = 0; r->argv && i < r->argc; i++)
		free(r->argv[i]);
	free(r->argv);
	*r = (struct exec_request){0};
}

static int
put_u16(struct buf *out, size_t v)
{
	unsigned char bytes[2] = {(unsigned char)(v & 0xff), (unsigned char)(v >> 8 & 0xff)};

	return v > UINT16_MAX ? -1 : buf_append(out, bytes, sizeof(bytes));
}

static int
put_slice(struct buf *out, struct slice text)
{
	return put_u16(out, text.n) < 0 ? -1 : buf_append_slice(out, text);
}

static int
put_string(struct buf *out, const char *s)
{
	return put_slice(out, slice_str(s));
}

static int
put_request(const struct exec_request *r, struct buf *out)
{
	int ret = buf_append_byte(out, EXEC_PACKET_REQUEST);

	ret |= buf_append_byte(out, r->kind == EXEC_KIND_CONSOLE ? 2 : 1);
	ret |= buf_append_byte(out, r->tty ? 1 : 0);
	ret |= put_u16(out, r->rows);
	ret |= put_u16(out, r->columns);
	ret |= put_string(out, r->container);
	ret |= put_string(out, r->term);
	ret |= put_u16(out, r->argc);
	for (size_t i = 0; i < r->argc; i++)
		ret |= put_string(out, r->argv[i]);
	return ret;
}

int
exec_request_print(const struct exec_request *r, struct buf *out, struct err *e)
{
	if (r->argc > EXEC_ARGS_MAX)
		return err_set(e, "more than %d arguments", EXEC_ARGS_MAX);
	if (put_request(r, out) < 0 || buf_len(out) > EXEC_PACKET_MAX)
		return err_set(e, "the command is longer than %d bytes", EXEC_PACKET_MAX);
	return 0;
}

static uint8_t
get_u8(struct reader *r)
{
	uint8_t v;

	if (r->bad || r->rest.n < 1) {
		r->bad = true;
		return 0;
	}
	v = (uint8_t)r->rest.p[0];
	r->rest = slice_skip(r->rest, 1);
	return v;
}

static uint16_t
get_u16(struct reader *r)
{
	unsigned low = get_u8(r), high = get_u8(r);

	return (uint16_t)(low | high << 8);
}

static struct slice
get_slice(struct reader *r)
{
	size_t n = get_u16(r);
	struct slice s = {0};

	if (r->bad || r->rest.n < n) {
		r->bad = true;
		return s;
	}
	s = slice_head(r->rest, n);
	r->rest = slice_skip(r->rest, n);
	return s;
}

/* A string of a request becomes an argument of execve, so that a NUL in it is an error. */
static char *
get_string(struct reader *r)
{
	struct slice s = get_slice(r);

	if (!r->bad && slice_index(s, '\0') != s.n)
		r->bad = true;
	return r->bad ? NULL : slice_dup(s);
}

static int
get_argv(struct reader *r, struct exec_request *ret)
{
	size_t n = get_u16(r);

	if (r->bad || n > EXEC_ARGS_MAX)
		return -1;
	ret->argv = calloc(n + 1, sizeof(*ret->argv));
	if (!ret->argv)
		return -1;
	for (; ret->argc < n; ret->argc++) {
		ret->argv[ret->argc] = get_string(r);
		if (!ret->argv[ret->argc])
			return -1;
	}
	return 0;
}

static int
get_request(struct reader *r, struct exec_request *ret)
{
	uint8_t type = get_u8(r), kind = get_u8(r), tty = get_u8(r);

	ret->rows = get_u16(r);
	ret->columns = get_u16(r);
	if (r->bad || type != EXEC_PACKET_REQUEST || tty > 1 ||
		(kind != EXEC_KIND_EXEC && kind != EXEC_KIND_CONSOLE))
		return -1;
	ret->kind = kind == EXEC_KIND_CONSOLE ? EXEC_KIND_CONSOLE : EXEC_KIND_EXEC;
	ret->tty = tty == 1;
	ret->container = get_string(r);
	ret->term = get_string(r);
	if (!ret->container || !ret->term || get_argv(r, ret) < 0)
		return -1;
	return r->rest.n == 0 ? 0 : -1;
}

int
exec_request_parse(struct slice packet, struct exec_request *ret, struct err *e)
{
	struct reader reader = {.rest = packet};
	struct exec_request r = {0};

	if (get_request(&reader, &r) < 0) {
		exec_request_clear(&r);
		return err_set(e, "malformed exec request");
	}
	if (r.kind == EXEC_KIND_EXEC && r.argc == 0) {
		exec_request_clear(&r);
		return err_set(e, "exec request without a command");
	}
	*ret = r;
	return 0;
}

int
exec_size_parse(struct slice packet, uint16_t *ret_rows, uint16_t *ret_columns)
{
	struct reader r = {.rest = packet};
	uint8_t type = get_u8(&r);
	uint16_t rows = get_u16(&r), columns = get_u16(&r);

	if (r.bad || r.rest.n > 0 || type != EXEC_PACKET_SIZE)
		return -1;
	*ret_rows = rows;
	*ret_columns = columns;
	return 0;
}

int
exec_status_parse(struct slice packet, uint8_t *ret_status, struct slice *ret_why)
{
	struct reader r = {.rest = packet};
	uint8_t type = get_u8(&r), status = get_u8(&r);
	struct slice why = get_slice(&r);

	if (r.bad || r.rest.n > 0 || type != EXEC_PACKET_STATUS)
		return -1;
	*ret_status = status;
	*ret_why = why;
	return 0;
}

/* Sends one packet, waiting while the socket is full; fds may be NULL. */
static int
send_packet(int fd, struct slice packet, const int *fds)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(EXEC_FDS * sizeof(int))];
	} control = {0};
	struct iovec part = {.iov_base = (void *)(uintptr_t)packet.p, .iov_len = packet.n};
	struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1};

	if (fds) {
		m.msg_control = control.bytes;
		m.msg_controllen = sizeof(control.bytes);
		CMSG_FIRSTHDR(&m)->cmsg_level = SOL_SOCKET;
		CMSG_FIRSTHDR(&m)->cmsg_type = SCM_RIGHTS;
		CMSG_FIRSTHDR(&m)->cmsg_len = CMSG_LEN(EXEC_FDS * sizeof(int));
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), fds, EXEC_FDS * sizeof(int));
	}
	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLOUT};

		if (sendmsg(fd, &m, MSG_NOSIGNAL) >= 0)
			return 0;
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN || (poll(&p, 1, -1) < 0 && errno != EINTR))
			return -1;
	}
}

int
exec_send_request(int fd, const struct exec_request *r, const int fds[static 3], struct err *e)
{
	struct buf packet;
	int ret;

	buf_init(&packet, EXEC_PACKET_MAX);
	ret = exec_request_print(r, &packet, e);
	if (ret == 0 && send_packet(fd, buf_slice(&packet), fds) < 0)
		ret = err_errno(e, errno, "sending the exec request");
	buf_clear(&packet);
	return ret;
}

int
exec_send_size(int fd, uint16_t rows, uint16_t columns)
{
	char packet[5] = {EXEC_PACKET_SIZE, (char)(rows & 0xff), (char)(rows >> 8),
		(char)(columns & 0xff), (char)(columns >> 8)};

	return send_packet(fd, slice_of(packet, sizeof(packet)), NULL);
}

int
exec_status_print(uint8_t status, const char *why, struct buf *out)
{
	struct slice cut = slice_head(slice_str(why), ERR_MSG_MAX);

	return buf_append_byte(out, EXEC_PACKET_STATUS) | buf_append_byte(out, (char)status) |
	       put_slice(out, cut);
}

int
exec_send_status(int fd, uint8_t status, const char *why)
{
	struct buf packet;
	int ret;

	buf_init(&packet, EXEC_PACKET_MAX);
	ret = exec_status_print(status, why, &packet);
	if (ret == 0)
		ret = send_packet(fd, buf_slice(&packet), NULL);
	buf_clear(&packet);
	return ret;
}

void
exec_refuse(int fd, const char *why)
{
	char taken;

	(void)recv(fd, &taken, sizeof(taken), MSG_DONTWAIT);
	(void)exec_send_status(fd, EXEC_STATUS_FAILED, why);
}

ssize_t
exec_recv_packet(int fd, char *ret, size_t size)
{
	ssize_t n = recv(fd, ret, size, 0);

	if (n < 0 && errno == ECONNRESET)
		n = recv(fd, ret, size, MSG_DONTWAIT);
	return n;
}

/* Closes whatever descriptors came and keeps them only when they are exactly three. */
static int
take_fds(struct msghdr *m, int ret_fds[static 3])
{
	int fds[EXEC_FDS] = {-1, -1, -1};
	size_t n = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t at = 0; at + CMSG_LEN(sizeof(int)) <= c->cmsg_len; at += sizeof(int)) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + at, sizeof(fd));
			if (n < EXEC_FDS)
				fds[n++] = fd;
			else
				close_fd(fd);
		}
	}
	if (n == EXEC_FDS && !(m->msg_flags & MSG_CTRUNC)) {
		memcpy(ret_fds, fds, sizeof(fds));
		return 0;
	}
	for (size_t i = 0; i < n; i++)
		close_fd(fds[i]);
	return -1;
}

static int
/* NOLINTNEXTLINE(readability-non-const-parameter): recvmsg writes there. */
recv_packet(int fd, char *bytes, int ret_fds[static 3], ssize_t *ret_n, struct err *e)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(EXEC_FDS * sizeof(int))];
	} control;
	struct iovec part = {.iov_base = bytes, .iov_len = EXEC_PACKET_MAX};
	struct msghdr m = {.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes)};
	ssize_t n = recvmsg(fd, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);

	if (n < 0)
		return err_errno(e, errno, "receiving the exec request");
	if (take_fds(&m, ret_fds) < 0)
		return err_set(e, n == 0 ? "the client hung up"
					 : "an exec request without its three descriptors");
	*ret_n = n;
	return 0;
}

int
exec_recv_request(
	int fd, unsigned timeout_ms, struct exec_request *ret, int ret_fds[static 3], struct err *e)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	_free_ char *bytes = malloc(EXEC_PACKET_MAX);
	int fds[EXEC_FDS] = {-1, -1, -1};
	ssize_t n = 0;

	if (!bytes)
		return err_set(e, "out of memory");
	if (poll(&p, 1, timeout_ms > INT_MAX ? INT_MAX : (int)timeout_ms) <= 0)
		return err_set(e, "no exec request came in %u ms", timeout_ms);
	if (recv_packet(fd, bytes, fds, &n, e) < 0)
		return -1;
	if (exec_request_parse(slice_of(bytes, (size_t)n), ret, e) < 0) {
		for (size_t i = 0; i < EXEC_FDS; i++)
			close_fd(fds[i]);
		return -1;
	}
	memcpy(ret_fds, fds, sizeof(fds));
	return 0;
}

int
exec_peek_request(int fd, struct exec_request *ret, struct err *e)
{
	_free_ char *bytes = malloc(EXEC_PACKET_MAX);
	ssize_t n;

	if (!bytes)
		return err_set(e, "out of memory");
	n = recv(fd, bytes, EXEC_PACKET_MAX, MSG_PEEK | MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n < 0)
		return err_errno(e, errno, "receiving the exec request");
	if (n == 0)
		return err_set(e, "the client hung up");
	return exec_request_parse(slice_of(bytes, (size_t)n), ret, e) < 0 ? -1 : 1;
}
