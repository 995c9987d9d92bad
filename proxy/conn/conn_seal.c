/*
 * Records that we encrypt ourselves (tls_seal.h), from the client's request for application data
 * on. OpenSSL's messages come through the BIO in clear; what an exchange sends goes past OpenSSL.
 * Several records leave in one send(2). A record that was made has used its number, so what the
 * kernel does not take of it is kept and goes first (conn_wire.c).
 */
#include "proxy/conn/conn.h"

#include <errno.h>
#include <openssl/err.h>

/* Ours are asked for by these numbers; OpenSSL 3.0's headers name the first three in a comment. */
#define SEAL_CTRL_SET_KTLS 72
#define SEAL_CTRL_SET_TYPE 74
#define SEAL_CTRL_CLEAR_TYPE 75

/* Makes a record of what there is behind those that were made, *ret_n bytes. 0 or -1. */
static int
seal_add(struct conn *c, uint8_t type, const struct slice text[2], size_t *ret_n)
{
	struct worker *w = c->worker;
	size_t n = tls_seal_record(&w->sealer, &c->seal, type, text, w->records + *ret_n);

	*ret_n += n;
	return n > 0 ? 0 : -1;
}

/* Sends n bytes of records. BLOCKED: some of it is kept. CLOSED with errno. */
static enum front_io
seal_send(struct conn *c, size_t n)
{
	struct slice all = slice_of((const char *)c->worker->records, n);
	ssize_t sent = conn_send(c, all.p, n);

	if (sent < 0 && errno != EAGAIN)
		return FRONT_IO_CLOSED;
	if (sent == (ssize_t)n)
		return FRONT_IO_OK;
	if (conn_wire_keep(c, slice_skip(all, sent < 0 ? 0 : (size_t)sent)) == 0)
		return FRONT_IO_BLOCKED;
	errno = ENOMEM;
	return FRONT_IO_CLOSED;
}

bool
conn_is_sealed(const struct conn *c)
{
	return c->ssl && c->seal.on;
}

/* What of out is on its way, and was kept there until then. */
static void
seal_settle_owed(struct conn *c)
{
	size_t left = conn_wire_len(c);

	if (left >= c->owed)
		return;
	iobuf_consume(&c->front.out, c->owed - left);
	c->owed = (uint32_t)left;
}

/* What was made goes first. OK: all of it is gone. CLOSED with errno. */
static enum front_io
seal_begin(struct conn *c)
{
	enum front_io result = conn_wire_is_empty(c) ? FRONT_IO_OK : conn_wire_push(c);

	if (c->owed > 0)
		seal_settle_owed(c);
	if (result == FRONT_IO_OK && !c->writable)
		return FRONT_IO_BLOCKED;
	return result;
}

/* The same for what is no message of OpenSSL's. Under a key that is spent, or when the client has
 * asked for it, OpenSSL says first that the next one is new, and goes on to write itself (RFC 8446
 * section 4.6.3). */
static enum front_io
seal_begin_data(struct conn *c)
{
	enum front_io result = c->tls_failed ? FRONT_IO_CLOSED : seal_begin(c);

	if (result != FRONT_IO_OK ||
		(!tls_seal_is_spent(&c->seal) &&
			SSL_get_key_update_type(c->ssl) == SSL_KEY_UPDATE_NONE) ||
		!SSL_is_init_finished(c->ssl)) /* a message of the client's is half here */
		return result;
	if (SSL_key_update(c->ssl, SSL_KEY_UPDATE_NOT_REQUESTED) == 1 &&
		SSL_do_handshake(c->ssl) == 1 && !c->seal.on)
		return FRONT_IO_OK;
	ERR_clear_error();
	c->tls_failed = true;
	return FRONT_IO_CLOSED;
}

static unsigned
seal_records_max(const struct conn *c)
{
	return conn_wire_may_batch(c) ? CONN_BATCH_MAX : 1;
}

