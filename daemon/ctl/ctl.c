/*
 * sluice: the command that speaks to the daemon. Each command is one request of the control API
 * (or, for exec and console, one packet of the exec socket); what it prints is the answer, as a
 * table for people or as it came with --json.
 */
#include "conf/conf.h"
#include "conf/suggest.h"
#include "core/addr.h"
#include "core/file.h"
#include "core/num.h"
#include "core/own.h"
#include "daemon/check_files.h"
#include "daemon/commands.h"
#include "daemon/ctl/ctl_ask.h"
#include "daemon/ctl/ctl_cache.h"
#include "daemon/ctl/ctl_client.h"
#include "daemon/ctl/ctl_commands.h"
#include "daemon/ctl/ctl_doctor.h"
#include "daemon/ctl/ctl_exec.h"
#include "daemon/ctl/ctl_help.h"
#include "daemon/ctl/ctl_import.h"
#include "daemon/ctl/ctl_router.h"
#include "daemon/ctl/ctl_show.h"
#include "daemon/ctl/ctl_top.h"
#include "daemon/ctl/ctl_upgrade.h"
#include "daemon/unix_socket.h"

#include <errno.h>
#include <jansson.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PATH_TEXT_MAX 512
#define CTL_DRAIN_MAX_MS (UINT64_C(24) * 3600 * 1000)
#define ENDED_POLL_NS (20 * 1000 * 1000) /* how often to look whether the daemon has ended */

static int
show_config(const json_t *answer, struct buf *out)
{
	const char *text = json_string_value(json_object_get(answer, "text"));

	return buf_append_str(out, text ? text : "");
}

/* The text of a file named in an error, for its line and caret. */
struct texts {
	struct buf text;
};

static struct slice
text_of(void *ctx, const char *file)
{
	struct texts *t = ctx;

	buf_reset(&t->text);
	if (file_read(file, &t->text, NULL) < 0)
		buf_reset(&t->text);
	return buf_slice(&t->text);
}

/* Errors, or warnings, as the daemon sent them, each with its line where the file can be read. */
static void
print_error_lines(const json_t *lines)
{
	_free_ struct conf_errors *errs = calloc(1, sizeof(*errs));
	struct texts texts;
	struct buf out;

	if (!errs)
		return;
	for (size_t i = 0; i < json_array_size(lines) && i < CONF_ERRORS_MAX; i++) {
		const char *line = json_string_value(json_array_get(lines, i));

		ctl_parse_error_line(slice_str(line), &errs->errors[errs->n++]);
	}
	buf_init(&texts.text, CONF_TEXT_MAX);
	buf_init(&out, CTL_OUTPUT_MAX);
	if (conf_errors_print(errs, text_of, &texts, &out) == 0)
		(void)fprintf(stderr, "%.*s", SLICE_ARG(buf_slice(&out)));
	buf_clear(&out);
	buf_clear(&texts.text);
}

/* What there is to do about the policy, when there is. */
static int
write_policy(const json_t *answer)
{
	struct buf out;
	int rc;

	buf_init(&out, CTL_OUTPUT_MAX);
	rc = ctl_show_policy(answer, &out) < 0 ? CTL_FAILED : ctl_print(buf_slice(&out));
	buf_clear(&out);
	return rc;
}

/* POST of something that answers {"ok", "generation", "errors", "warnings"}. */
static int
run_outcome(const struct ctl_line *line, const char *path, const char *done)
{
	struct err e = {0};
	json_t *answer = NULL;
	enum ctl_exit status = ctl_ask(line, "POST", path, &answer, &e);
	const json_t *ok = json_object_get(answer, "ok");
	int rc = (int)status;

	if (!ok) {
		rc = ctl_complain(status == CTL_OK ? CTL_FAILED : status, &e);
	} else if (!json_is_true(ok)) {
		rc = CTL_FAILED;
		if (!line->json)
			print_error_lines(json_object_get(answer, "errors"));
	} else if (!line->json) {
		printf("%s (generation %lld runs)\n", done,
			(long long)json_integer_value(json_object_get(answer, "generation")));
		(void)fflush(stdout); /* before what follows */
		print_error_lines(json_object_get(answer, "warnings"));
		rc = write_policy(answer);
	}
	json_decref(answer);
	return rc;
}

/* Who asks over the network says from where, so that he is not shut out: "ADDRESS PORT ..." of
 * sshd(8). Without it, and where it is something else, nothing is said. */
