/*
 * The one-shot commands of sluiced. Both need the file: to check it, or to learn where the state
 * is.
 */
#include "daemon/commands.h"

#include "core/own.h"
#include "daemon/check_files.h"
#include "daemon/control/control_json.h"
#include "daemon/doctor_ports.h"
#include "daemon/load.h"
#include "daemon/records.h"
#include "daemon/roots.h"
#include "daemon/state.h"
#include "daemon/warnings.h"
#include "proxy/proxy.h"
#include "router/router.h"

#include <stdio.h>
#include <unistd.h>

#define ERRORS_TEXT_MAX (256 * 1024)
#define RECORDS_TEXT_MAX (256 * 1024)

static void
print_errors(const struct load *l, const struct conf_errors *errs)
{
	struct buf text;

	buf_init(&text, ERRORS_TEXT_MAX);
	if (load_print_errors(l, errs, &text) == 0)
		(void)fprintf(stderr, "%.*s", SLICE_ARG(buf_slice(&text)));
	buf_clear(&text);
}

static int
load_checked(const char *file, struct load *l, struct conf_errors *errs)
{
	static const struct check_tls tls = {.certificate = proxy_check_certificate,
		.client_ca = proxy_check_client_ca,
		.authorities = proxy_check_authorities};

	if (load_file(file, l, errs) < 0)
		return -1;
	if (check_files(l->conf, &tls, errs) == 0)
		return 0;
	load_place_errors(l, errs);
	return -1;
}

/* What a reload would refuse and a start would only warn of: the file may be for another host, or
 * for another moment. */
static void
print_warnings(const struct load *l, struct conf_errors *errs)
{
	struct err targets = {0}, ports = {0};

	errs->n = 0;
	if (router_check_targets(l->conf, &targets) < 0) {
		(void)err_prefix(&targets, "warning");
		load_add_error(errs, &targets);
	}
	if (doctor_ports_forwards(l->conf, NULL, &ports) < 0) {
		(void)err_prefix(&ports, "warning");
		load_add_error(errs, &ports);
	}
	warnings_find(l->conf, errs);
	load_place_errors(l, errs);
	print_errors(l, errs);
}

int
command_check(const char *file)
{
	_free_ struct conf_errors *errs = calloc(1, sizeof(*errs));
	struct load l = {0};
	int rc;

	if (!errs)
		return 1;
	rc = load_checked(file, &l, errs);
	if (rc < 0) {
		print_errors(&l, errs);
	} else {
		print_warnings(&l, errs);
		printf("%s: ok\n", file);
	}
	load_clear(&l);
	return rc < 0 ? 1 : 0;
}

int
command_check_json(const char *file)
{
	_free_ struct conf_errors *errs = calloc(1, sizeof(*errs));
	struct load l = {0};
	struct buf lines;
	json_t *outcome;
	bool ok;

	if (!errs)
		return 1;
	ok = load_checked(file, &l, errs) == 0;
	buf_init(&lines, ERRORS_TEXT_MAX);
	(void)load_print_lines(errs, &lines);
	outcome = control_json_outcome(ok, 0, buf_slice(&lines));
	if (outcome)
		json_dumpf(outcome, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(outcome);
	buf_clear(&lines);
	load_clear(&l);
	return ok ? 0 : 1;
}

static int
undo(const struct conf *c, struct err *e)
{
	_free_ char *records = state_path(c->state_path, "router.records");
	_free_ char *run = state_run_folder(c);
	_free_ char *roots = run ? state_path(run, "roots") : NULL;
	struct buf text;
	int rc;

	if (!records || !roots)
		return err_set(e, "out of memory");
	roots_sweep(roots);
	roots_remove_folders(roots);
	buf_init(&text, RECORDS_TEXT_MAX);
	rc = records_read(records, &text, e);
	if (rc == 0)
		rc = router_undo(buf_slice(&text), e);
	if (rc == 0)
		(void)unlink(records);
	buf_clear(&text);
	return rc;
}

int
command_undo(const char *file)
{
	_free_ struct conf_errors *errs = calloc(1, sizeof(*errs));
	struct load l = {0};
	struct err e = {0};
	int rc = -1;

	if (!errs)
		return 1;
	if (load_file(file, &l, errs) < 0) {
		print_errors(&l, errs);
	} else if (access(l.conf->state_path, F_OK) < 0) {
		rc = 0; /* never ran: nothing to undo */
	} else {
		_fd_ int lock = state_lock(l.conf->state_path, &e);

		rc = lock < 0 ? -1 : undo(l.conf, &e);
		if (rc < 0)
			(void)fprintf(stderr, "sluiced: %s\n", e.msg);
	}
	load_clear(&l);
	return rc < 0 ? 1 : 0;
}
