/*
 * Start and reload, the five steps: PARSE and PREPARE here, OFFER, WAIT and COMMIT by the machine
 * of reload.h. Until COMMIT nothing that runs has changed, and every way out before it closes
 * what was opened. One at a time: what is asked for meanwhile runs once more afterwards.
 */
#include "daemon/parent.h"

#include "conf/diff.h"
#include "core/log.h"
#include "core/own.h"
#include "daemon/addresses.h"
#include "daemon/check_files.h"
#include "daemon/doctor_ports.h"
#include "daemon/notify.h"
#include "daemon/state.h"
#include "daemon/warnings.h"

#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CHANGES_MAX 512 /* of the line that says what a reload changed */

static void abandon(struct parent *p, struct conf_errors *errs);

static void
op_offer(enum role role, void *ctx)
{
	struct parent *p = ctx;

	tell_offer(&p->children[role], p->next);
}

static void
op_commit(enum role role, void *ctx)
{
	struct parent *p = ctx;

	if (!upgrade_commit(p, role))
		tell_commit(&p->children[role], p->next);
}

static void
op_abort(enum role role, void *ctx)
{
	struct parent *p = ctx;

	tell_abort(&p->children[role], p->next->number);
}

static void
op_give_up(enum role role, void *ctx)
{
	struct parent *p = ctx;

	child_kill(&p->children[role], "did not do as told");
}

static void
op_arm(void *ctx)
{
	struct parent *p = ctx;
	struct timeval step = parent_timeval(RELOAD_STEP_MS);

	evtimer_add(p->reload_deadline, &step);
}

uint32_t
transaction_needs(const struct conf *c)
{
	return ROLE_BIT(PROXY) | ROLE_BIT(CONTROL) | (conf_needs_router(c) ? ROLE_BIT(ROUTER) : 0) |
	       (conf_needs_lxc(c) ? ROLE_BIT(LXC) : 0);
}

bool
transaction_is_active(const struct parent *p)
{
	return p->reload.phase != RELOAD_IDLE;
}

/* Ends the children that `keep` does not need. */
static void
end_unneeded(struct parent *p, const struct edition *keep)
{
	uint32_t needs = keep ? transaction_needs(keep->conf) : 0;

	for (enum role role = 0; role < ROLE_COUNT; role++)
		if (!(needs & (UINT32_C(1) << role)))
			child_end(&p->children[role]);
	if (needs & ROLE_BIT(ROUTER))
		return;
	p->table_fd = close_fd(p->table_fd);
	if (keep)
		policy_forget(p);
}

static void
answer(struct parent *p, uint64_t id, bool ok, struct slice text, struct slice places)
{
	struct child *control = &p->children[ROLE_CONTROL];
	struct msg_out m;

	if (!control->chan || msg_out_init(&m, MSG_OUTCOME, ROLE_CONTROL) < 0)
		return;
	msg_put_u64(&m, id);
	msg_put_u8(&m, ok);
	msg_put_u64(&m, p->current ? p->current->number : 0);
	msg_put_slice(&m, text);
	msg_put_slice(&m, places);
	(void)chan_send(control->chan, &m);
	msg_out_clear(&m);
}

void
transaction_answer(struct parent *p, uint64_t id, bool ok, struct slice text)
{
	answer(p, id, ok, text, SLICE_LIT(""));
}

/* Where each certificate stands: control knows what the proxy says of it, and not where. */
static void
print_certificate_places(const struct edition *g, struct buf *out)
{
	for (size_t i = 0; i < g->conf->n_certificates; i++) {
		struct err e = {.ordinal = g->conf->certificates[i].ordinal};

		edition_place(g, &e);
		if (buf_printf(out, "%s:%u:%u\n", e.file, e.line, e.col) < 0)
			return;
	}
}

/* Answers all that waited for this reload, with errors or warnings; those that came meanwhile wait
 * for the next. */
static void
answer_waiters(struct parent *p, bool ok, const struct conf_errors *errs)
{
	struct buf text, places;

	buf_init(&text, PARENT_OUTCOME_MAX);
	if (errs)
		(void)load_print_lines(errs, &text);
	buf_init(&places, PARENT_OUTCOME_MAX);
	if (ok)
		print_certificate_places(p->current, &places);
	for (size_t i = 0; i < p->waiting.n; i++)
		answer(p, p->waiting.ids[i], ok, buf_slice(&text), buf_slice(&places));
	buf_clear(&places);
	buf_clear(&text);
	p->waiting = p->waiting_next;
	p->waiting_next.n = 0;
}

void
parent_apply(struct parent *p)
{
	const struct conf *c = p->current->conf;

	log_set_level(c->log_level);
	log_set_format(c->log_format);
	dnsmasq_update(p->dnsmasq, c);
}

