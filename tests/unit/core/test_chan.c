/* core/chan.c: packets through real socket pairs on a real loop, hostile ones included. */
#include "tests/unit/core/unit.h"

#include "core/chan.h"
#include "core/log.h"
#include "core/own.h"
#include "tests/unit/core/wire.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* One channel, the other end of its socket, and what its callbacks saw. */
struct bench {
	struct event_base *base;
	struct chan *chan;
	int far;
	unsigned messages, relayed, closed;
	enum msg_type last;
	uint64_t last_number;
	const char *reason;
	int taken; /* the descriptor of the last message */
	bool take; /* take descriptors */
	bool free_in_callback;
};

static void
seen(struct bench *b, struct msg_in *m)
{
	b->last = m->type;
	if (b->take)
		b->taken = msg_take_fd(m);
	if (b->free_in_callback)
		chan_free(&b->chan);
}

static void
on_msg(struct chan *c, struct msg_in *m, void *ctx)
{
	struct bench *b = ctx;

	(void)c;
	b->messages++;
	if (m->type == MSG_READY)
		b->last_number = msg_get_u64(m);
	seen(b, m);
}

static void
on_relay(struct chan *c, const struct msg_in *m, struct slice packet, void *ctx)
{
	struct bench *b = ctx;

	(void)c;
	assert_true(packet.n >= MSG_HEADER_SIZE);
	b->relayed++;
	b->last = m->type;
	if (b->free_in_callback)
		chan_free(&b->chan);
}

static void
on_close(struct chan *c, const char *reason, void *ctx)
{
	struct bench *b = ctx;

	assert_ptr_equal(c, b->chan);
	b->closed++;
	b->reason = reason;
	if (b->free_in_callback)
		chan_free(&b->chan);
}

static const struct chan_ops ops = {on_msg, on_relay, on_close};
static const struct chan_ops ops_without_relay = {.on_msg = on_msg, .on_close = on_close};

static void
bench_start(struct bench *b, enum role self, enum role peer, const struct chan_ops *o)
{
	int ends[2];

	*b = (struct bench){.base = event_base_new(), .taken = -1};
	assert_non_null(b->base);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	b->far = ends[1];
	b->chan = chan_new(b->base, ends[0], self, peer, o, b, NULL);
	assert_non_null(b->chan);
}

static void
bench_end(struct bench *b)
{
	chan_free(&b->chan);
	close_fd(b->far);
	close_fd(b->taken);
	event_base_free(b->base);
}

static void
turn(struct bench *b)
{
	assert_true(event_base_loop(b->base, EVLOOP_NONBLOCK) >= 0);
}

/* Sends bytes and n descriptors (copies of our standard error) as one packet. */
static void
far_send(struct bench *b, const void *bytes, size_t size, unsigned n)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(8 * sizeof(int))];
	} control = {0};
	struct iovec iov = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = size};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	if (n) {
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(n * sizeof(int));
		CMSG_FIRSTHDR(&msg)->cmsg_level = SOL_SOCKET;
		CMSG_FIRSTHDR(&msg)->cmsg_type = SCM_RIGHTS;
		CMSG_FIRSTHDR(&msg)->cmsg_len = CMSG_LEN(n * sizeof(int));
		for (unsigned i = 0; i < n; i++)
			memcpy(CMSG_DATA(CMSG_FIRSTHDR(&msg)) + i * sizeof(int),
				&(int){STDERR_FILENO}, sizeof(int));
	}
	assert_int_equal(sendmsg(b->far, &msg, MSG_NOSIGNAL), (ssize_t)size);
}

static void
far_message(struct bench *b, enum role from, unsigned type, enum role to)
{
	unsigned char packet[128];
	size_t n = wire_packet(packet, from, type, to);

	far_send(b, packet, n, wire_rows[type].fds);
}

static unsigned
open_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	(void)closedir(dir);
	return n;
}

static int
send_ready(struct bench *b, uint64_t generation)
{
	struct msg_out m;

	assert_int_equal(msg_out_init(&m, MSG_READY, ROLE_PARENT), 0);
	msg_put_u64(&m, generation);
	return chan_send(b->chan, &m);
}

/* What the table says of a packet (from, type, to) that comes to self from peer. */
static bool
is_lawful(enum role self, enum role peer, enum role from, unsigned type, enum role to)
{
	bool in_table =
		(wire_rows[type].senders >> from & 1) && (wire_rows[type].receivers >> to & 1);

	return in_table && (from == peer || peer == ROLE_PARENT) &&
	       (to == self || self == ROLE_PARENT);
}

