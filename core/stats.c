/* What the counters are called, and how a process reports its own. */
#include "core/stats.h"

struct row {
	const char *name, *meaning;
	enum role role;
	bool gauge;
};

enum kind { KIND_COUNTER, KIND_GAUGE };

static const struct row rows[STAT_COUNT] = {
#define STATS_ROW(id, name, process, kind, meaning)                                                \
	[STAT_##id] = {(name), (meaning), ROLE_##process, KIND_##kind == KIND_GAUGE},
	STATS_TABLE(STATS_ROW)
#undef STATS_ROW
};

const char *
stats_name(enum stat_id which)
{
	return rows[which].name;
}

const char *
stats_meaning(enum stat_id which)
{
	return rows[which].meaning;
}

enum role
stats_role(enum stat_id which)
{
	return rows[which].role;
}

bool
stats_is_gauge(enum stat_id which)
{
	return rows[which].gauge;
}

void
stats_put(struct msg_out *m, enum role role, struct stats *const *arrays, size_t n)
{
	for (unsigned which = 0; which < STAT_COUNT; which++) {
		uint64_t sum = 0;

		if (rows[which].role != role)
			continue;
		for (size_t i = 0; i < n; i++)
			sum += atomic_load_explicit(&arrays[i]->value[which], memory_order_relaxed);
		msg_put_u16(m, (uint16_t)which);
		msg_put_u64(m, sum);
	}
}
