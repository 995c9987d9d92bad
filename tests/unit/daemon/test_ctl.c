/* The pure parts of the command `sluice`: its line, its tables, its HTTP. */
#include "tests/unit/daemon/unit.h"

#include "core/own.h"
#include "daemon/ctl/ctl_attention.h"
#include "daemon/ctl/ctl_client.h"
#include "daemon/ctl/ctl_commands.h"
#include "daemon/ctl/ctl_help.h"
#include "daemon/ctl/ctl_show.h"
#include "daemon/ctl/ctl_table.h"
#include "daemon/unix_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>

#define WORDS_MAX 16

struct words {
	char text[512];
	char *argv[WORDS_MAX];
	int argc;
};

/* Splits at blanks. */
static void
split(struct words *w, const char *line)
{
	char *save = NULL;

	*w = (struct words){.argc = 0};
	(void)snprintf(w->text, sizeof(w->text), "%s", line);
	for (char *p = strtok_r(w->text, " ", &save); p; p = strtok_r(NULL, " ", &save))
		w->argv[w->argc++] = p;
}

static int
parse(struct words *w, const char *line, struct ctl_line *ret, struct err *e)
{
	split(w, line);
	return ctl_parse(w->argc, w->argv, ret, e);
}

static void
expect(const char *line, enum ctl_command command, bool json, size_t n_args)
{
	struct ctl_line l;
	struct words w;
	struct err e = {0};

	if (parse(&w, line, &l, &e) < 0)
		fail_msg("%s: %s", line, e.msg);
	assert_int_equal(l.command, command);
	assert_int_equal(l.json, json);
	assert_int_equal(l.n_args, n_args);
	free(l.args);
}

static void
expect_error(const char *line, const char *part)
{
	struct ctl_line l;
	struct words w;
	struct err e = {0};

	assert_int_equal(parse(&w, line, &l, &e), -1);
	if (!strstr(e.msg, part))
		fail_msg("%s: \"%s\" is not in \"%s\"", line, part, e.msg);
}

static void
command_lines(void **state)
{
	(void)state;
	expect("status", CTL_STATUS, false, 0);
	expect("--json status", CTL_STATUS, true, 0);
	expect("status --json", CTL_STATUS, true, 0);
	expect("container --json ls", CTL_CONTAINER_LS, true, 0);
	expect("container start a b", CTL_CONTAINER_START, false, 2);
	expect("container start a --json b", CTL_CONTAINER_START, true, 2);
	expect("container exec web -- ls --json", CTL_CONTAINER_EXEC, false, 3);
	expect("container exec --json web -- ls", CTL_CONTAINER_EXEC, true, 2);
	expect("check", CTL_CHECK, false, 0);
	expect("check FILE", CTL_CHECK, false, 1);
	expect("config show", CTL_CONFIG_SHOW, false, 0);
	expect("--help", CTL_HELP, false, 0);
	expect("--version", CTL_VERSION, false, 0);
	expect("complete container st", CTL_COMPLETE, false, 2);
}

static void
the_socket_stands_anywhere(void **state)
{
	static const char *const lines[] = {
		"-s /tmp/x.sock status", "status -s /tmp/x.sock", "container -s /tmp/x.sock ls"};
	struct ctl_line l;
	struct words w;
	struct err e = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		assert_int_equal(parse(&w, lines[i], &l, &e), 0);
		assert_string_equal(l.socket, "/tmp/x.sock");
		assert_int_equal(l.n_args, 0);
		free(l.args);
	}
	expect("container exec web -- ls -s x", CTL_CONTAINER_EXEC, false, 4);
	expect_error("-s", "-s needs a socket");
	expect_error("status -s", "-s needs a socket");
}

