/*
 * Bytes between a connection and its client, in clear or through OpenSSL. Nothing is asked of the
 * kernel that it is known to refuse: c->readable and c->writable are the edges it has told, and
 * "not now", a short write, or a short read at the end of a request ends them. OpenSSL reads and
 * writes the socket through a BIO of ours that keeps to the same rule.
 */
#include "proxy/conn/conn.h"

#include "core/sock.h"

#include <errno.h>
#include <linux/sockios.h>
#include <openssl/err.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

#define TLS_TURNS_MAX 4 /* records in a row without a byte for us, each the last of a read */

/* recv(2) by the edges. >0 bytes, 0 the end, -1 with errno. */
static ssize_t
conn_recv(struct conn *c, char *to, size_t n)
{
	ssize_t got;

	if (!c->readable) {
		errno = EAGAIN;
		return -1;
	}
	/* What the first read of a turn brings began to come before the loop woke up, and changes
	 * of files until then are told before it. What came behind that, of a client who sends a
	 * request in pieces or several at once, may meet the file as it was then. */
	if (c->turn >= c->worker->turn)
		file_cache_note_bytes(&c->worker->files);
	else
		c->turn = c->worker->turn;
	do {
		got = sock_recv(c->origin.fd, to, n, 0);
	} while (got < 0 && errno == EINTR);
	if (got < 0 && errno == EAGAIN)
		c->readable = false;
	/* A FIN that came before this edge is known, and then the end is read for. */
	c->drained = got > 0 && (size_t)got < n && !c->finished;
	return got;
}

ssize_t
conn_send(struct conn *c, const char *from, size_t n)
{
	int flags = MSG_NOSIGNAL;
	ssize_t sent;

	if (!c->writable) {
		errno = EAGAIN;
		return -1;
	}
	if (!conn_kernel_may_write(c)) {
		errno = EPIPE;
		return -1;
	}
	/* A kernel that seals would keep its record open for more. */
	if (c->more && !c->kernel.on)
		flags |= MSG_MORE;
	do {
		sent = sock_send(c->origin.fd, from, n, flags);
	} while (sent < 0 && errno == EINTR);
	conn_kernel_count(c, sent > 0 ? (size_t)sent : 0);
	if ((sent < 0 && errno == EAGAIN) || (sent >= 0 && (size_t)sent < n))
		c->writable = false;
	return sent;
}

/* A request is complete: the socket counts as empty when the last read was a short one. Not
 * before: a reset that came with the bytes raises no edge of its own, and only another read finds
 * it. */
static void
conn_front_settle(struct front *f)
{
	if (f->conn->drained)
		f->conn->readable = false;
}

/* Asks the kernel only when there was an edge. The FIN of a client that has closed is the same as
 * that of one that has only ended its requests, as many simple ones do behind the last; TLS is
 * ended by both sides at once (RFC 8446 section 6.1 allows otherwise, clients do not). */
static enum front_presence
conn_front_presence(struct front *f)
{
	struct conn *c = f->conn;
	char byte;
	ssize_t n;

	if (iobuf_len(&c->front.in) > 0 || !(c->readable || c->finished))
		return FRONT_HERE;
	n = recv(c->origin.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
	if (n < 0 && errno == EAGAIN)
		c->readable = false;
	else if (n < 0 && errno != EINTR)
		return FRONT_GONE;
	if (n != 0 && !c->finished)
		return FRONT_HERE;
	return c->ssl ? FRONT_GONE : FRONT_HALF_CLOSED;
}

static int
conn_bio_read(BIO *bio, char *to, int n)
{
	ssize_t got = conn_recv(BIO_get_data(bio), to, (size_t)n);

	BIO_clear_retry_flags(bio);
	if (got < 0 && errno == EAGAIN)
		BIO_set_retry_read(bio);
	return (int)got;
}

static int
conn_bio_write(BIO *bio, const char *from, int n)
{
	struct conn *c = BIO_get_data(bio);
	ssize_t sent;

	/* A client with Nagle's algorithm keeps its request back until its Finished is
	 * acknowledged: unless the request is here already, the ticket must carry that. */
	if (c->state == CONN_HANDSHAKE && !SSL_has_pending(c->ssl))
		c->more = false;
	BIO_clear_retry_flags(bio);
	if (c->tls_failed) {
		errno = EPIPE;
		return -1;
	}
	if (c->seal.on || c->kernel.on) {
		sent = c->kernel.on ? conn_kernel_write(c, from, n) : conn_seal_write(c, from, n);
		if (sent < 0 && errno == EAGAIN)
			BIO_set_retry_write(bio);
		return (int)sent;
	}
	if (conn_wire_add(c, from, (size_t)n))
		return n;
	switch (conn_wire_settle(c)) {
	case FRONT_IO_OK:
		break;
	case FRONT_IO_BLOCKED:
		BIO_set_retry_write(bio);
		return -1;
	case FRONT_IO_CLOSED:
	case FRONT_IO_END:
		return -1;
	}
	sent = conn_send(c, from, (size_t)n);
	if (sent < 0 && errno == EAGAIN)
		BIO_set_retry_write(bio);
	return (int)sent;
}

static long
conn_bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
	return command == BIO_CTRL_FLUSH
		       ? 1
		       : conn_seal_ctrl(BIO_get_data(bio), command, number, pointer);
}

