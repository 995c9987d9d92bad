/* Limits in force; see enforce.h. */
#include "lxc/enforce.h"

#include "core/file.h"
#include "core/log.h"
#include "lxc/cgroup.h"
#include "lxc/guest.h"
#include "lxc/limits.h"
#include "lxc/text.h"
#include "lxc/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROC_CGROUP_MAX 8192

/* One container's cgroup, opened for a few reads and writes. */
struct place {
	const struct cgroup_layout *layout;
	struct buf proc_cgroup;
};

static int
place_open(struct place *p, const struct cgroup_layout *layout, pid_t pid)
{
	char path[64];

	p->layout = layout;
	buf_init(&p->proc_cgroup, PROC_CGROUP_MAX);
	(void)snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)pid);
	if (pid > 0 && file_read(path, &p->proc_cgroup, NULL) == 0)
		return 0;
	buf_clear(&p->proc_cgroup);
	return -1;
}

static void
place_close(struct place *p)
{
	buf_clear(&p->proc_cgroup);
}

static int
place_read(struct place *p, const struct limit *l, struct buf *out)
{
	buf_reset(out);
	return cgroup_read(
		p->layout, buf_slice(&p->proc_cgroup), l->controller, l->file, out, NULL);
}

static int
place_write(struct place *p, const struct limit *l, struct err *e)
{
	/* A list is emptied by a newline; nothing at all would not be written. */
	const char *value = l->value[0] ? l->value : "\n";

	return cgroup_write(
		p->layout, buf_slice(&p->proc_cgroup), l->controller, l->file, value, e);
}

static bool
is_v2(const struct cgroup_layout *layout, const char *controller)
{
	const struct cgroup_mount *m = cgroup_find(layout, controller);

	return m && m->v2;
}

/* The limits of the family that each controller has here. */
static size_t
plan(const struct guest *g, bool all, struct limit ret[static LIMITS_MAX])
{
	const struct cgroup_layout *layout = &g->lxc->layout;
	size_t n = 0;

	for (unsigned v2 = 0; v2 < 2; v2++) {
		struct limit limits[LIMITS_MAX];
		size_t m = all ? limits_plan_all(g->conf, v2, (struct slice){0}, limits)
			       : limits_plan(g->conf, v2, limits);

		for (size_t i = 0; i < m; i++) {
			if (is_v2(layout, limits[i].controller) == (v2 == 1) && n < LIMITS_MAX)
				ret[n++] = limits[i];
		}
	}
	return n;
}

static bool
in_force(struct place *p, const struct limit *l)
{
	struct buf actual;
	bool ok;

	buf_init(&actual, CGROUP_VALUE_MAX);
	ok = place_read(p, l, &actual) == 0 && limit_in_force(l, buf_slice(&actual));
	buf_clear(&actual);
	return ok;
}

/* v1 knows no empty list: "all processors" is the host's own list. */
static void
fill_all_cpus(const struct place *p, struct limit *l)
{
	struct buf text;

	buf_init(&text, LIMIT_VALUE_MAX - 1);
	if (l->kind == LIMIT_CPUS && !l->value[0] && !is_v2(p->layout, "cpuset") &&
		file_read("/sys/devices/system/cpu/online", &text, NULL) == 0)
		(void)text_copy(l->value, sizeof(l->value),
			slice_head(buf_slice(&text), slice_index(buf_slice(&text), '\n')));
	buf_clear(&text);
}

static void
write_limit(const struct guest *g, struct place *p, struct limit *l)
{
	struct err e;

	fill_all_cpus(p, l);
	if (in_force(p, l))
		return;
	if (place_write(p, l, &e) < 0)
		log_warn("limit not written", kv_s("container", g->name), kv_s("file", l->file),
			kv_err("why", &e));
	else
		log_info("limit written", kv_s("container", g->name), kv_s("file", l->file),
			kv_s("value", l->value));
}

/* v1 refuses memory above memory+swap, so that the order depends on what is there. */
static bool
swap_goes_first(struct place *p, const struct limit *memory, const struct limit *swap)
{
	struct buf now;
	bool first;

	buf_init(&now, CGROUP_VALUE_MAX);
	first = place_read(p, swap, &now) == 0 && limits_swap_first(memory, buf_slice(&now));
	buf_clear(&now);
	return first;
}