/* Sends each (from, type, to) to self from peer, and returns how many came through. */
static unsigned
send_every_triple(struct bench *b, enum role self, enum role peer)
{
	unsigned lawful = 0, unlawful = 0;

	for (unsigned i = 0; i < ROLE_COUNT * MSG_TYPE_COUNT * ROLE_COUNT; i++) {
		enum role from = (enum role)(i % ROLE_COUNT);
		enum role to = (enum role)(i / ROLE_COUNT % ROLE_COUNT);
		unsigned type = i / ROLE_COUNT / ROLE_COUNT;

		far_message(b, from, type, to);
		turn(b);
		if (is_lawful(self, peer, from, type, to)) {
			lawful++;
			assert_int_equal(b->last, type);
		} else {
			unlawful++;
		}
		assert_int_equal(b->messages + b->relayed, lawful);
		assert_int_equal(chan_dropped(b->chan), unlawful);
	}
	return lawful;
}

static void
what_the_table_forbids_is_dropped_and_counted_whoever_sends_it(void **state)
{
	unsigned lawful[ROLE_COUNT] = {0};
	unsigned before = open_descriptors();

	(void)state;
	for (unsigned i = 0; i < ROLE_COUNT * ROLE_COUNT; i++) {
		enum role self = (enum role)(i % ROLE_COUNT), peer = (enum role)(i / ROLE_COUNT);
		struct bench b;

		bench_start(&b, self, peer, &ops);
		lawful[self] += send_every_triple(&b, self, peer);
		assert_int_equal(b.closed, 0);
		if (self != ROLE_PARENT)
			assert_int_equal(b.relayed, 0);
		bench_end(&b);
	}
	for (unsigned r = 0; r < ROLE_COUNT; r++)
		assert_true(lawful[r] > 0);
	assert_int_equal(open_descriptors(), before);
}

static void
a_message_for_another_role_is_relayed_or_dropped(void **state)
{
	struct bench b;

	(void)state;
	bench_start(&b, ROLE_PARENT, ROLE_LXC, &ops);
	far_message(&b, ROLE_LXC, MSG_CONTAINER_GONE, ROLE_PROXY);
	turn(&b);
	assert_int_equal(b.relayed, 1);
	assert_int_equal(b.messages, 0);
	bench_end(&b);
	bench_start(&b, ROLE_PARENT, ROLE_CONTROL, &ops_without_relay);
	far_message(&b, ROLE_CONTROL, MSG_EXEC, ROLE_LXC);
	turn(&b);
	assert_int_equal(chan_dropped(b.chan), 1);
	bench_end(&b);
}

static void
a_relayed_packet_arrives_as_it_was(void **state)
{
	unsigned char packet[128], got[256];
	size_t n = wire_packet(packet, ROLE_CONTROL, MSG_EXEC, ROLE_LXC);
	struct bench b;

	(void)state;
	bench_start(&b, ROLE_PARENT, ROLE_LXC, &ops);
	assert_int_equal(chan_send_packet(b.chan, slice_of(packet, n), STDERR_FILENO), 0);
	assert_int_equal(recv(b.far, got, sizeof(got), 0), n);
	assert_memory_equal(got, packet, n);
	assert_int_equal(chan_send_packet(b.chan, slice_of(packet, 3), -1), -1);
	assert_int_equal(chan_peer(b.chan), ROLE_LXC);
	bench_end(&b);
}

static void
a_descriptor_that_nobody_takes_is_closed(void **state)
{
	unsigned before = open_descriptors();
	struct bench b;

	(void)state;
	bench_start(&b, ROLE_PROXY, ROLE_PARENT, &ops);
	before = open_descriptors();
	far_message(&b, ROLE_PARENT, MSG_OFFER, ROLE_PROXY);
	turn(&b);
	assert_int_equal(b.messages, 1);
	assert_int_equal(open_descriptors(), before);
	b.take = true;
	far_message(&b, ROLE_PARENT, MSG_OFFER, ROLE_PROXY);
	turn(&b);
	assert_true(b.taken >= 0);
	assert_int_equal(fcntl(b.taken, F_GETFD), FD_CLOEXEC);
	bench_end(&b);
}

static void
too_many_too_few_or_unexpected_descriptors_are_closed(void **state)
{
	unsigned char offer[128], commit[128];
	size_t n_offer = wire_packet(offer, ROLE_PARENT, MSG_OFFER, ROLE_PROXY);
	size_t n_commit = wire_packet(commit, ROLE_PARENT, MSG_COMMIT, ROLE_PROXY);
	struct bench b;
	unsigned before;

	(void)state;
	bench_start(&b, ROLE_PROXY, ROLE_PARENT, &ops);
	before = open_descriptors();
	far_send(&b, offer, n_offer, 0);
	far_send(&b, offer, n_offer, 2);
	far_send(&b, offer, n_offer, 8);
	far_send(&b, commit, n_commit, 1);
	far_send(&b, "x", 1, 3);
	turn(&b);
	assert_int_equal(b.messages, 0);
	assert_int_equal(chan_dropped(b.chan), 5);
	assert_int_equal(open_descriptors(), before);
	far_send(&b, commit, n_commit, 0);
	turn(&b);
	assert_int_equal(b.messages, 1);
	bench_end(&b);
}