static void
wrong_lines_say_what_would_be_right(void **state)
{
	(void)state;
	expect_error("", "`sluice help`");
	expect_error("frobnicate", "unknown command \"frobnicate\"; see `sluice help`");
	expect_error("container", "`sluice container` needs a further word: ls, start, stop, "
				  "restart, freeze, thaw, exec or console");
	expect_error("container frobnicate", "unknown command \"container frobnicate\"; behind "
					     "container may stand ls, start");
	expect_error("statsu", "did you mean \"status\"?");
	expect_error("container stat web", "did you mean \"container start\"?");
	expect_error("contianer ls", "did you mean \"container ls\"?");
	expect_error("container list", "here it is: sluice container ls");
	expect_error("container attach web", "sluice container exec NAME -- sh");
	expect_error("ps", "here it is: sluice container ls");
	expect_error("configtest", "here it is: sluice check");
	expect_error("--wrong status", "unknown option --wrong");
	expect_error("-V", "unknown option -V");
	expect_error("container start", "usage: sluice container start NAME");
	expect_error("container exec web ls", "usage: sluice container exec NAME -- COMMAND");
	expect_error("container exec web --", "usage: sluice container exec");
	expect_error("container exec -- ls", "usage: sluice container exec");
	expect_error("container console a b", "usage: sluice container console NAME");
	expect_error("confirm now", "usage: sluice confirm");
	expect_error("reload now please", "usage: sluice reload [--confirm]");
	expect_error("check a b", "usage: sluice check [FILE]");
}

static void
an_unknown_option_is_no_name(void **state)
{
	(void)state;
	expect_error("container stop --all", "unknown option --all; usage: sluice container stop");
	expect_error("check --strict", "unknown option --strict; usage: sluice check [FILE]");
	expect_error("reload --confrim", "unknown option --confrim");
	expect_error("ban add -4", "unknown option -4");
	expect_error("cache purge --pre x", "unknown option --pre");
	expect("reload --confirm", CTL_RELOAD, false, 1);
	expect("quit --drain 30s", CTL_QUIT, false, 2);
	expect("nft show --diff", CTL_NFT_SHOW, false, 1);
	expect("cache purge --tag x", CTL_CACHE_PURGE, false, 2);
	expect("container exec web -- ls --all", CTL_CONTAINER_EXEC, false, 3);
}

static void
expect_help(const char *line, const char *begin, const char *part)
{
	struct ctl_line l;
	struct words w;
	struct err e = {0};
	struct buf out;

	if (parse(&w, line, &l, &e) < 0)
		fail_msg("%s: %s", line, e.msg);
	assert_int_equal(l.command, CTL_HELP);
	buf_init(&out, 64 * 1024);
	assert_int_equal(ctl_print_help(&l, &out), 0);
	assert_int_equal(buf_append_byte(&out, '\0'), 0);
	if (strncmp(out.data, begin, strlen(begin)) != 0 || !strstr(out.data, part))
		fail_msg("%s: %s", line, out.data);
	buf_clear(&out);
	free(l.args);
}

static void
help_is_asked_for_behind_every_command(void **state)
{
	char line[128], begin[128];

	(void)state;
	for (int i = 0; i < CTL_COUNT; i++) {
		const struct ctl_row *row = ctl_row((enum ctl_command)i);

		if (i == CTL_COMPLETE || i == CTL_HELP)
			continue;
		(void)snprintf(line, sizeof(line), "%s --help", row->words);
		(void)snprintf(begin, sizeof(begin), "usage: sluice %s", row->words);
		expect_help(line, begin, row->what);
		(void)snprintf(line, sizeof(line), "help %s", row->words);
		expect_help(line, begin, row->what);
	}
	expect_help("shutdown -h", "usage: sluice shutdown", "stop all containers");
	expect_help("container start web -h", "usage: sluice container start", "start containers");
	expect_help("container -h", "usage: sluice container COMMAND", "container thaw");
	expect_help("help cache", "usage: sluice cache COMMAND", "cache purge");
	expect_help("-h", "usage: sluice [-s SOCKET]", "exit status");
	expect_help("help nonsense", "usage: sluice [-s SOCKET]", "exit status");
	/* What is behind -- is the container's. */
	expect("container exec web -- sh -h", CTL_CONTAINER_EXEC, false, 3);
}