void
enforce_apply(struct guest *g)
{
	struct limit limits[LIMITS_MAX], asked[LIMITS_MAX];
	size_t n = plan(g, true, limits), n_asked = plan(g, false, asked);
	unsigned bits = g->dropped_limits;
	struct place p;

	if (place_open(&p, &g->lxc->layout, g->pid) < 0)
		return;
	for (size_t i = 0; i < n_asked; i++)
		bits |= 1u << asked[i].kind;
	if (n == LIMITS_MAX && limits[0].kind == LIMIT_MEMORY && limits[1].kind == LIMIT_SWAP &&
		!is_v2(p.layout, "memory") && swap_goes_first(&p, &limits[0], &limits[1])) {
		struct limit first = limits[1];

		limits[1] = limits[0];
		limits[0] = first;
	}
	for (size_t i = 0; i < n; i++) {
		if (bits & 1u << limits[i].kind)
			write_limit(g, &p, &limits[i]);
	}
	place_close(&p);
	g->dropped_limits = 0;
	enforce_check(g);
}

/* Adds "memory.max is max, not 786432000" to the text. */
static void
complain(struct place *p, const struct limit *l, char *text, size_t size)
{
	const char *comma = text[0] ? "; " : "";
	struct buf actual;
	struct slice s;

	buf_init(&actual, CGROUP_VALUE_MAX);
	if (place_read(p, l, &actual) < 0) {
		(void)text_add(text, size, "%s%s: this kernel has no %s", comma,
			limit_kind_name(l->kind), l->file);
	} else {
		s = buf_slice(&actual);
		s.n = slice_index(s, '\n');
		(void)text_add(text, size, "%s%s: %s is %.*s, not %s", comma,
			limit_kind_name(l->kind), l->file, SLICE_ARG(slice_head(s, 64)), l->value);
	}
	buf_clear(&actual);
}

void
enforce_check(struct guest *g)
{
	char text[GUEST_NOTE_MAX - 64] = "";
	struct limit limits[LIMITS_MAX];
	size_t n = plan(g, false, limits);
	struct place p;

	if (place_open(&p, &g->lxc->layout, g->pid) < 0)
		return;
	for (size_t i = 0; i < n; i++) {
		if (!in_force(&p, &limits[i]))
			complain(&p, &limits[i], text, sizeof(text));
	}
	place_close(&p);
	if (text[0] && !strstr(g->notes[NOTE_LIMITS], text))
		lxc_tell(g->lxc, "limit not in force", "container", g->name, "why", text, NULL);
	guest_note(g, NOTE_LIMITS, "%s%s", text[0] ? "limit not in force: " : "", text);
}

static bool
is_frozen(const struct cgroup_layout *layout, pid_t pid)
{
	bool v2 = is_v2(layout, "freezer"), frozen = false;
	struct limit l = {.controller = "freezer", .file = v2 ? "cgroup.events" : "freezer.state"};
	struct buf text;
	struct place p;

	if (place_open(&p, layout, pid) < 0)
		return false;
	buf_init(&text, CGROUP_VALUE_MAX);
	if (place_read(&p, &l, &text) == 0) {
		struct slice rest = buf_slice(&text);

		for (; rest.n > 0; rest = slice_skip(rest, slice_index(rest, '\n') + 1))
			frozen = frozen || slice_starts(rest, SLICE_LIT("FROZEN")) ||
				 slice_starts(rest, SLICE_LIT("frozen 1"));
	}
	buf_clear(&text);
	place_close(&p);
	return frozen;
}

void
enforce_frozen(const struct guest *g, struct job_view *view)
{
	if (view->state != CONTAINER_RUNNING && view->state != CONTAINER_FROZEN)
		return;
	view->state = is_frozen(&g->lxc->layout, view->pid) ? CONTAINER_FROZEN : CONTAINER_RUNNING;
}

int
enforce_freezer_path(const struct guest *g, char *ret, unsigned long size)
{
	const struct cgroup_mount *m = cgroup_find(&g->lxc->layout, "freezer");
	char folder[PATH_MAX];
	struct place p;
	int found = -1;

	if (!m || place_open(&p, &g->lxc->layout, g->pid) < 0)
		return -1;
	if (cgroup_path(m, buf_slice(&p.proc_cgroup), folder) == 0)
		found = text_print(
			ret, size, "%s/%s", folder, m->v2 ? "cgroup.events" : "freezer.state");
	place_close(&p);
	return found;
}
