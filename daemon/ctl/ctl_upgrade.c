/*
 * The order is answered when the rehearsal went well; what comes then is seen from outside: the
 * number of times that the parent was replaced grows, or an event says that it became the old
 * program again. The stream of events ends with the old control process.
 */
#include "daemon/ctl/ctl_upgrade.h"

#include "core/clock.h"
#include "core/num.h"
#include "core/own.h"
#include "daemon/ctl/ctl_client.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define PATH_TEXT_MAX 128
#define DRAIN_MAX_MS (UINT64_C(24) * 3600 * 1000)
#define TAKEOVER_MS 30000 /* for the new program to take over, behind the rehearsal */
#define POLL_NS (50 * 1000 * 1000)

struct order {
	const char *drain;   /* NULL: the daemon's own choice */
	const char *program; /* NULL: the file that the daemon was started from */
};

static int
complain(enum ctl_exit status, const struct err *e)
{
	(void)fprintf(stderr, "sluice: %s\n", e->msg);
	return (int)status;
}

static int
parse_order(const struct ctl_line *line, struct order *o)
{
	uint64_t ms;
	size_t i = 0;

	*o = (struct order){0};
	if (line->n_args >= 2 && strcmp(line->args[0], "--drain") == 0) {
		o->drain = line->args[1];
		if (num_parse_time(slice_str(o->drain), 1, DRAIN_MAX_MS, &ms) < 0)
			return -1;
		i = 2;
	}
	if (i < line->n_args)
		o->program = line->args[i++];
	return i == line->n_args && (!o->program || o->program[0] == '/') ? 0 : -1;
}

static json_t *
request(const struct ctl_line *line, const struct ctl_ask *ask, enum ctl_exit *ret, struct err *e)
{
	struct ctl_reply reply = {0};
	json_t *answer;

	*ret = ctl_request_body(line->socket, ask, &reply, e);
	if (*ret != CTL_OK)
		return NULL;
	answer = json_loadb(buf_slice(&reply.body).p, buf_len(&reply.body), 0, NULL);
	buf_clear(&reply.body);
	if (reply.status == 403)
		*ret = CTL_FORBIDDEN;
	else if (reply.status != 200 && reply.status != 422)
		*ret = CTL_FAILED;
	if (*ret == CTL_OK && answer)
		return answer;
	err_set(e, "the daemon answered with status %d", reply.status);
	json_decref(answer);
	*ret = *ret == CTL_OK ? CTL_FAILED : *ret;
	return NULL;
}

/* How often the parent was replaced; -1: nobody answers now. *ret_version: room for it. */
static json_int_t
count_takeovers(const struct ctl_line *line, char *ret_version, size_t size)
{
	const struct ctl_ask ask = {.method = "GET", .path = "/v1/status"};
	enum ctl_exit status;
	struct err e = {0};
	json_t *answer = request(line, &ask, &status, &e), *processes;
	const char *version = json_string_value(json_object_get(answer, "version"));
	json_int_t n = -1;

	processes = json_object_get(answer, "processes");
	for (size_t i = 0; i < json_array_size(processes); i++) {
		const json_t *p = json_array_get(processes, i);
		const char *name = json_string_value(json_object_get(p, "name"));

		if (name && strcmp(name, "parent") == 0)
			n = json_integer_value(json_object_get(p, "restarts"));
	}
	(void)snprintf(ret_version, size, "%s", version ? version : "?");
	json_decref(answer);
	return n;
}

/* The order itself: 0 when the rehearsal went well. */
static int
give_order(const struct ctl_line *line, const struct order *o)
{
	char path[PATH_TEXT_MAX];
	struct ctl_ask ask = {.method = "POST", .path = path, .body = slice_str(o->program)};
	enum ctl_exit status;
	struct err e = {0};
	json_t *answer;
	const json_t *errors;

	(void)snprintf(path, sizeof(path), "/v1/upgrade%s%s", o->drain ? "?drain=" : "",
		o->drain ? o->drain : "");
	answer = request(line, &ask, &status, &e);
	if (!answer)
		return complain(status, &e);
	if (!json_is_true(json_object_get(answer, "ok"))) {
		errors = json_object_get(answer, "errors");
		for (size_t i = 0; i < json_array_size(errors); i++)
			(void)fprintf(stderr, "sluice: %s\n",
				json_string_value(json_array_get(errors, i)));
		json_decref(answer);
		return CTL_FAILED;
	}
	json_decref(answer);
	return CTL_OK;
}

/* Reads events until the old control process ends, or says that it goes on. */
static int
watch(struct ctl_stream *stream)
{
	struct slice text;
	struct err e = {0};
	int status = CTL_OK;

	while (status == CTL_OK && ctl_stream_read(stream, &text, &e) > 0) {
		json_t *event = json_loadb(text.p, text.n, 0, NULL);
		const char *what = json_string_value(json_object_get(event, "event"));
		const char *why = json_string_value(json_object_get(event, "error"));

		if (what && strcmp(what, "upgrade-failed") == 0) {
			(void)fprintf(stderr, "sluice: the old version goes on: %s\n",
				why ? why : "unknown");
			status = CTL_FAILED;
		}
		json_decref(event);
	}
	return status;
}

static int
wait_for_new(const struct ctl_line *line, json_int_t before, const char *old_version)
{
	const struct timespec pause = {.tv_nsec = POLL_NS};
	uint64_t until = clock_mono_ms() + TAKEOVER_MS;
	char version[PATH_TEXT_MAX];

	while (clock_mono_ms() < until) {
		if (count_takeovers(line, version, sizeof(version)) > before) {
			if (!line->json)
				printf("upgraded: %s runs, %s before\n", version, old_version);
			return CTL_OK;
		}
		(void)nanosleep(&pause, NULL);
	}
	(void)fprintf(stderr, "sluice: no new version has taken over; see the daemon's log\n");
	return CTL_FAILED;
}

int
ctl_upgrade(const struct ctl_line *line)
{
	struct ctl_stream *stream = NULL;
	char version[PATH_TEXT_MAX];
	enum ctl_exit status;
	struct err e = {0};
	struct order o;
	json_int_t before;
	int rc;

	if (parse_order(line, &o) < 0) {
		(void)fprintf(stderr, "sluice: usage: sluice upgrade [--drain TIME] [PROGRAM], "
				      "PROGRAM with its whole path\n");
		return CTL_USAGE;
	}
	status = ctl_stream_open(line->socket, "/v1/events", &stream, &e);
	if (status != CTL_OK)
		return complain(status, &e);
	before = count_takeovers(line, version, sizeof(version));
	rc = give_order(line, &o);
	if (rc == CTL_OK)
		rc = watch(stream);
	ctl_stream_close(&stream);
	return rc == CTL_OK ? wait_for_new(line, before, version) : rc;
}
