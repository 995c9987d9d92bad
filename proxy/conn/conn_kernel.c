/*
 * Records that the kernel makes (tls_kernel.h), on a connection that has been handed over for a
 * large file. From then on its front is that of clear text: what it sends is plain, and files go by
 * sendfile(2). What is different:
 *
 *   - OpenSSL still reads. Of its messages only alerts go out, each as a record of its type. It is
 *     never let to say that its key is new: the kernel would go on with the old one.
 *   - So a key that is nearly spent, or that the client wants replaced (RFC 8446 section 4.6.3),
 *     ends the connection behind the answer that is under way.
 *   - MSG_MORE would keep a record open, and is never used.
 *   - The kernel says that it has taken bytes while their record waits for room in TCP's queue, and
 *     then a FIN or close(2) goes before it. So FIN waits until nothing is left (LINGER).
 */
#include "proxy/conn/conn.h"

#include "core/clock.h"

#include <errno.h>
#include <openssl/err.h>

/* Fewer bytes than a record has on average, whatever pieces of pages it is made of. */
#define KERNEL_RECORD_MIN 8192
#define KERNEL_RECORDS_MAX (UINT64_C(1) << 24)       /* see TLS_SEAL_RECORDS_MAX */
#define KERNEL_RECORDS_LAST (KERNEL_RECORDS_MAX / 2) /* no request behind this */
/* What any connection may begin with, so that it comes to its end. */
#define KERNEL_FILE_MAX ((KERNEL_RECORDS_MAX - KERNEL_RECORDS_LAST) * KERNEL_RECORD_MIN / 2)
#define KERNEL_LOOK_MS 20 /* and twice as long each time that something is left, up to */
#define KERNEL_LOOK_MAX_MS 320

/* --- the handover ---------------------------------------------------------------------------- */

/* Whether nothing that was made waits, and OpenSSL is about to say nothing. */
static bool
kernel_may_start(struct conn *c)
{
	if (!conn_wire_is_empty(c) && conn_wire_push(c) != FRONT_IO_OK)
		return false;
	return c->writable && c->owed == 0 && iobuf_len(&c->front.out) == 0 &&
	       SSL_is_init_finished(c->ssl) &&
	       SSL_get_key_update_type(c->ssl) == SSL_KEY_UPDATE_NONE &&
	       c->seal.sequence < KERNEL_RECORDS_LAST;
}

void
conn_kernel_offload(struct front *f, uint64_t n)
{
	struct conn *c = f->conn;
	struct worker *w = c->worker;
	uint64_t records = c->seal.sequence;

	if (c->kernel.asked || !conn_is_sealed(c) || !tls_kernel_takes(&w->kernel, &c->seal) ||
		n > KERNEL_FILE_MAX || !kernel_may_start(c))
		return;
	c->kernel.asked = true;
	if (tls_kernel_start(&w->kernel, c->origin.fd, &w->sealer, &c->seal) < 0) {
		stats_add(&w->stats, STAT_TLS_KERNEL_FAILED, 1);
		return;
	}
	c->kernel.on = true;
	c->kernel.records = records;
	c->front.ops = &conn_front_ops;
	stats_add(&w->stats, STAT_TLS_KERNEL, 1);
}

/* --- the key --------------------------------------------------------------------------------- */

bool
conn_kernel_may_write(const struct conn *c)
{
	return !c->kernel.on || (!c->tls_failed && c->kernel.records < KERNEL_RECORDS_MAX);
}

void
conn_kernel_count(struct conn *c, size_t n)
{
	if (c->kernel.on)
		c->kernel.records += n / KERNEL_RECORD_MIN + 1;
}

bool
conn_kernel_is_over(const struct conn *c)
{
	return c->kernel.on && (c->kernel.records >= KERNEL_RECORDS_LAST ||
				       SSL_get_key_update_type(c->ssl) != SSL_KEY_UPDATE_NONE);
}

int
conn_kernel_write(struct conn *c, const char *from, int n)
{
	uint8_t type = c->seal_type;
	ssize_t sent;

	if (type != SSL3_RT_ALERT || !conn_kernel_may_write(c)) {
		errno = EIO;
		return -1;
	}
	sent = tls_kernel_send(c->origin.fd, type, from, (size_t)n);
	if (sent >= 0)
		c->seal_type = 0;
	conn_kernel_count(c, sent > 0 ? (size_t)sent : 0);
	return (int)sent;
}

/* --- the end --------------------------------------------------------------------------------- */

/* Looks at what is left. True: nothing, as 20 ms ago. A record that waits for room is with TCP at
 * the latest a moment after that has told of some, so one look is not enough. */
static bool
kernel_is_done(struct conn *c, uint64_t now_ms)
{
	struct conn_kernel *k = &c->kernel;
	size_t unsent = conn_unsent(c);
	bool empty = unsent == 0 && c->writable, was_empty = k->empty;

	if (unsent != k->unsent)
		k->moved_ms = now_ms;
	k->unsent = unsent;
	k->empty = empty;
	if (empty)
		k->wait_ms = KERNEL_LOOK_MS;
	else if (k->wait_ms < KERNEL_LOOK_MAX_MS)
		k->wait_ms *= 2;
	return empty && was_empty;
}

/* FIN goes, or it is waited on, as long as something moves. */
static void
kernel_look(struct conn *c)
{
	struct conn_kernel *k = &c->kernel;
	uint64_t now_ms = clock_mono_coarse_ms();

	if (!kernel_is_done(c, now_ms) && now_ms < k->until_ms &&
		now_ms - k->moved_ms < CONN_LINGER_MS) {
		uint64_t since_ms = c->front.since_ms;

		/* For its place among those that may have to make room it has waited all along. */
		front_set_wait(&c->front, CONN_WAIT_LINGER, k->wait_ms);
		if (k->looked)
			c->front.since_ms = since_ms;
		k->looked = true;
		return;
	}
	k->closing = false;
	conn_finish_output(c);
	front_set_wait(&c->front, CONN_WAIT_LINGER, CONN_LINGER_MS);
}

void
conn_kernel_close(struct conn *c)
{
	uint64_t now_ms = clock_mono_coarse_ms();

	c->kernel.closing = true;
	c->kernel.empty = c->kernel.looked = false;
	c->kernel.unsent = 0;
	c->kernel.wait_ms = KERNEL_LOOK_MS;
	c->kernel.moved_ms = now_ms;
	c->kernel.until_ms = now_ms + CONN_QUEUE_MS;
	kernel_look(c);
}

bool
conn_kernel_on_timeout(struct conn *c)
{
	if (!c->kernel.closing)
		return false;
	kernel_look(c);
	return true;
}
