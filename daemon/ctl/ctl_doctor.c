/*
 * The doctor works in the command itself, not in the daemon: it has to find out also why there is
 * no daemon. The configuration is the one that runs, or a file.
 */
#include "daemon/ctl/ctl_doctor.h"

#include "core/own.h"
#include "daemon/ctl/ctl_ask.h"
#include "daemon/doctor_ports.h"
#include "daemon/load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ERRORS_TEXT_MAX (256 * 1024)

static int
load(const char *file, struct conf **ret)
{
	_free_ struct conf_errors *errs = calloc(1, sizeof(*errs));
	struct load l = {0};
	struct buf text;
	int rc = -1;

	if (!errs)
		return -1;
	if (load_file(file, &l, errs) == 0) {
		*ret = conf_ref(l.conf);
		rc = 0;
	} else {
		buf_init(&text, ERRORS_TEXT_MAX);
		if (load_print_errors(&l, errs, &text) == 0)
			(void)fprintf(stderr, "%.*s", SLICE_ARG(buf_slice(&text)));
		buf_clear(&text);
	}
	load_clear(&l);
	return rc;
}

/* What the daemon runs; NULL: there is none that answers. */
static struct conf *
running(const struct ctl_line *line)
{
	_free_ struct conf_errors *errs = calloc(1, sizeof(*errs));
	struct ctl_line quiet = *line;
	struct conf_input in = {.name = "running"};
	struct conf *c = NULL;
	json_t *answer = NULL;
	struct err e = {0};
	const char *text;

	quiet.json = false;
	if (errs && ctl_ask(&quiet, "GET", "/v1/config", &answer, &e) == CTL_OK) {
		text = json_string_value(json_object_get(answer, "text"));
		in.text = slice_str(text ? text : "");
		(void)conf_parse(&in, &c, NULL, errs);
	}
	json_decref(answer);
	return c;
}

static int
print_json(const struct findings *f)
{
	json_t *list = json_array(), *all;

	for (size_t i = 0; i < f->n; i++)
		json_array_append_new(
			list, json_pack("{s:s, s:s, s:s, s:s}", "id", f->v[i].id, "severity",
				      f->v[i].breaks ? "error" : "warning", "what", f->v[i].what,
				      "mend", f->v[i].mend));
	all = json_pack("{s:o}", "findings", list);
	if (!all || json_dumpf(all, stdout, JSON_COMPACT) < 0) {
		json_decref(all);
		return CTL_FAILED;
	}
	putchar('\n');
	json_decref(all);
	return f->n ? CTL_FAILED : CTL_OK;
}

static int
print_text(const struct findings *f)
{
	for (size_t i = 0; i < f->n; i++)
		printf("%s: %s\n    %s\n", f->v[i].breaks ? "error" : "warning", f->v[i].what,
			f->v[i].mend);
	if (f->left_out)
		printf("and %zu more\n", f->left_out);
	if (f->n == 0)
		puts("nothing stands in the way");
	return f->n ? CTL_FAILED : CTL_OK;
}

static int
examine(const struct ctl_line *line, const struct conf *c)
{
	_free_ struct findings *found = calloc(1, sizeof(*found));
	struct err e = {0};

	if (!found)
		return CTL_FAILED;
	if (router_doctor(c, found, &e) < 0 || doctor_ports(c, found, &e) < 0)
		return ctl_complain(CTL_FAILED, &e);
	return line->json ? print_json(found) : print_text(found);
}

int
ctl_doctor(const struct ctl_line *line)
{
	struct conf *c = NULL;
	struct err e = {0};
	int rc;

	if (geteuid() != 0) {
		err_set(&e, "the rules of the kernel are shown to root only: sudo sluice doctor");
		return ctl_complain(CTL_FORBIDDEN, &e);
	}
	if (line->n_args == 0)
		c = running(line);
	if (!c && load(line->n_args ? line->args[0] : CONF_DEFAULT_FILE, &c) < 0)
		return CTL_FAILED;
	rc = examine(line, c);
	conf_unref(&c);
	return rc;
}