BIO_METHOD *
conn_bio_new(void)
{
	BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "connection");

	if (!m)
		return NULL;
	if (BIO_meth_set_read(m, conn_bio_read) != 1 ||
		BIO_meth_set_write(m, conn_bio_write) != 1 ||
		BIO_meth_set_ctrl(m, conn_bio_ctrl) != 1) {
		BIO_meth_free(m);
		return NULL;
	}
	return m;
}

int
conn_start_tls(struct conn *c)
{
	BIO *bio = BIO_new(c->worker->bio);

	c->ssl = bio ? tls_thread_accept(&c->worker->tls, c->origin.http2) : NULL;
	if (!c->ssl) {
		BIO_free(bio);
		return -1;
	}
	BIO_set_data(bio, c);
	BIO_set_init(bio, 1);
	SSL_set_bio(c->ssl, bio, bio);
	return 0;
}

/* What an OpenSSL call that did not succeed means. Leaves the thread's error queue empty. */
static enum front_io
conn_tls_result(struct conn *c, int result)
{
	int error = SSL_get_error(c->ssl, result);

	if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
		return FRONT_IO_BLOCKED;
	if (error != SSL_ERROR_ZERO_RETURN)
		c->tls_failed = true;
	c->spoke_http =
		error == SSL_ERROR_SSL && ERR_GET_REASON(ERR_peek_error()) == SSL_R_HTTP_REQUEST;
	ERR_clear_error();
	return FRONT_IO_CLOSED;
}

enum front_io
conn_handshake(struct conn *c)
{
	int result;

	/* What a TLS 1.3 server writes once the client is heard is the session ticket, which nobody
	 * waits for: it goes with the answer, or when the kernel has waited for 200 ms. */
	c->more = SSL_get_state(c->ssl) == TLS_ST_EARLY_DATA;
	result = SSL_do_handshake(c->ssl);
	c->more = false;
	return result == 1 ? FRONT_IO_OK : conn_tls_result(c, result);
}

/* OpenSSL says that it wants to read as well when it has read all of a record that has no bytes for
 * us (a new key), and what is behind that stands in the socket, of which no edge will tell again.
 * Who sends one such record after the other keeps us busy with nothing. */
static enum front_io
conn_tls_read(struct conn *c, char *to, size_t n, size_t *ret_n)
{
	for (int turn = 0; turn < TLS_TURNS_MAX; turn++) {
		int result = SSL_read(c->ssl, to, (int)n);
		enum front_io io;

		if (result > 0) {
			*ret_n = (size_t)result;
			return FRONT_IO_OK;
		}
		io = conn_tls_result(c, result);
		/* "Not now" ends the edge (conn_recv). */
		if (io != FRONT_IO_BLOCKED || !c->readable || !SSL_want_read(c->ssl))
			return io;
	}
	conn_violation(c, VIOLATION_FLOOD);
	return FRONT_IO_CLOSED;
}

