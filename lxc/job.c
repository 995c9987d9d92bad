/* Verbs, arguments and results of helpers; see job.h. */
#include "lxc/job.h"

#include "core/num.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>

static const struct {
	const char *name;
	unsigned deadline_ms;
} verbs[JOB_VERB_COUNT] = {
#define JOB_VERB_ROW(id, name, deadline, what) [JOB_##id] = {name, deadline},
	JOB_VERB_TABLE(JOB_VERB_ROW)
#undef JOB_VERB_ROW
};

const char *
job_verb_name(enum job_verb verb)
{
	return (unsigned)verb < JOB_VERB_COUNT ? verbs[verb].name : "?";
}

unsigned
job_verb_deadline(enum job_verb verb)
{
	return (unsigned)verb < JOB_VERB_COUNT ? verbs[verb].deadline_ms : 0;
}

int
job_verb_find(struct slice name, enum job_verb *ret)
{
	for (unsigned i = 0; i < JOB_VERB_COUNT; i++) {
		if (!slice_eq_str(name, verbs[i].name))
			continue;
		*ret = (enum job_verb)i;
		return 0;
	}
	return -1;
}

int
job_put(struct buf *text, const char *key, struct slice value)
{
	if (slice_index(value, '\n') != value.n || slice_index(value, '\0') != value.n)
		return -1;
	return buf_printf(text, "%s %.*s\n", key, SLICE_ARG(value));
}

bool
job_next(struct slice *text, struct slice *ret_key, struct slice *ret_value)
{
	struct slice line;
	size_t blank;

	if (text->n == 0)
		return false;
	line = slice_head(*text, slice_index(*text, '\n'));
	*text = slice_skip(*text, line.n + 1);
	blank = slice_index(line, ' ');
	*ret_key = slice_head(line, blank);
	*ret_value = slice_skip(line, blank + 1);
	return true;
}

int
job_view_print(const struct job_view *v, struct buf *out)
{
	const struct {
		const char *key, *value;
	} texts[] = {
		{"state", container_state_name(v->state)},
		{"mac", v->mac},
		{"veth", v->veth},
		{"link", v->link},
		{"address", v->address},
		{"address6", v->address6},
	};
	int ret = buf_printf(out, "pid %jd\n", (intmax_t)v->pid);

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (texts[i].value[0])
			ret |= job_put(out, texts[i].key, slice_str(texts[i].value));
	}
	return ret;
}

static int
parse_state(struct slice name, enum container_state *ret)
{
	for (unsigned i = 0; i < CONTAINER_STATE_COUNT; i++) {
		if (!slice_eq_str(name, container_state_name((enum container_state)i)))
			continue;
		*ret = (enum container_state)i;
		return 0;
	}
	return -1;
}

static int
copy(struct slice s, char *out, size_t size)
{
	if (s.n >= size)
		return -1;
	memcpy(out, s.p, s.n);
	out[s.n] = '\0';
	return 0;
}

/* One line of a view. Lines of other keys are an error: both sides are one program. */
static int
view_line(struct job_view *v, struct slice key, struct slice value)
{
	uint64_t pid;

	if (slice_eq_str(key, "state"))
		return parse_state(value, &v->state);
	if (slice_eq_str(key, "mac"))
		return copy(value, v->mac, sizeof(v->mac));
	if (slice_eq_str(key, "veth"))
		return copy(value, v->veth, sizeof(v->veth));
	if (slice_eq_str(key, "link"))
		return copy(value, v->link, sizeof(v->link));
	if (slice_eq_str(key, "address"))
		return copy(value, v->address, sizeof(v->address));
	if (slice_eq_str(key, "address6"))
		return copy(value, v->address6, sizeof(v->address6));
	if (!slice_eq_str(key, "pid") || num_parse(value, 0, INT32_MAX, &pid) < 0)
		return -1;
	v->pid = (pid_t)pid;
	return 0;
}

int
job_view_parse(struct slice text, struct job_view *ret, struct err *e)
{
	struct job_view v = {.state = CONTAINER_ABSENT};
	struct slice key, value;

	while (job_next(&text, &key, &value)) {
		if (view_line(&v, key, value) < 0)
			return err_set(e, "helper's answer not understood: %.*s", SLICE_ARG(key));
	}
	*ret = v;
	return 0;
}
