/* Packets of the exec socket: there and back, every truncation refused, descriptors never lost. */
#include "core/exec_wire.h"

#include "core/own.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static char container[] = "web", term[] = "xterm", word1[] = "echo", word2[] = "two words";
static char *argv[] = {word1, word2, NULL};
static const struct exec_request request = {.kind = EXEC_KIND_EXEC,
	.tty = true,
	.rows = 33,
	.columns = 300,
	.container = container,
	.term = term,
	.argv = argv,
	.argc = 2};

static void
expect_request(const struct exec_request *r)
{
	assert_int_equal(r->kind, EXEC_KIND_EXEC);
	assert_true(r->tty);
	assert_int_equal(r->rows, 33);
	assert_int_equal(r->columns, 300);
	assert_string_equal(r->container, "web");
	assert_string_equal(r->term, "xterm");
	assert_int_equal(r->argc, 2);
	assert_string_equal(r->argv[1], "two words");
	assert_null(r->argv[2]);
}

static void
a_request_comes_back_and_no_part_of_it_does(void **state)
{
	struct exec_request r;
	struct slice all;
	struct buf packet;
	struct err e;

	(void)state;
	buf_init(&packet, EXEC_PACKET_MAX);
	assert_int_equal(exec_request_print(&request, &packet, &e), 0);
	all = buf_slice(&packet);
	assert_int_equal(exec_request_parse(all, &r, &e), 0);
	expect_request(&r);
	exec_request_clear(&r);
	for (size_t n = 0; n < all.n; n++)
		assert_int_equal(exec_request_parse(slice_head(all, n), &r, &e), -1);
	assert_int_equal(buf_append_byte(&packet, 0), 0);
	assert_int_equal(exec_request_parse(buf_slice(&packet), &r, &e), -1);
	buf_clear(&packet);
}

static void
a_command_is_needed_but_for_a_console(void **state)
{
	struct exec_request r = {.kind = EXEC_KIND_EXEC, .container = container, .term = term};
	struct exec_request back;
	struct buf packet;
	struct err e;

	(void)state;
	buf_init(&packet, EXEC_PACKET_MAX);
	assert_int_equal(exec_request_print(&r, &packet, &e), 0);
	assert_int_equal(exec_request_parse(buf_slice(&packet), &back, &e), -1);
	buf_reset(&packet);
	r.kind = EXEC_KIND_CONSOLE;
	assert_int_equal(exec_request_print(&r, &packet, &e), 0);
	assert_int_equal(exec_request_parse(buf_slice(&packet), &back, &e), 0);
	assert_int_equal(back.kind, EXEC_KIND_CONSOLE);
	exec_request_clear(&back);
	buf_clear(&packet);
}

static int
pair(int fds[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds);
}

static void
a_request_is_looked_at_and_then_taken_with_its_descriptors(void **state)
{
	const int own[3] = {0, 1, 2};
	struct exec_request r;
	int ends[2], got[3];
	struct err e;

	(void)state;
	assert_int_equal(pair(ends), 0);
	assert_int_equal(exec_peek_request(ends[1], &r, &e), 0);
	assert_int_equal(exec_send_request(ends[0], &request, own, &e), 0);
	assert_int_equal(exec_peek_request(ends[1], &r, &e), 1);
	expect_request(&r);
	exec_request_clear(&r);
	assert_int_equal(exec_recv_request(ends[1], 1000, &r, got, &e), 0);
	expect_request(&r);
	exec_request_clear(&r);
	for (size_t i = 0; i < 3; i++) {
		assert_true(got[i] > 2);
		close(got[i]);
	}
	close(ends[0]);
	assert_int_equal(exec_peek_request(ends[1], &r, &e), -1);
	close(ends[1]);
}

static void
a_request_without_descriptors_is_refused(void **state)
{
	struct exec_request r;
	struct buf packet;
	int ends[2], got[3];
	struct err e;

	(void)state;
	buf_init(&packet, EXEC_PACKET_MAX);
	assert_int_equal(pair(ends), 0);
	assert_int_equal(exec_request_print(&request, &packet, &e), 0);
	assert_int_equal(
		send(ends[0], buf_slice(&packet).p, buf_len(&packet), 0), buf_len(&packet));
	assert_int_equal(exec_recv_request(ends[1], 1000, &r, got, &e), -1);
	assert_int_equal(exec_recv_request(ends[1], 1, &r, got, &e), -1);
	close(ends[0]);
	close(ends[1]);
	buf_clear(&packet);
}

static void
sizes_and_statuses_come_back(void **state)
{
	char bytes[EXEC_PACKET_MAX];
	uint16_t rows, columns;
	struct slice why;
	uint8_t status;
	int ends[2];
	ssize_t n;

	(void)state;
	assert_int_equal(pair(ends), 0);
	assert_int_equal(exec_send_size(ends[0], 40, 1200), 0);
	n = recv(ends[1], bytes, sizeof(bytes), 0);
	assert_int_equal(exec_size_parse(slice_of(bytes, (size_t)n), &rows, &columns), 0);
	assert_int_equal(rows, 40);
	assert_int_equal(columns, 1200);
	assert_int_equal(exec_status_parse(slice_of(bytes, (size_t)n), &status, &why), -1);
	assert_int_equal(exec_send_status(ends[0], 137, "because"), 0);
	n = recv(ends[1], bytes, sizeof(bytes), 0);
	assert_int_equal(exec_status_parse(slice_of(bytes, (size_t)n), &status, &why), 0);
	assert_int_equal(status, 137);
	assert_true(slice_eq_str(why, "because"));
	assert_int_equal(exec_size_parse(slice_of(bytes, (size_t)n), &rows, &columns), -1);
	close(ends[1]);
	assert_int_equal(exec_send_status(ends[0], 0, ""), -1);
	close(ends[0]);
}

/* The client has sent two packets; the other side answers after one of them and closes. */
static void
a_refusal_arrives_though_not_all_was_read(void **state)
{
	char bytes[EXEC_PACKET_MAX];
	struct slice why;
	uint8_t status;
	int ends[2];
	ssize_t n;

	(void)state;
	assert_int_equal(pair(ends), 0);
	assert_int_equal(exec_send_size(ends[1], 24, 80), 0);
	assert_int_equal(exec_send_size(ends[1], 40, 80), 0);
	exec_refuse(ends[0], "only root");
	close(ends[0]);
	n = exec_recv_packet(ends[1], bytes, sizeof(bytes));
	assert_true(n > 0);
	assert_int_equal(exec_status_parse(slice_of(bytes, (size_t)n), &status, &why), 0);
	assert_int_equal(status, EXEC_STATUS_FAILED);
	assert_true(slice_eq_str(why, "only root"));
	assert_int_equal(exec_recv_packet(ends[1], bytes, sizeof(bytes)), 0);
	close(ends[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_comes_back_and_no_part_of_it_does),
		cmocka_unit_test(a_command_is_needed_but_for_a_console),
		cmocka_unit_test(a_request_is_looked_at_and_then_taken_with_its_descriptors),
		cmocka_unit_test(a_request_without_descriptors_is_refused),
		cmocka_unit_test(sizes_and_statuses_come_back),
		cmocka_unit_test(a_refusal_arrives_though_not_all_was_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