/* One read of at most n bytes, in clear or not. */
static enum front_io
conn_read_bytes(struct conn *c, char *to, size_t n, size_t *ret_n)
{
	ssize_t got;

	if (!c->readable && (!c->ssl || !SSL_has_pending(c->ssl)))
		return FRONT_IO_BLOCKED;
	if (c->ssl)
		return conn_tls_read(c, to, n, ret_n);
	got = conn_recv(c, to, n);
	if (got > 0) {
		*ret_n = (size_t)got;
		return FRONT_IO_OK;
	}
	return got < 0 && errno == EAGAIN ? FRONT_IO_BLOCKED : FRONT_IO_CLOSED;
}

/* Makes room behind the input by moving it up to the head. */
static void
conn_compact(struct conn *c)
{
	size_t n = iobuf_len(&c->front.in);

	if (c->front.in.start == c->front.in_base)
		return;
	memmove(c->front.in.data + c->front.in_base, c->front.in.data + c->front.in.start, n);
	c->front.in.start = c->front.in_base;
	c->front.in.end = c->front.in_base + (uint32_t)n;
}

enum front_io
conn_read(struct conn *c)
{
	enum front_io result;
	bool fresh = !c->front.in.data;
	size_t n = 0;

	if (fresh && !c->readable && (!c->ssl || !SSL_has_pending(c->ssl)))
		return FRONT_IO_BLOCKED;
	if (iobuf_hold(&c->front.in, &c->worker->blocks) < 0)
		return FRONT_IO_CLOSED;
	if (iobuf_room(&c->front.in) == 0)
		conn_compact(c);
	if (iobuf_room(&c->front.in) == 0)
		return FRONT_IO_BLOCKED;
	result = conn_read_bytes(c, iobuf_tail(&c->front.in), iobuf_room(&c->front.in), &n);
	c->front.in.end += (uint32_t)n;
	if (fresh && n == 0)
		iobuf_release(&c->front.in, &c->worker->blocks);
	return result;
}

enum front_io
conn_read_away(struct conn *c, size_t *ret_n)
{
	char *block = block_get(&c->worker->blocks);
	enum front_io result;

	*ret_n = 0;
	if (!block)
		return FRONT_IO_CLOSED;
	result = conn_read_bytes(c, block, BLOCK_SIZE, ret_n);
	block_put(&c->worker->blocks, block);
	return result;
}

static void
conn_front_take(struct front *f, size_t n)
{
	f->in.start += (uint32_t)n;
	if (f->in.start == f->in.end)
		f->in.start = f->in.end = f->in_base;
}

/* Otherwise what is written is plain: there is no TLS, or the kernel seals. */
static bool
conn_writes_tls(const struct conn *c)
{
	return c->ssl && !c->kernel.on;
}

enum front_io
conn_write_bytes(struct conn *c, struct slice s, size_t *ret_n)
{
	ssize_t sent;
	int result;

	if (!c->writable)
		return FRONT_IO_BLOCKED;
	/* Another record, or close_notify and FIN, follow at once: no packet need end where this
	 * one does. */
	c->more = c->front.ends || (conn_writes_tls(c) && s.n > CONN_TLS_RECORD_MAX);
	if (conn_writes_tls(c)) {
		s = slice_head(s, CONN_TLS_RECORD_MAX);
		result = SSL_write(c->ssl, s.p, (int)s.n);
		c->more = false;
		if (result <= 0)
			return conn_tls_result(c, result);
		*ret_n = (size_t)result;
		return FRONT_IO_OK;
	}
	sent = conn_send(c, s.p, s.n);
	c->more = false;
	if (sent >= 0) {
		*ret_n = (size_t)sent;
		return FRONT_IO_OK;
	}
	return errno == EAGAIN ? FRONT_IO_BLOCKED : FRONT_IO_CLOSED;
}

enum front_io
conn_flush(struct conn *c)
{
	if (conn_is_sealed(c))
		return conn_seal_flush(c);
	while (iobuf_len(&c->front.out) > 0) {
		size_t n = 0;
		enum front_io result = conn_write_bytes(c, iobuf_slice(&c->front.out), &n);

		if (result != FRONT_IO_OK)
			return result;
		iobuf_consume(&c->front.out, n);
	}
	iobuf_release(&c->front.out, &c->worker->blocks);
	return conn_wire_is_empty(c) ? FRONT_IO_OK : conn_wire_push(c);
}