enum front_io
conn_seal_flush(struct conn *c)
{
	struct iobuf *out = &c->front.out;
	enum front_io result = FRONT_IO_OK;

	while (result == FRONT_IO_OK && iobuf_len(out) > 0) {
		struct slice rest;
		unsigned most = seal_records_max(c);
		size_t made = 0;

		result = seal_begin_data(c);
		if (result != FRONT_IO_OK)
			return result;
		if (!c->seal.on)
			return conn_flush(c);
		rest = iobuf_slice(out);
		if (rest.n == 0)
			break;
		for (unsigned i = 0; i < most && rest.n > 0; i++) {
			struct slice text[2] = {slice_head(rest, TLS_SEAL_MAX), {0}};

			if (seal_add(c, SSL3_RT_APPLICATION_DATA, text, &made) < 0)
				return FRONT_IO_CLOSED;
			rest = slice_skip(rest, text[0].n);
		}
		c->more = c->front.ends || rest.n > 0;
		c->owed = (uint32_t)(iobuf_len(out) - rest.n);
		result = seal_send(c, made);
		c->more = false;
		seal_settle_owed(c);
	}
	if (iobuf_len(out) == 0)
		iobuf_release(out, &c->worker->blocks);
	if (result != FRONT_IO_OK || conn_wire_is_empty(c))
		return result;
	return c->tls_failed ? FRONT_IO_CLOSED : conn_wire_push(c);
}

enum front_io
conn_seal_front(struct conn *c, struct slice s, size_t *ret_n)
{
	struct iobuf *out = &c->front.out;
	enum front_io result = seal_begin_data(c);
	struct slice before = iobuf_slice(out), rest = s;
	unsigned most = seal_records_max(c);
	size_t made = 0;

	*ret_n = 0;
	if (result != FRONT_IO_OK)
		return result;
	if (!c->seal.on)
		return conn_wire_send(c, s, ret_n);
	for (unsigned i = 0; i < most && before.n + rest.n > 0; i++) {
		struct slice text[2];

		text[0] = slice_head(before, TLS_SEAL_MAX);
		text[1] = slice_head(rest, TLS_SEAL_MAX - text[0].n);
		if (seal_add(c, SSL3_RT_APPLICATION_DATA, text, &made) < 0)
			return FRONT_IO_CLOSED;
		before = slice_skip(before, text[0].n);
		rest = slice_skip(rest, text[1].n);
	}
	iobuf_consume(out, iobuf_len(out) - before.n);
	if (iobuf_len(out) == 0)
		iobuf_release(out, &c->worker->blocks);
	*ret_n = s.n - rest.n;
	c->more = c->front.ends || before.n + rest.n > 0;
	result = seal_send(c, made);
	c->more = false;
	return result;
}

/* --- for OpenSSL ----------------------------------------------------------------------------- */

int
conn_seal_write(struct conn *c, const char *from, int n)
{
	struct slice text[2] = {slice_of(from, (size_t)n), {0}};
	uint8_t type = c->seal_type ? c->seal_type : SSL3_RT_APPLICATION_DATA;
	enum front_io result = seal_begin(c);
	size_t made = 0;

	/* OpenSSL looks at errno: a ticket that a client who has gone does not get is no failure.
	 */
	if (result == FRONT_IO_BLOCKED)
		errno = EAGAIN;
	if (result != FRONT_IO_OK)
		return -1;
	if (text[0].n > TLS_SEAL_MAX || seal_add(c, type, text, &made) < 0) {
		errno = ENOMEM;
		return -1;
	}
	c->seal_type = 0;
	/* OpenSSL makes its next key when this is written, and writes with it. */
	if (c->state != CONN_HANDSHAKE && tls_seal_is_key_update(type, text[0]))
		tls_seal_end(&c->worker->sealer, &c->seal);
	if (seal_send(c, made) != FRONT_IO_CLOSED)
		return n;
	c->tls_failed = true;
	return -1;
}

long
conn_seal_ctrl(struct conn *c, int command, long number, const void *pointer)
{
	switch (command) {
	case SEAL_CTRL_SET_KTLS:
		/* A kernel that seals has its key for good. */
		return number != 0 && !c->kernel.on && tls_seal_take(&c->seal, pointer);
	case BIO_CTRL_GET_KTLS_SEND:
		return c->seal.on || c->kernel.on;
	case SEAL_CTRL_SET_TYPE:
		c->seal_type = (uint8_t)number;
		return 0;
	case SEAL_CTRL_CLEAR_TYPE:
		c->seal_type = 0;
		return 0;
	default:
		return 0;
	}
}