static void
usage_names_every_command(void **state)
{
	static const char *const words[] = {
#define WORD(id, words, arguments, what) words,
		CTL_TABLE(WORD)
#undef WORD
	};
	struct buf out;

	(void)state;
	buf_init(&out, 64 * 1024);
	assert_int_equal(ctl_print_usage(&out), 0);
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (i != CTL_COMPLETE)
			assert_non_null(memmem(
				buf_slice(&out).p, buf_len(&out), words[i], strlen(words[i])));
	buf_clear(&out);
}

static void
expect_candidates(const char *line, const char *candidates, bool names)
{
	struct words w;
	struct buf out;
	bool got;

	split(&w, line);
	buf_init(&out, 4096);
	assert_int_equal(ctl_complete(w.argc, w.argv, &out, &got), 0);
	if (!slice_eq_str(buf_slice(&out), candidates))
		fail_msg("%s: %.*s", line, SLICE_ARG(buf_slice(&out)));
	assert_int_equal(got, names);
	buf_clear(&out);
}

static void
completion(void **state)
{
	(void)state;
	expect_candidates("config", "show\n", false);
	expect_candidates(
		"container", "ls\nstart\nstop\nrestart\nfreeze\nthaw\nexec\nconsole\n", false);
	expect_candidates("-s /x config", "show\n", false);
	expect_candidates("container start", "", true);
	expect_candidates("container start a", "", true);
	expect_candidates("container console", "", true);
	expect_candidates("container console a", "", false);
	expect_candidates("container exec", "", true);
	expect_candidates("container exec a", "--\n", false);
	expect_candidates("status", "", false);
	expect_candidates("nonsense", "", false);
	expect_candidates("reload", "--confirm\n", false);
	expect_candidates("nft show", "--planned\n--kernel\n--diff\n", false);
	expect_candidates("import", "iptables\nnft\nlxc-net\n", false);
	expect_candidates("help config", "show\n", false);
	expect_candidates("ban", "ls\nadd\nrm\nclear\n", false);
	expect_candidates("ban 192.0.2.1", "for\n", false);
}

/* What `sluice status` says first of these certificates and containers. */
static void
expect_attention(const char *certificates, const char *containers, const char *lines)
{
	json_t *status = json_pack("{s:o, s:[{s:s, s:s}]}", "certificates",
		json_loads(certificates, 0, NULL), "processes", "name", "proxy", "note", "");
	json_t *all = json_loads(containers, 0, NULL);
	struct buf out;

	assert_non_null(status);
	assert_non_null(all);
	buf_init(&out, 4096);
	assert_int_equal(ctl_show_attention(status, all, &out), 0);
	if (!slice_eq_str(buf_slice(&out), lines))
		fail_msg("%.*s", SLICE_ARG(buf_slice(&out)));
	buf_clear(&out);
	json_decref(all);
	json_decref(status);
}

static void
what_needs_attention_comes_first(void **state)
{
	(void)state;
	expect_attention("[{\"name\":\"default\",\"expires\":1795000000000,\"notes\":[]}]",
		"[{\"name\":\"a\",\"state\":\"running\",\"managed\":true,\"notes\":[]},"
		"{\"name\":\"b\",\"state\":\"stopped\",\"managed\":false,\"notes\":[]}]",
		"");
	expect_attention(
		"[{\"name\":\"default\",\"expires\":1795000000000,\"notes\":[\"expires soon\","
		"\"does not name a.example\"]}]",
		"[{\"name\":\"a\",\"state\":\"stopped\",\"managed\":true,\"notes\":[]},"
		"{\"name\":\"b\",\"state\":\"running\",\"managed\":true,\"notes\":[\"needs "
		"restart\",\"x\\u001b\"]}]",
		"NEEDS ATTENTION\n"
		"certificate default expires soon (2026-11-18)\n"
		"certificate default does not name a.example\n"
		"container a is stopped\n"
		"container b is running: needs restart; x?\n\n");
	expect_attention("[]", "[]", "");
}

