/* One entry a certificate that names a responder: it sleeps until its question is due, asks, and
 * sleeps again. */
#include "proxy/tls/stapler.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/own.h"
#include "proxy/tls/ocsp.h"
#include "proxy/tls/ocsp_fetch.h"
#include "proxy/tls/ocsp_plan.h"
#include "proxy/tls/staple.h"
#include "proxy/worker.h"

#include <stdlib.h>
#include <string.h>

#define STAPLER_STAGGER_MS 20 /* between the first questions, so that they spread */
#define STAPLER_FULL_MS 500   /* when too many are under way, until the next look */

struct stapler_entry {
	struct stapler *all;
	const struct tls_certificate *of;
	const char *name;
	struct ocsp_plan plan;
	unsigned asked; /* how often: of several responders the next one is taken */
	struct timer timer;
	struct ocsp_fetch fetch;
};

struct stapler {
	struct worker *worker;
	struct generation *generation;
	struct stapler_entry *entries;
	size_t n;
	unsigned flying;
};

static int64_t
stapler_now(void)
{
	return (int64_t)clock_wall_ms();
}

static void
entry_sleep(struct stapler_entry *e, uint64_t ms)
{
	timer_set(&e->all->worker->timers, &e->timer, clock_mono_coarse_ms() + ms);
}

/* What came of a question. s: the new answer, or NULL. */
static void
entry_tell(struct stapler_entry *e, enum staple_state state, struct staple *s, const char *why)
{
	worker_note_staple(e->all->worker, e->of->id, state, s, why);
	entry_sleep(e, ocsp_plan_wait(&e->plan, stapler_now()));
}

static void
entry_fail(struct stapler_entry *e, const char *why)
{
	stats_add(&e->all->worker->stats, STAT_OCSP_FAILED, 1);
	log_warn("no OCSP answer", kv_s("certificate", e->name),
		kv_s("responder", e->fetch.url.host), kv_s("why", why),
		kv_s("stapled",
			ocsp_plan_has(&e->plan, stapler_now()) ? "the one before" : "none"));
	ocsp_plan_failed(&e->plan, stapler_now());
	entry_tell(e, STAPLE_FAILED, NULL, why);
}

static void
entry_revoked(struct stapler_entry *e, const struct ocsp_answer *answer)
{
	log_error("certificate is revoked, says its OCSP responder", kv_s("certificate", e->name),
		kv_s("responder", e->fetch.url.host));
	ocsp_plan_revoked(&e->plan, answer->this_ms, stapler_now());
	entry_tell(e, STAPLE_REVOKED, NULL, "");
}

static void
entry_good(struct stapler_entry *e, const struct ocsp_answer *answer, struct slice der)
{
	struct staple *s = staple_new(der, answer->this_ms, answer->until_ms);

	if (!s) {
		entry_fail(e, "out of memory");
		return;
	}
	ocsp_plan_good(&e->plan, answer->this_ms, answer->until_ms, stapler_now());
	log_info("OCSP answer taken", kv_s("certificate", e->name),
		kv_s("responder", e->fetch.url.host),
		kv_i("seconds", (answer->until_ms - stapler_now()) / 1000));
	entry_tell(e, STAPLE_GOOD, s, "");
}

static void
entry_on_answer(struct ocsp_fetch *f, struct slice der, const char *why)
{
	struct stapler_entry *e = list_entry(f, struct stapler_entry, fetch);
	struct ocsp_answer answer = {0};
	enum ocsp_verdict verdict;

	e->all->flying--;
	if (why) {
		entry_fail(e, why);
		return;
	}
	verdict = ocsp_judge(e->of, der, stapler_now(), &answer);
	if (verdict == OCSP_SAYS_NOTHING)
		entry_fail(e, answer.why);
	else if (ocsp_plan_is_older(&e->plan, answer.this_ms))
		entry_fail(e, "the responder's answer is older than one before");
	else if (verdict == OCSP_SAYS_REVOKED)
		entry_revoked(e, &answer);
	else
		entry_good(e, &answer, der);
}

