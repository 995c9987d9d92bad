/* Limits as values; see limits.h. */
#include "lxc/limits.h"

#include "core/num.h"
#include "lxc/text.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>

#define PAGE 4096u
/* What v1 reads back for "none": the largest number of whole pages. */
#define V1_NONE_MIN UINT64_C(0x7fffffff00000000)

struct cpu_set_words {
	uint64_t words[LIMITS_CPUS_MAX / 64];
};

static const struct limit templates[2][LIMITS_MAX] = {
	{{.kind = LIMIT_MEMORY, .controller = "memory", .file = "memory.limit_in_bytes"},
		{.kind = LIMIT_SWAP, .controller = "memory", .file = "memory.memsw.limit_in_bytes"},
		{.kind = LIMIT_CPUS, .controller = "cpuset", .file = "cpuset.cpus"}},
	{{.kind = LIMIT_MEMORY, .controller = "memory", .file = "memory.max"},
		{.kind = LIMIT_SWAP, .controller = "memory", .file = "memory.swap.max"},
		{.kind = LIMIT_CPUS, .controller = "cpuset", .file = "cpuset.cpus"}},
};

const char *
limit_kind_name(enum limit_kind kind)
{
	switch (kind) {
	case LIMIT_MEMORY:
		return "memory";
	case LIMIT_SWAP:
		return "swap";
	case LIMIT_CPUS:
		return "cpus";
	}
	return "?";
}

static bool
is_asked(const struct conf_container *c, enum limit_kind kind)
{
	return kind == LIMIT_CPUS ? c->cpus != NULL : c->memory > 0;
}

static void
set_value(struct limit *l, const struct conf_container *c, bool v2)
{
	uint64_t swap = v2 ? c->swap : c->memory + c->swap;

	if (l->kind == LIMIT_CPUS)
		(void)snprintf(l->value, sizeof(l->value), "%s", c->cpus);
	else
		(void)snprintf(l->value, sizeof(l->value), "%" PRIu64,
			l->kind == LIMIT_MEMORY ? c->memory : swap);
}

size_t
limits_plan(const struct conf_container *c, bool v2, struct limit ret[static LIMITS_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < LIMITS_MAX; i++) {
		if (!is_asked(c, templates[v2][i].kind))
			continue;
		ret[n] = templates[v2][i];
		set_value(&ret[n++], c, v2);
	}
	return n;
}

size_t
limits_plan_all(const struct conf_container *c, bool v2, struct slice all_cpus,
	struct limit ret[static LIMITS_MAX])
{
	for (size_t i = 0; i < LIMITS_MAX; i++) {
		struct limit *l = &ret[i];

		*l = templates[v2][i];
		if (is_asked(c, l->kind))
			set_value(l, c, v2);
		else if (l->kind == LIMIT_CPUS)
			(void)text_copy(l->value, sizeof(l->value), all_cpus);
		else
			(void)snprintf(l->value, sizeof(l->value), "%s", v2 ? "max" : "-1");
	}
	return LIMITS_MAX;
}

/* Reads "0-3,5" into a set. 0 or -1. */
static int
parse_cpus(struct slice s, struct cpu_set_words *ret)
{
	struct cpu_set_words set = {0};

	s = slice_trim(s);
	while (s.n > 0) {
		size_t comma = slice_index(s, ',');
		struct slice part = slice_head(s, comma);
		size_t dash = slice_index(part, '-');
		uint64_t low, high;

		if (num_parse(slice_head(part, dash), 0, LIMITS_CPUS_MAX - 1, &low) < 0)
			return -1;
		high = low;
		if (dash < part.n &&
			num_parse(slice_skip(part, dash + 1), low, LIMITS_CPUS_MAX - 1, &high) < 0)
			return -1;
		for (; low <= high; low++)
			set.words[low / 64] |= UINT64_C(1) << low % 64;
		s = slice_skip(s, comma + 1);
	}
	*ret = set;
	return 0;
}

static struct slice
strip(struct slice s)
{
	while (s.n > 0 && (s.p[s.n - 1] == '\n' || s.p[s.n - 1] == ' '))
		s.n--;
	return s;
}

/* A number of bytes; "max", "-1" and what v1 reads back for them are UINT64_MAX. 0 or -1. */
static int
parse_bytes(struct slice s, uint64_t *ret)
{
	uint64_t v;

	if (slice_eq_str(s, "max") || slice_eq_str(s, "-1")) {
		*ret = UINT64_MAX;
		return 0;
	}
	if (num_parse(s, 0, UINT64_MAX, &v) < 0)
		return -1;
	*ret = v >= V1_NONE_MIN ? UINT64_MAX : v;
	return 0;
}

bool
limit_in_force(const struct limit *wanted, struct slice actual)
{
	struct cpu_set_words a, b;
	uint64_t x, y;

	actual = strip(actual);
	if (wanted->kind == LIMIT_CPUS)
		return parse_cpus(slice_str(wanted->value), &a) == 0 &&
		       parse_cpus(actual, &b) == 0 && memcmp(&a, &b, sizeof(a)) == 0;
	return parse_bytes(slice_str(wanted->value), &x) == 0 && parse_bytes(actual, &y) == 0 &&
	       x / PAGE == y / PAGE;
}

bool
limits_swap_first(const struct limit *memory, struct slice memsw_now)
{
	uint64_t wanted, now;

	if (parse_bytes(slice_str(memory->value), &wanted) < 0 ||
		parse_bytes(strip(memsw_now), &now) < 0)
		return false;
	return wanted > now;
}

bool
limits_cpus_exist(struct slice cpus, struct slice online)
{
	struct cpu_set_words wanted, have;

	if (parse_cpus(cpus, &wanted) < 0 || parse_cpus(strip(online), &have) < 0)
		return false;
	for (size_t i = 0; i < sizeof(wanted.words) / sizeof(wanted.words[0]); i++) {
		if (wanted.words[i] & ~have.words[i])
			return false;
	}
	return true;
}
