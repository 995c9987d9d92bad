/* The queues of tasks, and what their chains are made of; see task.h. The chains are in chain.c. */
#include "lxc/task.h"

#include "core/log.h"
#include "lxc/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void on_timer(evutil_socket_t fd, short events, void *ctx);
static void begin_first(struct guest *g);

static const char *const names[TASK_KIND_COUNT] = {
#define TASK_NAME(id, name) [TASK_##id] = (name),
	TASK_TABLE(TASK_NAME)
#undef TASK_NAME
};

const char *
task_kind_name(enum task_kind kind)
{
	return (unsigned)kind < TASK_KIND_COUNT ? names[kind] : "?";
}

int
task_kind_find(struct slice name, enum task_kind *ret)
{
	for (unsigned i = 0; i < TASK_KIND_COUNT; i++) {
		if (!slice_eq_str(name, names[i]))
			continue;
		*ret = (enum task_kind)i;
		return 0;
	}
	return -1;
}

void
slot_init(struct slot *s, unsigned limit)
{
	s->limit = limit;
	s->used = 0;
	list_init(&s->waiting);
}

/* Whether a QUERY of this guest waits already, so that its answer will be news enough. */
static bool
query_waits(const struct guest *g, size_t *ret_n)
{
	bool waits = false;

	*ret_n = 0;
	list_each(node, &g->tasks)
	{
		const struct task *t = list_entry(node, struct task, node);

		waits = waits || (t->kind == TASK_QUERY && !t->begun);
		(*ret_n)++;
	}
	return waits;
}

int
task_add(struct guest *g, enum task_kind kind, task_done *done, uint64_t id, struct err *e)
{
	struct task *t;
	size_t n;

	if (query_waits(g, &n) && kind == TASK_QUERY && !done)
		return 0;
	if (n >= TASKS_MAX)
		return err_set(e, "%d tasks already wait for %s", TASKS_MAX, g->name);
	t = calloc(1, sizeof(*t));
	if (t)
		t->timer = evtimer_new(g->lxc->base, on_timer, t);
	if (!t || !t->timer) {
		free(t);
		return err_set(e, "out of memory");
	}
	t->guest = g;
	t->kind = kind;
	t->done = done;
	t->id = id;
	list_init(&t->waiting);
	buf_init(&t->args, JOB_TEXT_MAX);
	list_append(&g->tasks, &t->node);
	begin_first(g);
	return 0;
}

void
task_want(struct guest *g, enum task_kind kind)
{
	struct err e;

	if (task_add(g, kind, NULL, 0, &e) < 0)
		log_err("task not queued", &e);
}

struct task *
task_current(const struct guest *g)
{
	struct list *first = list_first(&g->tasks);
	struct task *t = first ? list_entry(first, struct task, node) : NULL;

	return t && t->begun ? t : NULL;
}

/* Lets the first task of the queue begin, unless it has. Not recursive: a task that ends at once
 * comes back here through the loop below. */
static void
begin_first(struct guest *g)
{
	struct list *first;

	if (g->beginning)
		return;
	g->beginning = true;
	while ((first = list_first(&g->tasks))) {
		struct task *t = list_entry(first, struct task, node);

		if (t->begun)
			break;
		t->begun = true;
		chain_begin(t);
	}
	g->beginning = false;
}

static void run_now(struct task *t);

static void
slot_release(struct task *t)
{
	struct slot *s = t->slot;
	struct list *next;

	list_remove(&t->waiting);
	t->slot = NULL;
	if (!t->has_slot)
		return;
	t->has_slot = false;
	s->used--;
	next = list_first(&s->waiting);
	if (!next)
		return;
	list_remove(next);
	run_now(list_entry(next, struct task, waiting));
}

static struct slot *
slot_of(struct lxc *lxc, enum job_verb verb)
{
	switch (verb) {
	case JOB_CREATE:
	case JOB_DESTROY:
		return &lxc->creations;
	case JOB_START:
		return &lxc->starts;
	case JOB_QUERY:
		return &lxc->queries;
	case JOB_SHUTDOWN:
	case JOB_KILL:
	case JOB_FREEZE:
	case JOB_THAW:
	case JOB_EXEC:
	case JOB_VERB_COUNT:
		break;
	}
	return NULL;
}