static const char *
reload_path(char out[static PATH_TEXT_MAX])
{
	const char *text = getenv("SSH_CONNECTION"); /* NOLINT(concurrency-mt-unsafe): one thread */
	struct slice address = slice_str(text ? text : "");
	char from[ADDR_TEXT_MAX];
	struct addr a;

	address = slice_head(address, slice_index(address, ' '));
	if (address.n == 0 || addr_parse(address, &a) < 0)
		return "/v1/reload";
	(void)snprintf(out, PATH_TEXT_MAX, "/v1/reload?from=%s", addr_print(&a, from));
	return out;
}

/* A reload whose author knows that he shuts nobody out whom he should not. */
static int
run_reload(const struct ctl_line *line)
{
	struct ctl_line quiet = *line;
	struct err e = {0};
	json_t *answer = NULL;
	char path[PATH_TEXT_MAX];
	const char *state;
	int rc;

	if (line->n_args == 0)
		return run_outcome(line, reload_path(path), "reloaded");
	if (strcmp(line->args[0], "--confirm") != 0) {
		(void)fprintf(stderr, "sluice: usage: sluice reload [--confirm]\n");
		return CTL_USAGE;
	}
	rc = run_outcome(line, reload_path(path), "reloaded");
	quiet.json = false;
	if (rc != CTL_OK || ctl_ask(&quiet, "GET", "/v1/status", &answer, &e) != CTL_OK) {
		json_decref(answer);
		return rc != CTL_OK ? rc : ctl_complain(CTL_FAILED, &e);
	}
	state = json_string_value(json_object_get(json_object_get(answer, "policy"), "state"));
	if (state && strcmp(state, "trial") == 0)
		rc = run_outcome(line, "/v1/confirm", "confirmed");
	json_decref(answer);
	return rc;
}

static int
check_file(const struct ctl_line *line, const char *file)
{
	return line->json ? command_check_json(file) : command_check(file);
}

/* Before its first start the daemon can't be asked: then its ordinary file is meant. */
static bool
nobody_to_ask(const struct ctl_line *line)
{
	int fd = line->socket_given ? -1 : unix_socket_connect(line->socket, SOCK_STREAM);
	bool nobody = !line->socket_given && fd < 0 && (errno == ENOENT || errno == ECONNREFUSED);

	close_fd(fd);
	return nobody;
}

static int
run_check(const struct ctl_line *line)
{
	if (line->n_args > 0)
		return check_file(line, line->args[0]);
	if (!nobody_to_ask(line))
		return run_outcome(line, "/v1/check", "the file is right");
	(void)fprintf(stderr, "sluice: sluiced does not run; checking %s\n", CONF_DEFAULT_FILE);
	return check_file(line, CONF_DEFAULT_FILE);
}

static int
run_status(const struct ctl_line *line)
{
	struct err e = {0};
	json_t *status = NULL, *containers = NULL;
	enum ctl_exit asked = ctl_ask(line, "GET", "/v1/status", &status, &e);
	struct buf out;
	int rc = (int)asked;

	buf_init(&out, CTL_OUTPUT_MAX);
	if (asked != CTL_OK) {
		rc = ctl_complain(asked, &e);
	} else if (!line->json) {
		(void)ctl_ask(line, "GET", "/v1/containers", &containers, &e);
		rc = ctl_show_status(status, containers, &out) < 0 ? CTL_FAILED
								   : ctl_print(buf_slice(&out));
	}
	buf_clear(&out);
	json_decref(containers);
	json_decref(status);
	return rc;
}

/* Adds the name that was probably meant, when this one is no container's. */
static void
suggest_container(const struct ctl_line *line, const char *name, struct err *e)
{
	struct ctl_line quiet = *line;
	const char *near = NULL;
	unsigned best = SUGGEST_NONE;
	struct err unasked = {0};
	json_t *all = NULL;

	quiet.json = false;
	if (ctl_ask(&quiet, "GET", "/v1/containers", &all, &unasked) != CTL_OK) {
		json_decref(all);
		return;
	}
	for (size_t i = 0; i < json_array_size(all); i++) {
		const char *other =
			json_string_value(json_object_get(json_array_get(all, i), "name"));

		if (other && strcmp(other, name) == 0)
			best = 0;
		else if (other && suggest_better(slice_str(name), slice_str(other), &best))
			near = other;
	}
	unasked = *e;
	if (near && best > 0)
		err_set(e, "%s; did you mean \"%s\"?", unasked.msg, near);
	json_decref(all);
}