static void
entry_ask(struct stapler_entry *e)
{
	_cleanup_(buf_clear) struct buf question;

	buf_init(&question, OCSP_REQUEST_MAX);
	stats_add(&e->all->worker->stats, STAT_OCSP_ASKED, 1);
	if (ocsp_responder(e->of, e->asked++, &e->fetch.url) < 0 ||
		ocsp_question(e->of, &question) < 0) {
		entry_fail(e, "out of memory");
		return;
	}
	e->all->flying++;
	ocsp_fetch_begin(&e->fetch, buf_slice(&question));
}

static void
entry_on_timer(struct timer *t)
{
	struct stapler_entry *e = list_entry(t, struct stapler_entry, timer);
	uint64_t wait = ocsp_plan_wait(&e->plan, stapler_now());

	if (wait > 0)
		entry_sleep(e, wait);
	else if (e->all->flying >= STAPLER_FLIGHT_MAX)
		entry_sleep(e, STAPLER_FULL_MS);
	else
		entry_ask(e);
}

/* --- all of them ------------------------------------------------------------------------------ */

static struct stapler_entry *
stapler_find(struct stapler *s, const unsigned char id[static STAPLE_ID_SIZE])
{
	for (size_t i = 0; s && i < s->n; i++)
		if (memcmp(s->entries[i].of->id, id, STAPLE_ID_SIZE) == 0)
			return &s->entries[i];
	return NULL;
}

/* What an entry of the generation before knew, or an answer that the parent has kept. */
static void
entry_remember(struct stapler_entry *e, struct stapler *before)
{
	const struct stapler_entry *old = stapler_find(before, e->of->id);
	const struct staple *kept =
		map_find(e->all->worker->tls.staples, slice_of(e->of->id, STAPLE_ID_SIZE));

	ocsp_plan_start(&e->plan, stapler_now());
	if (old) {
		e->plan = old->plan;
		e->asked = old->asked;
	} else if (kept) {
		ocsp_plan_good(&e->plan, kept->this_ms, kept->until_ms, stapler_now());
	}
}

static void
stapler_add(struct stapler *s, size_t index, struct stapler *before)
{
	const struct generation *g = s->generation;
	const struct tls_certificate *of =
		&g->certificates[s->worker->index * g->conf->n_certificates + index];
	struct stapler_entry *e = &s->entries[s->n];
	uint64_t wait;

	if (staple_state_of(g->conf, of) != STAPLE_WAITING || stapler_find(s, of->id))
		return;
	e->all = s;
	e->of = of;
	e->name = g->conf->certificates[index].name;
	timer_init(&e->timer, entry_on_timer);
	ocsp_fetch_init(&e->fetch, s->worker, entry_on_answer);
	entry_remember(e, before);
	wait = ocsp_plan_wait(&e->plan, stapler_now());
	entry_sleep(e, wait ? wait : STAPLER_STAGGER_MS * s->n);
	s->n++;
}

void
stapler_adopt(struct worker *w)
{
	struct stapler *before = steal_ptr(&w->stapler);
	size_t n = w->generation->conf->n_certificates;
	struct stapler *s = n > 0 ? calloc(1, sizeof(*s)) : NULL;

	if (s)
		s->entries = calloc(n, sizeof(*s->entries));
	/* As with checks: nobody would notice that the file is not followed. */
	if (n > 0 && (!s || !s->entries))
		abort();
	if (s) {
		s->worker = w;
		s->generation = generation_ref(w->generation);
		for (size_t i = 0; i < n; i++)
			stapler_add(s, i, before);
	}
	stapler_free(&before);
	w->stapler = s;
}

void
stapler_free(struct stapler **s)
{
	struct stapler *gone = steal_ptr(s);

	if (!gone)
		return;
	for (size_t i = 0; i < gone->n; i++) {
		timer_remove(&gone->worker->timers, &gone->entries[i].timer);
		ocsp_fetch_cancel(&gone->entries[i].fetch);
	}
	free(gone->entries);
	generation_unref(&gone->generation);
	free(gone);
}
