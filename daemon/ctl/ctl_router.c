/* Commands about the router: each is one request, and a text. */
#include "daemon/ctl/ctl_router.h"

#include "core/nft_view.h"
#include "core/num.h"
#include "core/own.h"
#include "daemon/ctl/ctl_ask.h"
#include "router/router.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PATH_TEXT_MAX 128
#define TRACE_TEXT_MAX (256 * 1024)
#define TRACE_MS 10000 /* to wait for a packet, when nothing else is said */
#define TRACE_MAX_MS (UINT64_C(3600) * 1000)

/* "--diff" -> "diff"; NULL: no such view. */
static const char *
view_of(const char *option)
{
	static const char *const names[] = {
#define VIEW_NAME(id, name) name,
		NFT_VIEW_TABLE(VIEW_NAME)
#undef VIEW_NAME
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strncmp(option, "--", 2) == 0 && strcmp(option + 2, names[i]) == 0)
			return names[i];
	return NULL;
}

int
ctl_nft_show(const struct ctl_line *line)
{
	const char *view = line->n_args ? view_of(line->args[0]) : "both", *text;
	char path[PATH_TEXT_MAX];
	struct err e = {0};
	json_t *answer = NULL;
	enum ctl_exit status;
	int rc;

	if (!view) {
		(void)fprintf(
			stderr, "sluice: usage: sluice nft show [--planned|--kernel|--diff]\n");
		return CTL_USAGE;
	}
	(void)snprintf(path, sizeof(path), "/v1/nft?view=%s", view);
	status = ctl_ask(line, "GET", path, &answer, &e);
	text = json_string_value(json_object_get(answer, "text"));
	if (status != CTL_OK)
		rc = ctl_complain(status, &e);
	else
		rc = line->json ? CTL_OK : ctl_print(slice_str(text ? text : ""));
	if (rc == CTL_OK && strcmp(view, "diff") == 0 &&
		!json_is_true(json_object_get(answer, "same")))
		rc = CTL_FAILED;
	json_decref(answer);
	return rc;
}

/* "198.51.100.7 tcp 2222 [for 30s]" */
static int
parse_trace(const struct ctl_line *line, struct router_trace *ret)
{
	struct router_trace t = {.for_ms = TRACE_MS};
	uint64_t port;

	if (addr_parse(slice_str(line->args[0]), &t.from) < 0 ||
		num_parse(slice_str(line->args[2]), 1, UINT16_MAX, &port) < 0)
		return -1;
	t.udp = strcmp(line->args[1], "udp") == 0;
	if (!t.udp && strcmp(line->args[1], "tcp") != 0)
		return -1;
	if (line->n_args == 5 &&
		(strcmp(line->args[3], "for") != 0 || num_parse_time(slice_str(line->args[4]), 1000,
							      TRACE_MAX_MS, &t.for_ms) < 0))
		return -1;
	t.port = (uint16_t)port;
	*ret = t;
	return 0;
}

int
ctl_trace(const struct ctl_line *line)
{
	struct router_trace ask;
	struct err e = {0};
	struct buf out;
	bool passed = false;
	int rc;

	if (parse_trace(line, &ask) < 0) {
		err_set(&e,
			"usage: sluice trace ADDRESS tcp|udp PORT [for TIME], as in: sluice trace "
			"198.51.100.7 tcp 2222 for 30s");
		return ctl_complain(CTL_USAGE, &e);
	}
	if (geteuid() != 0) {
		err_set(&e, "the kernel shows packets to root only: sudo sluice trace");
		return ctl_complain(CTL_FORBIDDEN, &e);
	}
	buf_init(&out, TRACE_TEXT_MAX);
	if (router_trace(&ask, &out, &passed, &e) < 0) {
		rc = ctl_complain(CTL_FAILED, &e);
	} else {
		rc = ctl_print(buf_slice(&out));
		if (rc == CTL_OK && !passed)
			rc = CTL_FAILED;
	}
	buf_clear(&out);
	return rc;
}