static enum front_io
conn_front_send(struct front *f, struct slice s, size_t *ret_n)
{
	bool tls = conn_writes_tls(f->conn);
	enum front_io result = tls ? FRONT_IO_OK : conn_flush(f->conn);

	*ret_n = 0;
	if (conn_is_sealed(f->conn))
		return conn_seal_front(f->conn, s, ret_n);
	while (result == FRONT_IO_OK && s.n > 0) {
		size_t n = 0;

		result = tls && (s.n > CONN_TLS_RECORD_MAX || iobuf_len(&f->out) > 0)
				 ? conn_wire_send(f->conn, s, &n)
				 : conn_write_bytes(f->conn, s, &n);
		*ret_n += n;
		s = slice_skip(s, n);
	}
	return result;
}

static bool
conn_front_gathers(const struct front *f)
{
	return conn_is_sealed(f->conn) && conn_wire_is_empty(f->conn);
}

static enum front_io
conn_front_send_file(struct front *f, int file, off_t *offset, size_t n, size_t *ret_n)
{
	struct conn *c = f->conn;
	ssize_t sent;

	if (!c->writable)
		return FRONT_IO_BLOCKED;
	if (!conn_kernel_may_write(c))
		return FRONT_IO_CLOSED;
	do {
		sent = sendfile(c->origin.fd, file, offset, n);
	} while (sent < 0 && errno == EINTR);
	if (sent >= 0) {
		conn_kernel_count(c, (size_t)sent);
		*ret_n = (size_t)sent;
		return FRONT_IO_OK;
	}
	if (errno != EAGAIN)
		return FRONT_IO_CLOSED;
	c->writable = false;
	return FRONT_IO_BLOCKED;
}

void
conn_notify_close(struct conn *c)
{
	if (c->ssl && !c->tls_failed && SSL_is_init_finished(c->ssl)) {
		c->more = true; /* FIN is next */
		(void)SSL_shutdown(c->ssl);
		c->more = false;
		ERR_clear_error();
	}
}

void
conn_finish_output(struct conn *c)
{
	conn_notify_close(c);
	(void)shutdown(c->origin.fd, SHUT_WR);
}

static enum front_io
conn_front_read(struct front *f)
{
	return conn_read(f->conn);
}

static enum front_io
conn_front_flush(struct front *f)
{
	return conn_flush(f->conn);
}

static void
conn_front_close(struct front *f, enum conn_close_reason reason)
{
	conn_close(f->conn, reason);
}

static void
conn_front_drive(struct front *f)
{
	conn_drive(f->conn);
}

static void
conn_front_kick(struct front *f)
{
	conn_kick(f->conn);
}

static bool
conn_front_held(struct front *f)
{
	(void)f;
	return true;
}

size_t
conn_unsent(const struct conn *c)
{
	int n = 0;

	return ioctl(c->origin.fd, SIOCOUTQ, &n) == 0 && n > 0 ? (size_t)n : 0;
}

/* What is owed is counted with out, where it still stands. */
static size_t
conn_front_backlog(struct front *f)
{
	size_t wire = conn_wire_len(f->conn), owed = f->conn->owed;

	return conn_unsent(f->conn) + wire - (owed < wire ? owed : wire);
}

const struct front_ops conn_front_ops = {
	.read = conn_front_read,
	.take = conn_front_take,
	.flush = conn_front_flush,
	.send = conn_front_send,
	.send_file = conn_front_send_file,
	.close = conn_front_close,
	.drive = conn_front_drive,
	.kick = conn_front_kick,
	.presence = conn_front_presence,
	.settle = conn_front_settle,
	.held = conn_front_held,
	.backlog = conn_front_backlog,
};

const struct front_ops conn_front_ops_tls = {
	.read = conn_front_read,
	.take = conn_front_take,
	.flush = conn_front_flush,
	.send = conn_front_send,
	.gathers = conn_front_gathers,
	.offload = conn_kernel_offload,
	.close = conn_front_close,
	.drive = conn_front_drive,
	.kick = conn_front_kick,
	.presence = conn_front_presence,
	.settle = conn_front_settle,
	.held = conn_front_held,
	.backlog = conn_front_backlog,
};