static void
bytes_as_people_read_them(void **state)
{
	static const struct {
		json_int_t bytes;
		const char *text;
	} cases[] = {{0, "0"}, {1023, "1023"}, {1024, "1.0K"}, {1536, "1.5K"}, {67108864, "64M"},
		{3159490560, "2.9G"}, {INT64_C(5) << 50, "5120T"}};
	char text[CTL_BYTES_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_string_equal(ctl_bytes_print(cases[i].bytes, text), cases[i].text);
}

static void
a_table_is_aligned(void **state)
{
	static const struct ctl_column columns[] = {
		{"NAME", "name"}, {"N", "n"}, {"OK", "ok"}, {"LIST", "list"}};
	json_t *array = json_loads("[{\"name\":\"jenkins\",\"n\":1,\"ok\":true,\"list\":[\"a\","
				   "\"b\"]},{\"name\":\"\\u00e9\",\"n\":10000,\"ok\":false,"
				   "\"list\":[]},{\"name\":\"a\\u001bb\"}]",
		0, NULL);
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	assert_int_equal(ctl_table_print(columns, ARRAY_SIZE(columns), array, &out), 0);
	assert_true(slice_eq_str(buf_slice(&out), "NAME     N      OK   LIST\n"
						  "jenkins  1      yes  a,b\n"
						  "\xc3\xa9        10000  no   -\n"
						  "a?b      -      -    -\n"));
	buf_clear(&out);
	json_decref(array);
}

static void
an_event_is_a_line(void **state)
{
	json_t *event = json_loads(
		"{\"time\":0,\"event\":\"container\",\"name\":\"web\",\"state\":\"running\"}", 0,
		NULL);
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	assert_int_equal(ctl_show_event(event, &out), 0);
	assert_true(slice_eq_str(buf_slice(&out), "- container name=web state=running\n"));
	buf_clear(&out);
	json_decref(event);
}

static void
error_lines_are_taken_apart(void **state)
{
	struct err e;

	(void)state;
	ctl_parse_error_line(SLICE_LIT("/etc/a:b.conf:12:7: unknown backend: \"x\""), &e);
	assert_string_equal(e.file, "/etc/a:b.conf");
	assert_int_equal(e.line, 12);
	assert_int_equal(e.col, 7);
	assert_string_equal(e.msg, "unknown backend: \"x\"");
	ctl_parse_error_line(SLICE_LIT("the proxy process: no answer"), &e);
	assert_string_equal(e.file, "");
	assert_string_equal(e.msg, "the proxy process: no answer");
	ctl_parse_error_line(SLICE_LIT("a:0:1: x"), &e);
	assert_string_equal(e.msg, "a:0:1: x");
}

static void
heads_of_answers(void **state)
{
	size_t length;
	bool chunked;
	int status;

	(void)state;
	assert_int_equal(ctl_parse_head(SLICE_LIT("HTTP/1.1 200 OK\r\nContent-Length: 12\r\n"),
				 &status, &chunked, &length),
		0);
	assert_int_equal(status, 200);
	assert_int_equal(length, 12);
	assert_false(chunked);
	assert_int_equal(ctl_parse_head(SLICE_LIT("HTTP/1.1 422 X\r\n"
						  "Transfer-Encoding: chunked\r\n"),
				 &status, &chunked, &length),
		0);
	assert_true(chunked);
	assert_int_equal(ctl_parse_head(SLICE_LIT("SSH-2.0\r\n"), &status, &chunked, &length), -1);
	assert_int_equal(
		ctl_parse_head(SLICE_LIT("HTTP/1.1 9x\r\n"), &status, &chunked, &length), -1);
}

/* A server that says one thing, in pieces of a few bytes, and closes. */
struct server {
	int fd;
	const char *answer;
};

static void *
serve(void *ctx)
{
	const struct server *s = ctx;
	_fd_ int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC);
	char request[4096];
	size_t n = strlen(s->answer);

	if (fd < 0 || recv(fd, request, sizeof(request), 0) <= 0)
		return NULL;
	for (size_t i = 0; i < n; i += 3)
		if (send(fd, s->answer + i, n - i < 3 ? n - i : 3, MSG_NOSIGNAL) < 0)
			break;
	return NULL;
}