static int
run_job(const struct ctl_line *line, const char *container)
{
	char path[PATH_TEXT_MAX];
	struct err e = {0};
	json_t *answer = NULL;
	enum ctl_exit status;

	if (strpbrk(container, "/?#% \r\n") ||
		snprintf(path, sizeof(path), "/v1/containers/%s/%s", container,
			ctl_verb(line->command)) >= (int)sizeof(path)) {
		(void)fprintf(stderr, "sluice: \"%s\" is no name of a container\n", container);
		return CTL_USAGE;
	}
	status = ctl_ask(line, "POST", path, &answer, &e);
	json_decref(answer);
	if (status == CTL_OK)
		return CTL_OK;
	suggest_container(line, container, &e);
	err_prefix(&e, "%s", container);
	return ctl_complain(status, &e);
}

static int
run_jobs(const struct ctl_line *line)
{
	int worst = CTL_OK;

	for (size_t i = 0; i < line->n_args; i++) {
		int status = run_job(line, line->args[i]);

		worst = status > worst ? status : worst;
	}
	return worst;
}

static int
print_event(const struct ctl_line *line, struct slice text)
{
	json_t *event = ctl_parse_json(text);
	struct buf out;
	int rc;

	buf_init(&out, CTL_OUTPUT_MAX);
	if (line->json || !event)
		rc = buf_printf(&out, "%.*s\n", SLICE_ARG(text));
	else
		rc = ctl_show_event(event, &out);
	rc = rc < 0 ? CTL_FAILED : ctl_print(buf_slice(&out));
	buf_clear(&out);
	json_decref(event);
	return rc;
}

/* Prints the stream to its end. */
static int
print_events(const struct ctl_line *line, struct ctl_stream *stream)
{
	struct err e = {0};
	struct slice text;
	int rc;

	while ((rc = ctl_stream_read(stream, &text, &e)) > 0)
		if (print_event(line, text) != CTL_OK)
			return CTL_FAILED;
	return rc < 0 ? ctl_complain(CTL_FAILED, &e) : CTL_OK;
}

static int
run_events(const struct ctl_line *line)
{
	struct ctl_stream *stream = NULL;
	struct err e = {0};
	enum ctl_exit status = ctl_stream_open(line->socket, "/v1/events", &stream, &e);
	int rc;

	if (status != CTL_OK)
		return ctl_complain(status, &e);
	rc = print_events(line, stream);
	ctl_stream_close(&stream);
	return rc;
}

/* Shows what happens until the daemon ends. CTL_FAILED when it says that containers could not be
 * stopped. That nobody reads our output does not matter here. */
static int
follow_end(const struct ctl_line *line, struct ctl_stream *stream)
{
	int status = CTL_OK;
	struct slice text;
	struct err e = {0};

	while (ctl_stream_read(stream, &text, &e) > 0) {
		json_t *event = ctl_parse_json(text);
		const char *what = json_string_value(json_object_get(event, "event"));
		const char *failed = json_string_value(json_object_get(event, "failed"));

		if (what && strcmp(what, "containers-stopped") == 0 && failed &&
			strcmp(failed, "0") != 0)
			status = CTL_FAILED;
		if (!what || strcmp(what, "hello") != 0)
			(void)print_event(line, text);
		json_decref(event);
	}
	return status;
}

/* The socket outlives the control process by a moment: the parent removes it last. */
static void
wait_until_gone(const char *socket)
{
	const struct timespec pause = {.tv_nsec = ENDED_POLL_NS};

	for (;;) {
		int fd = unix_socket_connect(socket, SOCK_STREAM);

		if (fd < 0)
			return;
		close_fd(fd);
		nanosleep(&pause, NULL);
	}
}

/* shutdown and quit: the order, then what happens, until the daemon is gone. */
static int
run_end(const struct ctl_line *line, const char *path)
{
	struct ctl_stream *stream = NULL;
	struct err e = {0};
	json_t *answer = NULL;
	enum ctl_exit status = ctl_stream_open(line->socket, "/v1/events", &stream, &e);
	struct ctl_line quiet = *line;
	int rc = CTL_OK;

	quiet.json = false;
	if (status == CTL_OK)
		status = ctl_ask(&quiet, "POST", path, &answer, &e);
	json_decref(answer);
	if (status != CTL_OK)
		rc = ctl_complain(status, &e);
	else
		rc = follow_end(line, stream);
	ctl_stream_close(&stream);
	if (status == CTL_OK)
		wait_until_gone(line->socket);
	return rc;
}