/* One line for the operator: what this generation changed. */
static void
log_committed(const struct edition *now, const struct edition *old)
{
	struct conf_diff *diff = conf_diff_new(old ? old->conf : NULL, now->conf);
	struct buf text;

	buf_init(&text, CHANGES_MAX);
	if (diff)
		(void)conf_diff_print(diff, &text);
	log_info("generation committed", kv_u("generation", now->number),
		kv_slice("changes", buf_slice(&text)));
	buf_clear(&text);
	conf_diff_free(&diff);
}

/* What is worth a look in what runs now, for the log and for who asked. */
static void
warn(const struct edition *now, struct conf_errors *errs)
{
	warnings_find(now->conf, errs);
	for (size_t i = 0; i < errs->n; i++) {
		struct err *e = &errs->errors[i];

		edition_place(now, e);
		log_warn("configuration", kv_err("what", e), kv_s("file", e->file),
			kv_u("line", e->line), kv_u("col", e->col));
	}
}

static void
on_committed(struct parent *p)
{
	_free_ struct conf_errors *errs = calloc(1, sizeof(*errs));
	struct edition *old = p->current;
	char number[24];

	p->current = steal_ptr(&p->next);
	log_committed(p->current, old);
	if (errs)
		warn(p->current, errs);
	if (old)
		listening_follow(&p->current->listeners, &old->listeners);
	load_clear(&p->load);
	edition_free(&old);
	if (p->current->number > 1 && !upgrade_is_active(p))
		stats_add(&p->stats, STAT_RELOADS, 1);
	parent_apply(p);
	(void)snprintf(number, sizeof(number), "%" PRIu64, p->current->number);
	end_unneeded(p, p->current);
	dispatch_sync(p);
	answer_waiters(p, true, errs);
	if (!upgrade_is_active(p))
		tell_event(p, "reloaded", "generation", number);
	upgrade_on_committed(p);
	notify_ready();
	/* What the text of a large file took on its way is for others. */
	malloc_trim(0);
}

static void
op_done(const struct err *failure, void *ctx)
{
	struct parent *p = ctx;
	_free_ struct conf_errors *errs = NULL;

	evtimer_del(p->reload_deadline);
	p->asked = (struct addr){0};
	if (!failure) {
		on_committed(p);
	} else {
		errs = calloc(1, sizeof(*errs));
		if (errs) {
			load_add_error(errs, failure);
			edition_place(p->next, &errs->errors[0]);
		}
		abandon(p, errs);
	}
	if (p->quitting)
		return;
	child_restart_missing(p);
	transaction_try(p);
}

static const struct reload_ops transaction_ops = {
	.offer = op_offer,
	.commit = op_commit,
	.abort = op_abort,
	.give_up = op_give_up,
	.arm = op_arm,
	.done = op_done,
};

void
transaction_init(struct parent *p)
{
	reload_init(&p->reload, &transaction_ops, p);
}

/* At the first start people read this on their terminal; afterwards it belongs in the log. */
static void
print_errors(struct parent *p, const struct conf_errors *errs)
{
	struct buf text;

	if (p->current) {
		for (size_t i = 0; i < errs->n; i++)
			log_err("configuration refused", &errs->errors[i]);
		return;
	}
	buf_init(&text, PARENT_OUTCOME_MAX * 4);
	if (load_print_errors(&p->load, errs, &text) == 0)
		(void)!write(STDERR_FILENO, buf_slice(&text).p, buf_len(&text));
	buf_clear(&text);
}

/* The way out of every failure: the old generation stays. Without one the daemon ends. */
static void
abandon(struct parent *p, struct conf_errors *errs)
{
	if (upgrade_on_failed(p, errs))
		return;
	if (errs)
		print_errors(p, errs);
	edition_free(&p->next);
	load_clear(&p->load);
	stats_add(&p->stats, STAT_RELOADS_FAILED, 1);
	end_unneeded(p, p->current);
	answer_waiters(p, false, errs);
	tell_event(p, "reload-refused", "error", errs && errs->n ? errs->errors[0].msg : "");
	if (p->current)
		notify_ready();
	else
		parent_quit(p, 1);
}

/* At a start it is said and no more: a server that comes up by itself has nobody to ask. */
static int
check_ports(struct parent *p, struct err *e)
{
	struct err why = {0};

	if (doctor_ports_forwards(p->load.conf, p->current ? p->current->conf : NULL, &why) == 0)
		return 0;
	conf_places_apply(p->load.places, NULL, 0, &why);
	if (p->current) {
		*e = why;
		return -1;
	}
	log_err("a forward takes a port away from a program", &why);
	return 0;
}

/* What of the file needs root, and the machine: addresses that are chosen, ports of others. */
static int
parse_as_root(struct parent *p, struct err *e)
{
	/* A folder that the new file names is not ours yet. */
	const char *state = p->current ? p->current->conf->state_path : p->load.conf->state_path;

	if (!p->root)
		return 0;
	if (check_ports(p, e) < 0)
		return -1;
	return addresses_settle(p->load.conf, state, p->load.places, e);
}

