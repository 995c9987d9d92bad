/* Values of `limit`. */
#include "conf/limit.h"

#include <stdlib.h>

static bool
same_limit(const struct conf_source_limit *a, const struct conf_source_limit *b)
{
	if (a->kind != b->kind || a->count != b->count || a->period_ms != b->period_ms ||
		a->burst != b->burst || a->burst_written != b->burst_written ||
		a->n_ports != b->n_ports)
		return false;
	for (size_t i = 0; i < a->n_ports; i++)
		if (a->ports[i].low != b->ports[i].low || a->ports[i].high != b->ports[i].high)
			return false;
	return true;
}

bool
conf_source_limits_equal(const struct conf_source_limits *a, const struct conf_source_limits *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!same_limit(&a->v[i], &b->v[i]))
			return false;
	return true;
}

void
conf_source_limits_clear(struct conf_source_limits *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i].ports);
	free(l->v);
	*l = (struct conf_source_limits){0};
}
