/* daemon/listening.c and port_owner.c: sockets on loopback, on ports that the kernel chose. */
#include "tests/unit/daemon/unit.h"

#include "core/own.h"
#include "daemon/listening.h"
#include "daemon/port_owner.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#define THREADS 2

/* A port that is free now. */
static uint16_t
free_port(void)
{
	struct sockaddr_in sin = {.sin_family = AF_INET};
	socklen_t len = sizeof(sin);
	_fd_ int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (const struct sockaddr *)&sin, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sin, &len), 0);
	return ntohs(sin.sin_port);
}

static struct addr
loopback(uint8_t last)
{
	return (struct addr){.family = AF_INET, .bytes = {127, 0, 0, last}};
}

static int
open_set(struct conf_listen *listens, size_t n, const struct listening_set *have,
	struct listening_set *ret, struct err *e)
{
	struct conf c = {.listens = listens, .n_listens = n};

	return listening_open(&c, THREADS, have, ret, e);
}

static void
one_socket_a_thread(void **state)
{
	struct conf_listen l = {.addr = loopback(1), .port = free_port()};
	struct listening_set set;
	struct err e = {0};

	(void)state;
	assert_int_equal(open_set(&l, 1, NULL, &set, &e), 0);
	assert_int_equal(set.n, 1);
	assert_int_equal(set.items[0]->n_fds, THREADS);
	listening_set_clear(&set);
}

/* The proxy listens for a moment on what a reload dropped: the next reload may want it back. */
static void
what_was_just_dropped_may_come_back(void **state)
{
	struct conf_listen l[] = {{.addr = loopback(1), .port = free_port()},
		{.addr = loopback(2), .port = free_port()}};
	struct listening_set before, dropped, after;
	struct err e = {0};
	_fd_ int held_by_the_proxy = -1;

	(void)state;
	assert_int_equal(open_set(l, 2, NULL, &before, &e), 0);
	assert_int_equal(open_set(l, 1, &before, &dropped, &e), 0);
	held_by_the_proxy = dup(before.items[1]->fds[0]);
	listening_follow(&dropped, &before);
	listening_set_clear(&before);
	assert_int_equal(dropped.n_gone, 1);
	assert_int_equal(open_set(l, 2, &dropped, &after, &e), 0);
	assert_int_equal(after.items[1]->n_fds, THREADS);
	listening_set_clear(&after);
	/* Later it is an address in use like any other. */
	dropped.gone[0].until_ms = 0;
	assert_int_equal(open_set(l, 2, &dropped, &after, &e), -1);
	listening_set_clear(&dropped);
}

static void
what_stays_keeps_its_sockets(void **state)
{
	struct conf_listen l[] = {{.addr = loopback(1), .port = free_port()},
		{.addr = loopback(2), .port = free_port()}};
	struct listening_set before, after;
	struct err e = {0};
	int fd;

	(void)state;
	assert_int_equal(open_set(l, 1, NULL, &before, &e), 0);
	fd = before.items[0]->fds[0];
	assert_int_equal(open_set(l, 2, &before, &after, &e), 0);
	assert_int_equal(after.n, 2);
	assert_int_equal(after.items[0]->fds[0], fd);
	listening_set_clear(&before);
	/* Still open, because the other set has it. */
	assert_int_equal(listen(fd, 1), 0);
	listening_set_clear(&after);
	assert_int_equal(listen(fd, 1), -1);
}

static void
another_owner_is_found_and_named(void **state)
{
	struct conf_listen l = {.ordinal = 5, .addr = loopback(1), .port = free_port()};
	struct listening_set theirs, ours;
	char name[64];
	struct err e = {0};

	(void)state;
	/* A socket with SO_REUSEPORT of our own user, which a careless bind would join. */
	assert_int_equal(open_set(&l, 1, NULL, &theirs, &e), 0);
	assert_int_equal(open_set(&l, 1, NULL, &ours, &e), -1);
	(void)snprintf(name, sizeof(name), "(pid %d)", (int)getpid());
	assert_non_null(strstr(e.msg, "already in use by"));
	assert_non_null(strstr(e.msg, name));
	assert_int_equal(e.ordinal, 5);
	listening_set_clear(&theirs);
}

static void
a_bare_port_opens_both_families(void **state)
{
	struct conf_listen l = {.port = free_port()};
	struct listening_set set;
	struct err e = {0};
	int only = 0;
	socklen_t len = sizeof(only);

	(void)state;
	assert_int_equal(open_set(&l, 1, NULL, &set, &e), 0);
	assert_int_equal(set.items[0]->addr.family, AF_INET);
	if (set.n == 2) {
		assert_int_equal(set.items[1]->addr.family, AF_INET6);
		assert_int_equal(
			getsockopt(set.items[1]->fds[0], IPPROTO_IPV6, IPV6_V6ONLY, &only, &len),
			0);
		assert_int_equal(only, 1);
	}
	listening_set_clear(&set);
}

static void
from_one_address_to_all_of_them(void **state)
{
	uint16_t port = free_port();
	struct conf_listen one = {.addr = loopback(1), .port = port}, all = {.port = port};
	struct listening_set before, after;
	struct err e = {0};

	(void)state;
	assert_int_equal(open_set(&one, 1, NULL, &before, &e), 0);
	assert_int_equal(open_set(&all, 1, &before, &after, &e), 0);
	listening_set_clear(&before);
	listening_set_clear(&after);
}

static void
a_failure_leaves_nothing_open(void **state)
{
	struct conf_listen l[] = {{.addr = loopback(1), .port = free_port()},
		{.addr = {.family = AF_INET, .bytes = {192, 0, 2, 1}}, .port = free_port()}};
	struct listening_set set, again;
	struct err e = {0};

	(void)state;
	assert_int_equal(open_set(l, 2, NULL, &set, &e), -1);
	assert_int_equal(set.n, 0);
	assert_int_equal(open_set(l, 1, NULL, &again, &e), 0);
	listening_set_clear(&again);
}

static void
nobody_owns_a_free_port(void **state)
{
	char owner[PORT_OWNER_MAX];
	struct addr a = loopback(1);

	(void)state;
	port_owner(&a, free_port(), owner);
	assert_string_equal(owner, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_socket_a_thread),
		cmocka_unit_test(what_stays_keeps_its_sockets),
		cmocka_unit_test(what_was_just_dropped_may_come_back),
		cmocka_unit_test(another_owner_is_found_and_named),
		cmocka_unit_test(a_bare_port_opens_both_families),
		cmocka_unit_test(from_one_address_to_all_of_them),
		cmocka_unit_test(a_failure_leaves_nothing_open),
		cmocka_unit_test(nobody_owns_a_free_port),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
