/*
 * daemon/dispatch.c: the parent's real relay over real socket pairs. Every (sender, message,
 * receiver), permitted or not, goes in at the sender's end; what comes out where is compared with
 * the table.
 */
#include "tests/unit/daemon/unit.h"

#include "core/log.h"
#include "core/own.h"
#include "daemon/parent.h"
#include "tests/unit/core/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

struct bench {
	struct parent parent;
	int far[ROLE_COUNT]; /* what the child would hold */
};

static bool
has_channel(enum role role)
{
	return role >= ROLE_PROXY && role <= ROLE_CONTROL;
}

static int
setup(void **state)
{
	static struct bench bench;
	struct bench *b = &bench;
	struct err e = {0};

	*b = (struct bench){.far = {-1, -1, -1, -1, -1, -1}};
	/* Thousands of refusals are expected here. */
	log_init("test", open("/dev/null", O_WRONLY | O_CLOEXEC));
	b->parent.base = event_base_new();
	transaction_init(&b->parent);
	upgrade_init(&b->parent);
	for (enum role role = 0; role < ROLE_COUNT; role++) {
		struct child *c = &b->parent.children[role];
		int ends[2];

		assert_int_equal(child_init(c, &b->parent, role), 0);
		if (!has_channel(role))
			continue;
		assert_int_equal(
			socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends),
			0);
		b->far[role] = ends[1];
		c->state = CHILD_UP;
		c->chan =
			chan_new(b->parent.base, ends[0], ROLE_PARENT, role, &dispatch_ops, c, &e);
		assert_non_null(c->chan);
	}
	/* So that QUIT and SHUTDOWN find their work done. */
	b->parent.quitting = true;
	*state = b;
	return 0;
}

static int
teardown(void **state)
{
	struct bench *b = *state;

	for (enum role role = 0; role < ROLE_COUNT; role++) {
		child_clear(&b->parent.children[role]);
		close_fd(b->far[role]);
	}
	event_base_free(b->parent.base);
	return 0;
}

static void
send_packet(int fd, const unsigned char *packet, size_t n, int attach)
{
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {.bytes = {0}};
	unsigned char copy[4096];
	struct iovec iov = {.iov_base = copy, .iov_len = n};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};

	memcpy(copy, packet, n);
	if (attach >= 0) {
		m.msg_control = control.bytes;
		m.msg_controllen = sizeof(control.bytes);
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.head), &attach, sizeof(attach));
	}
	assert_int_equal(sendmsg(fd, &m, MSG_NOSIGNAL), (ssize_t)n);
}

/* Takes everything that waits at a far end; the number of messages of this type and sender. */
static unsigned
drain(int fd, unsigned type, enum role from)
{
	unsigned char packet[4096];
	unsigned seen = 0;
	ssize_t n;

	/* Descriptors are not asked for and so are closed by the kernel. */
	while ((n = recv(fd, packet, sizeof(packet), 0)) > 0)
		seen += n >= 4 && packet[0] == (unsigned char)type &&
			packet[1] == (unsigned char)(type >> 8) && packet[2] == from;
	assert_true(n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK));
	return seen;
}

/* Sends one packet with a claimed sender through `sender`'s channel and counts what reaches
 * whom. */
static void
try_one(struct bench *b, enum role sender, enum role claimed, unsigned type, enum role to)
{
	bool allowed = claimed == sender && msg_permitted(sender, (enum msg_type)type, to);
	const struct child *c = &b->parent.children[sender];
	uint64_t dropped = chan_dropped(c->chan);
	unsigned char packet[4096];
	size_t n = wire_packet(packet, claimed, type, to);

	send_packet(b->far[sender], packet, n, wire_rows[type].fds ? STDIN_FILENO : -1);
	event_base_loop(b->parent.base, EVLOOP_NONBLOCK);
	event_base_loop(b->parent.base, EVLOOP_NONBLOCK);
	for (enum role role = ROLE_PROXY; role <= ROLE_CONTROL; role++) {
		unsigned expected = allowed && role == to;

		if (drain(b->far[role], type, claimed) != expected)
			fail_msg("%s as %s sends %s to %s: %s", role_name(sender),
				role_name(claimed), msg_name((enum msg_type)type), role_name(to),
				expected ? "lost" : "got through");
	}
	assert_int_equal(chan_dropped(c->chan) - dropped, allowed ? 0 : 1);
}

static void
the_table_decides_what_is_relayed(void **state)
{
	for (enum role sender = ROLE_PROXY; sender <= ROLE_CONTROL; sender++)
		for (unsigned type = 1; type < MSG_TYPE_COUNT; type++)
			for (enum role to = 0; to < ROLE_COUNT; to++)
				try_one(*state, sender, sender, type, to);
}

static void
a_forged_sender_is_dropped(void **state)
{
	for (enum role sender = ROLE_PROXY; sender <= ROLE_CONTROL; sender++)
		for (enum role claimed = 0; claimed < ROLE_COUNT; claimed++)
			for (unsigned type = 1; claimed != sender && type < MSG_TYPE_COUNT; type++)
				try_one(*state, sender, claimed, type,
					wire_first(wire_rows[type].receivers));
}

static void
a_malformed_message_is_not_relayed(void **state)
{
	struct bench *b = *state;
	unsigned char packet[4096];
	size_t n = wire_packet(packet, ROLE_CONTROL, MSG_JOB, ROLE_LXC);

	send_packet(b->far[ROLE_CONTROL], packet, n - 1, -1);
	send_packet(b->far[ROLE_CONTROL], packet, n + 1, -1);
	event_base_loop(b->parent.base, EVLOOP_NONBLOCK);
	assert_int_equal(drain(b->far[ROLE_LXC], MSG_JOB, ROLE_CONTROL), 0);
	assert_int_equal(chan_dropped(b->parent.children[ROLE_CONTROL].chan), 2);
}

static void
nothing_is_sent_to_a_process_that_does_not_run(void **state)
{
	struct bench *b = *state;
	unsigned char packet[4096];
	size_t n = wire_packet(packet, ROLE_CONTROL, MSG_JOB, ROLE_LXC);

	chan_free(&b->parent.children[ROLE_LXC].chan);
	send_packet(b->far[ROLE_CONTROL], packet, n, -1);
	event_base_loop(b->parent.base, EVLOOP_NONBLOCK);
	assert_int_equal(b->parent.children[ROLE_CONTROL].state, CHILD_UP);
}

static void
a_child_that_closes_its_channel_is_lost(void **state)
{
	struct bench *b = *state;

	b->far[ROLE_PROXY] = close_fd(b->far[ROLE_PROXY]);
	event_base_loop(b->parent.base, EVLOOP_NONBLOCK);
	event_base_loop(b->parent.base, EVLOOP_NONBLOCK);
	assert_int_equal(b->parent.children[ROLE_PROXY].state, CHILD_ENDING);
	assert_null(b->parent.children[ROLE_PROXY].chan);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(the_table_decides_what_is_relayed),
		TEST(a_forged_sender_is_dropped),
		TEST(a_malformed_message_is_not_relayed),
		TEST(nothing_is_sent_to_a_process_that_does_not_run),
		TEST(a_child_that_closes_its_channel_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