/* PARSE: the file, and what only the machine knows of it. */
static int
parse(struct parent *p, struct conf_errors *errs)
{
	struct err e = {0};

	if (load_file(p->file, &p->load, errs) < 0)
		return -1;
	if (check_files(p->load.conf, NULL, errs) < 0) {
		load_place_errors(&p->load, errs);
		return -1;
	}
	if (parse_as_root(p, &e) == 0)
		p->next = edition_new(&p->load, ++p->last_number, &e);
	if (p->next && (!p->current || edition_check_change(p->current, p->next, &e) == 0))
		return 0;
	load_add_error(errs, &e);
	return -1;
}

/* PREPARE: everything NEW, and the right to own the table. */
static int
prepare(struct parent *p, struct conf_errors *errs)
{
	struct err e = {0};

	if ((p->root || edition_check_user(p->next, &e) == 0) &&
		edition_prepare(p->next, p->current, p->roots_folder, &e) == 0 &&
		tell_check_size(p->next, &e) == 0) {
		if (p->table_fd >= 0 || !conf_needs_router(p->next->conf))
			return 0;
		p->table_fd = state_claim_table(&e);
		if (p->table_fd >= 0)
			return 0;
	}
	load_add_error(errs, &e);
	return -1;
}

/* Starts the members that are DOWN. Returns the members, 0 when one could not be started. */
static uint32_t
gather_members(struct parent *p, uint32_t *ret_up)
{
	uint32_t members = transaction_needs(p->next->conf);
	bool failed = false;

	*ret_up = 0;
	/* One that runs and is no longer needed takes part too: the router removes its rules. */
	for (enum role role = ROLE_PROXY; role <= ROLE_CONTROL; role++)
		if (p->children[role].state == CHILD_UP ||
			p->children[role].state == CHILD_STARTING)
			members |= UINT32_C(1) << role;
	for (enum role role = ROLE_PROXY; role <= ROLE_CONTROL; role++) {
		struct child *c = &p->children[role];

		if (!(members & (UINT32_C(1) << role)))
			continue;
		if (c->state == CHILD_DOWN && child_spawn(c) < 0)
			failed = true;
		if (c->state == CHILD_UP)
			*ret_up |= UINT32_C(1) << role;
	}
	return failed ? 0 : members;
}

/* Offers p->next to everyone; a child that cannot be started ends the attempt. */
static void
offer_next(struct parent *p, struct conf_errors *errs)
{
	uint32_t up, members = gather_members(p, &up);
	struct err e;

	if (members != 0) {
		reload_begin(&p->reload, p->next->number, members, up);
		return;
	}
	err_set(&e, "cannot start a child process");
	load_add_error(errs, &e);
	abandon(p, errs);
	child_restart_missing(p);
}

void
transaction_take_over(struct parent *p)
{
	_free_ struct conf_errors *errs = calloc(1, sizeof(*errs));

	if (errs)
		offer_next(p, errs);
	else
		abandon(p, NULL);
}

static void
begin(struct parent *p)
{
	_free_ struct conf_errors *errs = calloc(1, sizeof(*errs));

	if (p->current)
		notify_reloading();
	if (!errs || parse(p, errs) < 0 || prepare(p, errs) < 0) {
		abandon(p, errs);
		return;
	}
	offer_next(p, errs);
}

void
transaction_try(struct parent *p)
{
	/* A loop, because a file that does not parse ends its turn at once. */
	while (p->wanted && !p->quitting && !transaction_is_active(p) && !upgrade_is_active(p)) {
		for (enum role role = 0; role < ROLE_COUNT; role++)
			if (child_is_busy(&p->children[role]))
				return;
		p->wanted = false;
		begin(p);
	}
}

void
transaction_request(struct parent *p, uint64_t id)
{
	struct waiters *w = transaction_is_active(p) ? &p->waiting_next : &p->waiting;

	bool ending = p->shutting_down || p->draining;

	if (ending || (id && w->n == PARENT_WAITERS_MAX)) {
		transaction_answer(p, id, false,
			ending ? SLICE_LIT("sluiced is shutting down\n")
			       : SLICE_LIT("too many reloads wait\n"));
		return;
	}
	if (id)
		w->ids[w->n++] = id;
	p->wanted = true;
	transaction_try(p);
}

void
transaction_check(struct parent *p, uint64_t id)
{
	_free_ struct conf_errors *errs = calloc(1, sizeof(*errs));
	struct load l = {0};
	struct buf text;
	bool ok;

	if (!errs)
		return;
	ok = load_file(p->file, &l, errs) == 0 && check_files(l.conf, NULL, errs) == 0;
	if (ok)
		warnings_find(l.conf, errs);
	load_place_errors(&l, errs);
	buf_init(&text, PARENT_OUTCOME_MAX);
	(void)load_print_lines(errs, &text);
	transaction_answer(p, id, ok, buf_slice(&text));
	buf_clear(&text);
	load_clear(&l);
}
