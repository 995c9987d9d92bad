/* One request and its answer, judged. */
#include "daemon/ctl/ctl_ask.h"

#include <stdio.h>

int
ctl_complain(enum ctl_exit status, const struct err *e)
{
	(void)fprintf(stderr, "sluice: %s\n", e->msg);
	return (int)status;
}

int
ctl_print(struct slice text)
{
	size_t n = fwrite(text.p, 1, text.n, stdout);

	return n == text.n && fflush(stdout) == 0 ? CTL_OK : CTL_FAILED;
}

json_t *
ctl_parse_json(struct slice text)
{
	return json_loadb(text.p, text.n, 0, NULL);
}

/* The exit status that an answer's status means; e gets its "error". */
static enum ctl_exit
judge(const struct ctl_reply *reply, const json_t *answer, struct err *e)
{
	const char *why = json_string_value(json_object_get(answer, "error"));

	if (reply->status < 400)
		return CTL_OK;
	if (why)
		err_set(e, "%s", why);
	else
		err_set(e, "the daemon answered with status %d", reply->status);
	return reply->status == 403 ? CTL_FORBIDDEN : CTL_FAILED;
}

enum ctl_exit
ctl_ask(const struct ctl_line *line, const char *method, const char *path, json_t **ret,
	struct err *e)
{
	struct ctl_reply reply = {0};
	enum ctl_exit status = ctl_request(line->socket, method, path, &reply, e);

	if (status != CTL_OK)
		return status;
	*ret = ctl_parse_json(buf_slice(&reply.body));
	if (line->json)
		(void)ctl_print(buf_slice(&reply.body));
	if (*ret) {
		status = judge(&reply, *ret, e);
	} else {
		err_set(e, "the daemon's answer is no JSON");
		status = CTL_FAILED;
	}
	buf_clear(&reply.body);
	return status;
}

int
ctl_show(const struct ctl_line *line, const char *method, const char *path, ctl_show_fn *show)
{
	struct err e = {0};
	json_t *answer = NULL;
	enum ctl_exit status = ctl_ask(line, method, path, &answer, &e);
	struct buf out;
	int rc = (int)status;

	buf_init(&out, CTL_OUTPUT_MAX);
	if (status != CTL_OK)
		rc = ctl_complain(status, &e);
	else if (!line->json)
		rc = show(answer, &out) < 0 ? CTL_FAILED : ctl_print(buf_slice(&out));
	buf_clear(&out);
	json_decref(answer);
	return rc;
}