static void
the_largest_message_passes_and_a_larger_one_does_not(void **state)
{
	static unsigned char packet[MSG_SIZE_MAX + 1];
	struct bench b;

	(void)state;
	bench_start(&b, ROLE_CONTROL, ROLE_PROXY, &ops);
	/* "s(ss)*": a string of 60000 bytes, and a group with one of 5527 and an empty one. */
	memset(packet, 0, sizeof(packet));
	(void)wire_packet(packet, ROLE_PROXY, MSG_EVENT, ROLE_CONTROL);
	packet[4] = 60000 & 0xff;
	packet[5] = 60000 >> 8;
	packet[60006] = (MSG_SIZE_MAX - 60010) & 0xff;
	packet[60007] = (MSG_SIZE_MAX - 60010) >> 8;
	far_send(&b, packet, MSG_SIZE_MAX, 0);
	turn(&b);
	assert_int_equal(b.messages, 1);
	far_send(&b, packet, MSG_SIZE_MAX + 1, 0);
	turn(&b);
	assert_int_equal(b.messages, 1);
	assert_int_equal(chan_dropped(b.chan), 1);
	assert_int_equal(b.closed, 0);
	bench_end(&b);
}

static void
what_was_sent_before_the_end_arrives_before_it(void **state)
{
	struct bench b;

	(void)state;
	bench_start(&b, ROLE_PARENT, ROLE_PROXY, &ops);
	for (int i = 0; i < 10; i++)
		far_message(&b, ROLE_PROXY, MSG_READY, ROLE_PARENT);
	b.far = close_fd(b.far);
	for (int i = 0; i < 4; i++)
		turn(&b);
	assert_int_equal(b.messages, 10);
	assert_int_equal(b.closed, 1);
	assert_string_equal(b.reason, "end of file");
	bench_end(&b);
}

static void
an_empty_packet_is_the_end(void **state)
{
	struct bench b;

	(void)state;
	bench_start(&b, ROLE_PARENT, ROLE_PROXY, &ops);
	far_send(&b, "", 0, 1);
	turn(&b);
	turn(&b);
	assert_int_equal(b.closed, 1);
	bench_end(&b);
}

static void
a_channel_may_be_freed_in_each_of_its_callbacks(void **state)
{
	static const enum msg_type types[] = {MSG_READY, MSG_STATS};
	struct bench b;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		bench_start(&b, ROLE_PARENT, ROLE_PROXY, &ops);
		b.free_in_callback = true;
		far_message(&b, ROLE_PROXY, types[i], i ? ROLE_CONTROL : ROLE_PARENT);
		far_message(&b, ROLE_PROXY, types[i], i ? ROLE_CONTROL : ROLE_PARENT);
		turn(&b);
		assert_null(b.chan);
		assert_int_equal(b.messages + b.relayed, 1);
		assert_int_equal(recv(b.far, &(char){0}, 1, MSG_DONTWAIT) <= 0, 1);
		bench_end(&b);
	}
	bench_start(&b, ROLE_PARENT, ROLE_PROXY, &ops);
	b.free_in_callback = true;
	b.far = close_fd(b.far);
	turn(&b);
	turn(&b);
	assert_int_equal(b.closed, 1);
	assert_null(b.chan);
	bench_end(&b);
}

static uint64_t
far_number(struct bench *b)
{
	unsigned char packet[64];
	uint64_t v = 0;

	assert_int_equal(recv(b->far, packet, sizeof(packet), 0), MSG_HEADER_SIZE + 8);
	for (int i = 7; i >= 0; i--)
		v = v << 8 | packet[MSG_HEADER_SIZE + i];
	return v;
}

/* Small buffers, so that the queue is used soon. */
static void
shrink(struct bench *b)
{
	assert_int_equal(setsockopt(b->far, SOL_SOCKET, SO_RCVBUF, &(int){4096}, sizeof(int)), 0);
}

static void
messages_wait_in_order_for_a_slow_reader(void **state)
{
	struct bench b;
	uint64_t n = 1000;

	(void)state;
	bench_start(&b, ROLE_PROXY, ROLE_PARENT, &ops);
	shrink(&b);
	for (uint64_t i = 0; i < n; i++)
		assert_int_equal(send_ready(&b, i), 0);
	for (uint64_t i = 0; i < n; i++) {
		assert_int_equal(far_number(&b), i);
		turn(&b);
	}
	assert_int_equal(b.closed, 0);
	bench_end(&b);
}