static void
on_note(void *ctx, struct slice line)
{
	struct task *t = ctx;

	guest_job(t->guest, "%s: %.*s", job_verb_name(t->verb), SLICE_ARG(line));
	if (t->verb == JOB_CREATE) {
		char text[GUEST_JOB_MAX];

		(void)text_copy(text, sizeof(text), line);
		lxc_tell(t->guest->lxc, "container create progress", "container", t->guest->name,
			"text", text, NULL);
	}
}

static void
on_done(void *ctx, bool ok, struct slice text)
{
	struct task *t = ctx;
	void (*then)(struct task *, bool, struct slice) = t->then;

	t->helper = NULL;
	t->then = NULL;
	buf_reset(&t->args);
	slot_release(t);
	then(t, ok, text);
}

static void
run_now(struct task *t)
{
	struct lxc *lxc = t->guest->lxc;
	struct spawn_spec spec = {
		.verb = t->verb,
		.lxc_path = lxc_path(lxc),
		.name = t->guest->name,
		.args = buf_slice(&t->args),
		.fd = -1,
		.on_note = on_note,
		.on_done = on_done,
		.ctx = t,
	};
	struct err e;

	if (t->slot) {
		t->slot->used++;
		t->has_slot = true;
	}
	if (t->verb != JOB_QUERY)
		guest_job(t->guest, "%s", job_verb_name(t->verb));
	t->helper = spawn_start(&lxc->spawner, &spec, &e);
	if (!t->helper)
		on_done(t, false, slice_str(e.msg));
}

void
task_run(struct task *t, enum job_verb verb,
	void (*then)(struct task *t, bool ok, struct slice text))
{
	t->verb = verb;
	t->then = then;
	t->slot = slot_of(t->guest->lxc, verb);
	if (t->slot && t->slot->used >= t->slot->limit) {
		list_append(&t->slot->waiting, &t->waiting);
		if (verb != JOB_QUERY)
			guest_job(t->guest, "%s: waiting for its turn", job_verb_name(verb));
		return;
	}
	run_now(t);
}

void
task_wait_exit(struct task *t, void (*on_exited)(struct task *t), uint64_t ms,
	void (*timer_done)(struct task *t))
{
	struct timeval tv = {
		.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000)};

	t->on_exited = on_exited;
	t->on_timer = timer_done;
	(void)event_add(t->timer, &tv);
}

static void
on_timer(evutil_socket_t fd, short events, void *ctx)
{
	struct task *t = ctx;
	void (*next)(struct task *) = t->on_timer;

	(void)fd;
	(void)events;
	t->on_exited = NULL;
	t->on_timer = NULL;
	next(t);
}

void
task_init_exited(struct guest *g)
{
	struct task *t = task_current(g);
	void (*next)(struct task *);

	if (!t || !t->on_exited)
		return;
	next = t->on_exited;
	t->on_exited = NULL;
	t->on_timer = NULL;
	(void)event_del(t->timer);
	next(t);
}

static void
task_free(struct task *t)
{
	spawn_cancel(&t->helper);
	slot_release(t);
	list_remove(&t->node);
	event_free(t->timer);
	buf_clear(&t->args);
	free(t);
}

void
task_finish(struct task *t, bool ok, const char *why)
{
	struct guest *g = t->guest;
	task_done *done = t->done;
	uint64_t id = t->id;
	char text[ERR_MSG_MAX];

	/* why may be the task's own. */
	(void)text_copy(text, sizeof(text), slice_str(why));
	if (t->kind != TASK_QUERY) {
		guest_job(g, "%s", "");
		guest_note(g, NOTE_ERROR, "%s%s%s", ok ? "" : task_kind_name(t->kind),
			ok ? "" : " failed: ", ok ? "" : text);
	}
	task_free(t);
	guest_flush(g);
	if (done)
		done(g, id, ok, text);
	begin_first(g);
}

void
task_cancel_all(struct guest *g, const char *why)
{
	bool beginning = g->beginning;

	/* No other task begins on the way. */
	g->beginning = true;
	while (!list_empty(&g->tasks)) {
		struct task *t = list_entry(list_first(&g->tasks), struct task, node);
		task_done *done = t->done;
		uint64_t id = t->id;

		task_free(t);
		if (done)
			done(g, id, false, why);
	}
	g->beginning = beginning;
}
