/*
 * Several records of TLS in one send(2). OpenSSL makes each record in a buffer of its own, which
 * stays as it is until the call (tls_memory_pin), so nothing is copied. What the kernel does not
 * take then cannot be made again: it is copied into blocks of the connection, and goes first.
 */
#include "proxy/conn/conn.h"

#include "proxy/tls/tls_memory.h"

#include <assert.h>
#include <errno.h>
#include <sys/socket.h>

/* Less than this is sent with what stands before it, at once: of the data that one SSL_write takes,
 * one record is made, but an alert may come before it out of the same buffer. */
#define WIRE_RECORD_MIN 4096
/* A record of CONN_TLS_RECORD_MAX with its head, padding and authentication. */
#define WIRE_RECORD_MAX (CONN_TLS_RECORD_MAX + 512)

_Static_assert(CONN_BATCH_MAX <= TLS_MEMORY_PINS, "each record has a pin");
_Static_assert(CONN_BATCH_MAX *WIRE_RECORD_MAX <= CONN_WIRE_BLOCKS * BLOCK_SIZE,
	"what is left of a batch has room");

/* --- what is left ---------------------------------------------------------------------------- */

bool
conn_wire_is_empty(const struct conn *c)
{
	return !c->wire[0].data;
}

size_t
conn_wire_len(const struct conn *c)
{
	size_t n = 0;

	for (size_t i = 0; i < CONN_WIRE_BLOCKS; i++)
		n += iobuf_len(&c->wire[i]);
	return n;
}

void
conn_wire_clear(struct conn *c)
{
	for (size_t i = 0; i < CONN_WIRE_BLOCKS; i++)
		iobuf_release(&c->wire[i], &c->worker->blocks);
}

int
conn_wire_keep(struct conn *c, struct slice s)
{
	for (size_t i = 0; i < CONN_WIRE_BLOCKS && s.n > 0; i++) {
		struct iobuf *b = &c->wire[i];
		struct slice part;

		if (iobuf_hold(b, &c->worker->blocks) < 0)
			return -1;
		part = slice_head(s, iobuf_room(b));
		(void)iobuf_append(b, part);
		s = slice_skip(s, part.n);
	}
	return s.n == 0 ? 0 : -1;
}

enum front_io
conn_wire_push(struct conn *c)
{
	for (size_t i = 0; i < CONN_WIRE_BLOCKS; i++) {
		struct iobuf *b = &c->wire[i];

		while (iobuf_len(b) > 0) {
			ssize_t sent = conn_send(c, b->data + b->start, iobuf_len(b));

			if (sent < 0)
				return errno == EAGAIN ? FRONT_IO_BLOCKED : FRONT_IO_CLOSED;
			c->front.moved = true;
			iobuf_consume(b, (size_t)sent);
		}
	}
	conn_wire_clear(c);
	return FRONT_IO_OK;
}

/* --- batches --------------------------------------------------------------------------------- */

bool
conn_wire_may_batch(const struct conn *c)
{
	const struct worker *w = c->worker;

	return w->blocks.n_out <= w->overload.blocks_max / 2;
}

/* All of the batch that the kernel takes; the rest is kept. */
static enum front_io
batch_send(struct conn *c)
{
	struct conn_batch *b = &c->worker->batch;
	struct msghdr message = {.msg_iov = b->records, .msg_iovlen = b->n};
	ssize_t sent;
	size_t taken;

	if (b->n == 0)
		return FRONT_IO_OK;
	assert(conn_wire_is_empty(c));
	do {
		sent = sendmsg(c->origin.fd, &message, MSG_NOSIGNAL | (c->more ? MSG_MORE : 0));
	} while (sent < 0 && errno == EINTR);
	if (sent < 0 && errno != EAGAIN)
		return FRONT_IO_CLOSED;
	taken = sent < 0 ? 0 : (size_t)sent;
	for (size_t i = 0; i < b->n; i++) {
		struct slice s = slice_of(b->records[i].iov_base, b->records[i].iov_len);
		size_t n = taken < s.n ? taken : s.n;

		taken -= n;
		if (conn_wire_keep(c, slice_skip(s, n)) < 0)
			return FRONT_IO_CLOSED;
	}
	if (conn_wire_is_empty(c))
		return FRONT_IO_OK;
	c->writable = false;
	return FRONT_IO_BLOCKED;
}

/* Sends the batch and begins another one. */
static enum front_io
batch_end(struct conn *c)
{
	enum front_io result = batch_send(c);

	c->worker->batch.n = 0;
	tls_memory_unpin();
	return result;
}

bool
conn_wire_add(struct conn *c, const char *record, size_t n)
{
	struct conn_batch *b = &c->worker->batch;

	if (!b->open || n < WIRE_RECORD_MIN || b->n == CONN_BATCH_MAX)
		return false;
	tls_memory_pin(record);
	b->records[b->n++] = (struct iovec){.iov_base = (char *)(uintptr_t)record, .iov_len = n};
	return true;
}

enum front_io
conn_wire_settle(struct conn *c)
{
	enum front_io result = conn_wire_push(c);

	return result == FRONT_IO_OK ? batch_end(c) : result;
}

/* Whether another record may be made. OpenSSL makes it where the last one is, unless it gave that
 * back. */
static bool
batch_goes_on(const struct conn_batch *b)
{
	return b->n < CONN_BATCH_MAX && tls_memory_returned() == b->n;
}

/* What waits in out, as far as the batch goes. */
static enum front_io
wire_send_out(struct conn *c)
{
	struct iobuf *out = &c->front.out;

	while (iobuf_len(out) > 0 && batch_goes_on(&c->worker->batch)) {
		size_t n = 0;
		enum front_io result = conn_write_bytes(c, iobuf_slice(out), &n);

		if (result != FRONT_IO_OK)
			return result;
		iobuf_consume(out, n);
	}
	if (iobuf_len(out) == 0)
		iobuf_release(out, &c->worker->blocks);
	return FRONT_IO_OK;
}

enum front_io
conn_wire_send(struct conn *c, struct slice s, size_t *ret_n)
{
	struct conn_batch *b = &c->worker->batch;
	enum front_io result = FRONT_IO_OK, sent;
	size_t n;

	*ret_n = 0;
	if (!conn_wire_is_empty(c))
		result = conn_wire_push(c);
	if (result != FRONT_IO_OK)
		return result;
	b->open = conn_wire_may_batch(c);
	result = wire_send_out(c);
	if (result == FRONT_IO_OK && !b->open)
		return conn_write_bytes(c, s, ret_n);
	while (result == FRONT_IO_OK && iobuf_len(&c->front.out) == 0 && *ret_n < s.n &&
		batch_goes_on(b)) {
		n = 0;
		result = conn_write_bytes(c, slice_skip(s, *ret_n), &n);
		*ret_n += n;
	}
	b->open = false;
	c->more = c->front.ends || *ret_n < s.n;
	sent = batch_end(c);
	c->more = false;
	return result == FRONT_IO_OK ? sent : result;
}