static void
a_reader_that_never_reads_is_given_up(void **state)
{
	struct bench b;
	unsigned sent = 0;

	(void)state;
	bench_start(&b, ROLE_PROXY, ROLE_PARENT, &ops);
	while (send_ready(&b, sent) == 0)
		sent++;
	assert_in_range(sent, CHAN_QUEUE_MAX, 100000);
	assert_int_equal(b.closed, 0); /* never from inside chan_send */
	turn(&b);
	assert_int_equal(b.closed, 1);
	assert_string_equal(b.reason, "queue full");
	assert_int_equal(send_ready(&b, 1), -1);
	turn(&b);
	assert_int_equal(b.closed, 1);
	bench_end(&b);
}

static void
a_queued_descriptor_outlives_the_senders_copy(void **state)
{
	unsigned char packet[128];
	size_t n = wire_packet(packet, ROLE_PARENT, MSG_OFFER, ROLE_PROXY);
	unsigned before = open_descriptors();
	struct bench b;

	(void)state;
	bench_start(&b, ROLE_PARENT, ROLE_PROXY, &ops);
	for (int i = 0; i < 900; i++) {
		int fd = dup(STDERR_FILENO); /* NOLINT(android-cloexec-dup): closed below */

		assert_int_equal(chan_send_packet(b.chan, slice_of(packet, n), fd), 0);
		close_fd(fd);
	}
	for (int i = 0; i < 900; i++) {
		assert_int_equal(recv(b.far, packet, sizeof(packet), 0), n);
		turn(&b);
	}
	assert_int_equal(b.closed, 0);
	bench_end(&b);
	assert_int_equal(open_descriptors(), before);
}

static void
sending_to_a_dead_peer_fails_and_the_loop_tells(void **state)
{
	struct bench b;

	(void)state;
	bench_start(&b, ROLE_PROXY, ROLE_PARENT, &ops);
	b.far = close_fd(b.far);
	assert_int_equal(send_ready(&b, 1), -1);
	assert_int_equal(b.closed, 0);
	turn(&b);
	turn(&b);
	assert_int_equal(b.closed, 1);
	bench_end(&b);
}

static void
a_message_that_breaks_the_table_is_not_sent(void **state)
{
	struct bench b;
	struct msg_out m;

	(void)state;
	bench_start(&b, ROLE_PROXY, ROLE_PARENT, &ops);
	assert_int_equal(msg_out_init(&m, MSG_COMMIT, ROLE_PARENT), 0);
	msg_put_u64(&m, 1);
	assert_int_equal(chan_send(b.chan, &m), -1);
	assert_null(m.bytes);
	assert_int_equal(recv(b.far, &(char){0}, 1, MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
	bench_end(&b);
}

static void
drain_sends_the_last_word(void **state)
{
	struct bench b;
	uint64_t sent = 0;

	(void)state;
	bench_start(&b, ROLE_PROXY, ROLE_PARENT, &ops);
	/* The socket takes some hundred, the rest waits. */
	for (; sent < 1000; sent++)
		assert_int_equal(send_ready(&b, sent), 0);
	chan_drain(b.chan, 1); /* nobody reads: gives up in time */
	for (uint64_t i = 0; i < sent; i++) {
		assert_int_equal(far_number(&b), i);
		chan_drain(b.chan, 0);
	}
	bench_end(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_table_forbids_is_dropped_and_counted_whoever_sends_it),
		cmocka_unit_test(a_message_for_another_role_is_relayed_or_dropped),
		cmocka_unit_test(a_relayed_packet_arrives_as_it_was),
		cmocka_unit_test(a_descriptor_that_nobody_takes_is_closed),
		cmocka_unit_test(too_many_too_few_or_unexpected_descriptors_are_closed),
		cmocka_unit_test(the_largest_message_passes_and_a_larger_one_does_not),
		cmocka_unit_test(what_was_sent_before_the_end_arrives_before_it),
		cmocka_unit_test(an_empty_packet_is_the_end),
		cmocka_unit_test(a_channel_may_be_freed_in_each_of_its_callbacks),
		cmocka_unit_test(messages_wait_in_order_for_a_slow_reader),
		cmocka_unit_test(a_reader_that_never_reads_is_given_up),
		cmocka_unit_test(a_queued_descriptor_outlives_the_senders_copy),
		cmocka_unit_test(sending_to_a_dead_peer_fails_and_the_loop_tells),
		cmocka_unit_test(a_message_that_breaks_the_table_is_not_sent),
		cmocka_unit_test(drain_sends_the_last_word),
	};

	/* Every dropped message is a warning; thousands are dropped here. */
	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