/* `--drain TIME` as the query of a path. */
static int
run_quit(const struct ctl_line *line)
{
	char path[PATH_TEXT_MAX] = "/v1/quit";
	uint64_t ms;

	if (line->n_args > 0 &&
		(strcmp(line->args[0], "--drain") != 0 ||
			num_parse_time(slice_str(line->args[1]), 1, CTL_DRAIN_MAX_MS, &ms) < 0)) {
		(void)fprintf(stderr, "sluice: usage: sluice quit [--drain TIME], TIME like 30s\n");
		return CTL_USAGE;
	}
	if (line->n_args > 0)
		(void)snprintf(path, sizeof(path), "/v1/quit?drain=%s", line->args[1]);
	return run_end(line, path);
}

static int
run_conntrack(const struct ctl_line *line)
{
	char path[PATH_TEXT_MAX];

	if (line->n_args == 0)
		return ctl_show(line, "GET", "/v1/conntrack", ctl_show_flow_counts);
	if (strchr(line->args[0], '/') || snprintf(path, sizeof(path), "/v1/conntrack/%s",
						  line->args[0]) >= (int)sizeof(path)) {
		(void)fprintf(stderr, "sluice: \"%s\" is no container's name\n", line->args[0]);
		return CTL_USAGE;
	}
	return ctl_show(line, "GET", path, ctl_show_flows);
}

/* The address as a query's; a word that could be more than that is refused here. */
static int
run_ban(const struct ctl_line *line)
{
	bool add = line->command != CTL_BAN_RM;
	const char *address = line->args[0], *how_long = line->n_args == 3 ? line->args[2] : NULL;
	char path[PATH_TEXT_MAX];
	struct err e = {0};
	json_t *answer = NULL;
	enum ctl_exit status;

	if (how_long && strcmp(line->args[1], "for") != 0) {
		(void)fprintf(stderr, "sluice: usage: sluice ban add ADDRESS [for TIME]\n");
		return CTL_USAGE;
	}
	if (strpbrk(address, "&?#% \r\n") || (how_long && strpbrk(how_long, "&?#% \r\n")) ||
		snprintf(path, sizeof(path), "/v1/bans/%s?address=%s%s%s", add ? "add" : "remove",
			address, how_long ? "&for=" : "",
			how_long ? how_long : "") >= (int)sizeof(path)) {
		(void)fprintf(stderr, "sluice: \"%s\" is no address\n", address);
		return CTL_USAGE;
	}
	status = ctl_ask(line, "POST", path, &answer, &e);
	json_decref(answer);
	return status == CTL_OK ? CTL_OK : ctl_complain(status, &e);
}

static int
run_ban_clear(const struct ctl_line *line)
{
	struct err e = {0};
	json_t *answer = NULL;
	enum ctl_exit status = ctl_ask(line, "POST", "/v1/bans/clear", &answer, &e);

	json_decref(answer);
	return status == CTL_OK ? CTL_OK : ctl_complain(status, &e);
}

static int
run_top(const struct ctl_line *line)
{
	if (line->n_args == 0 || strcmp(line->args[0], "--once") == 0)
		return ctl_top(line, line->n_args == 1);
	(void)fprintf(stderr, "sluice: usage: sluice top [--once]\n");
	return CTL_USAGE;
}

static int
run_exec(const struct ctl_line *line)
{
	enum exec_kind kind =
		line->command == CTL_CONTAINER_EXEC ? EXEC_KIND_EXEC : EXEC_KIND_CONSOLE;
	struct err e = {0};
	int status = ctl_exec(line->socket, kind, line->args + 1, line->args[0], &e);

	if (e.msg[0]) {
		suggest_container(line, line->args[0], &e);
		(void)fprintf(stderr, "sluice: %s\n", e.msg);
	}
	return status;
}

/* Names are a help, not a need: without an answer there are none. */
static void
append_names(const struct ctl_line *line, struct buf *out)
{
	struct ctl_line quiet = *line;
	struct err e = {0};
	json_t *answer = NULL;

	quiet.json = false;
	if (ctl_ask(&quiet, "GET", "/v1/containers", &answer, &e) == CTL_OK)
		for (size_t i = 0; i < json_array_size(answer); i++) {
			const json_t *name = json_object_get(json_array_get(answer, i), "name");

			if (buf_printf(out, "%s\n", json_string_value(name)) < 0)
				break;
		}
	json_decref(answer);
}