static enum ctl_exit
ask(const struct unit_folder *folder, const char *answer, struct ctl_reply *ret, struct err *e)
{
	struct server s = {.answer = answer};
	char path[UNIT_PATH_MAX];
	enum ctl_exit status;
	pthread_t thread;

	unit_path(folder, "s.sock", path);
	s.fd = unix_socket_listen(path, SOCK_STREAM, (gid_t)-1, e);
	assert_true(s.fd >= 0);
	/* The listener does not block, and the test shall wait. */
	(void)fcntl(s.fd, F_SETFL, 0);
	assert_int_equal(pthread_create(&thread, NULL, serve, &s), 0);
	status = ctl_request(path, "GET", "/v1/status", ret, e);
	pthread_join(thread, NULL);
	close_fd(s.fd);
	return status;
}

static void
expect_body(const struct unit_folder *folder, const char *answer, const char *body)
{
	struct ctl_reply reply;
	struct err e = {0};

	assert_int_equal(ask(folder, answer, &reply, &e), CTL_OK);
	assert_int_equal(reply.status, 200);
	assert_true(slice_eq_str(buf_slice(&reply.body), body));
	buf_clear(&reply.body);
}

static void
answers_in_every_framing(void **state)
{
	expect_body(*state, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello");
	expect_body(*state, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "");
	expect_body(*state, "HTTP/1.1 200 OK\r\n\r\nto the end", "to the end");
	expect_body(*state,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		"4\r\nhell\r\nA\r\no, my worl\r\n1\r\nd\r\n0\r\n\r\n",
		"hello, my world");
}

static void
an_answer_that_is_cut_is_an_error(void **state)
{
	static const char *const answers[] = {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhell\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
		"HTTP/1.1 200 OK\r\n", ""};

	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		struct ctl_reply reply;
		struct err e = {0};

		assert_int_not_equal(ask(*state, answers[i], &reply, &e), CTL_OK);
		assert_true(e.msg[0]);
	}
}

static void
a_daemon_that_does_not_run(void **state)
{
	char path[UNIT_PATH_MAX];
	struct ctl_reply reply;
	struct err e = {0};

	unit_path(*state, "none.sock", path);
	assert_int_equal(ctl_request(path, "GET", "/", &reply, &e), CTL_UNREACHABLE);
	assert_non_null(strstr(e.msg, "sluiced does not run"));
	assert_int_equal(ctl_explain(path, EACCES, &e), CTL_FORBIDDEN);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, unit_folder_new, unit_folder_clear)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(command_lines),
		cmocka_unit_test(the_socket_stands_anywhere),
		cmocka_unit_test(wrong_lines_say_what_would_be_right),
		cmocka_unit_test(an_unknown_option_is_no_name),
		cmocka_unit_test(help_is_asked_for_behind_every_command),
		cmocka_unit_test(usage_names_every_command),
		cmocka_unit_test(completion),
		cmocka_unit_test(what_needs_attention_comes_first),
		cmocka_unit_test(bytes_as_people_read_them),
		cmocka_unit_test(a_table_is_aligned),
		cmocka_unit_test(an_event_is_a_line),
		cmocka_unit_test(error_lines_are_taken_apart),
		cmocka_unit_test(heads_of_answers),
		TEST(answers_in_every_framing),
		TEST(an_answer_that_is_cut_is_an_error),
		TEST(a_daemon_that_does_not_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