static int
run_complete(const struct ctl_line *line)
{
	struct ctl_line given = *line;
	struct buf out;
	bool names;
	int rc;

	for (size_t i = 0; i + 1 < line->n_args; i++)
		if (strcmp(line->args[i], "-s") == 0)
			given.socket = line->args[i + 1];
	buf_init(&out, CTL_OUTPUT_MAX);
	rc = ctl_complete((int)line->n_args, line->args, &out, &names);
	if (rc == 0 && names)
		append_names(&given, &out);
	rc = rc < 0 ? CTL_FAILED : ctl_print(buf_slice(&out));
	buf_clear(&out);
	return rc;
}

static int
run_help(const struct ctl_line *line)
{
	struct buf out;
	int rc;

	buf_init(&out, CTL_OUTPUT_MAX);
	rc = ctl_print_help(line, &out) < 0 ? CTL_FAILED : ctl_print(buf_slice(&out));
	buf_clear(&out);
	return rc;
}

static int
run(const struct ctl_line *line)
{
	switch (line->command) {
	case CTL_STATUS:
		return run_status(line);
	case CTL_TOP:
		return run_top(line);
	case CTL_CHECK:
		return run_check(line);
	case CTL_RELOAD:
		return run_reload(line);
	case CTL_CONFIRM:
		return run_outcome(line, "/v1/confirm", "confirmed");
	case CTL_LOG_REOPEN:
		return run_outcome(line, "/v1/log/reopen", "reopened");
	case CTL_CONFIG_SHOW:
		return ctl_show(line, "GET", "/v1/config", show_config);
	case CTL_CONTAINER_LS:
		return ctl_show(line, "GET", "/v1/containers", ctl_show_containers);
	case CTL_CONTAINER_START:
	case CTL_CONTAINER_STOP:
	case CTL_CONTAINER_RESTART:
	case CTL_CONTAINER_FREEZE:
	case CTL_CONTAINER_THAW:
		return run_jobs(line);
	case CTL_CONTAINER_EXEC:
	case CTL_CONTAINER_CONSOLE:
		return run_exec(line);
	case CTL_ROUTE_LS:
		return ctl_show(line, "GET", "/v1/routes", ctl_show_routes);
	case CTL_FORWARD_LS:
		return ctl_show(line, "GET", "/v1/forwards", ctl_show_forwards);
	case CTL_CONNTRACK:
		return run_conntrack(line);
	case CTL_BAN_LS:
		return ctl_show(line, "GET", "/v1/bans", ctl_show_bans);
	case CTL_BAN:
	case CTL_BAN_ADD:
	case CTL_BAN_RM:
		return run_ban(line);
	case CTL_BAN_CLEAR:
		return run_ban_clear(line);
	case CTL_IMPORT:
		return ctl_import(line);
	case CTL_TRACE:
		return ctl_trace(line);
	case CTL_DOCTOR:
		return ctl_doctor(line);
	case CTL_CACHE_STATUS:
		return ctl_cache_status(line);
	case CTL_CACHE_LS:
		return ctl_cache_ls(line);
	case CTL_CACHE_SHOW:
		return ctl_cache_show(line);
	case CTL_CACHE_PURGE:
	case CTL_CACHE_CLEAR:
		return ctl_cache_purge(line);
	case CTL_NFT_SHOW:
		return ctl_nft_show(line);
	case CTL_EVENTS:
		return run_events(line);
	case CTL_UPGRADE:
		return ctl_upgrade(line);
	case CTL_SHUTDOWN:
		return run_end(line, "/v1/shutdown");
	case CTL_QUIT:
		return run_quit(line);
	case CTL_COMPLETE:
		return run_complete(line);
	case CTL_VERSION:
		puts("sluice " SLUICE_VERSION);
		return CTL_OK;
	case CTL_HELP:
	case CTL_COUNT:
		break;
	}
	return run_help(line);
}

int
main(int argc, char *argv[])
{
	struct err e = {0};
	struct ctl_line line;
	int status;

	(void)setlocale(LC_CTYPE, ""); /* NOLINT(concurrency-mt-unsafe): one thread */
	if (ctl_parse(argc - 1, argv + 1, &line, &e) < 0)
		return ctl_complain(CTL_USAGE, &e);
	status = run(&line);
	free(line.args);
	return status;
}
