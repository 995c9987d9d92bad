/* Guards: inherited, compared, freed. */
#include "conf/guard.h"

#include <stdlib.h>

static bool
same_access(const struct conf_guard *a, const struct conf_guard *b)
{
	if (a->n_access != b->n_access)
		return false;
	for (size_t i = 0; i < a->n_access; i++)
		if (a->access[i].allow != b->access[i].allow ||
			a->access[i].net.len != b->access[i].net.len ||
			!addr_eq(&a->access[i].net.addr, &b->access[i].net.addr))
			return false;
	return true;
}

bool
conf_guard_equal(const struct conf_guard *a, const struct conf_guard *b)
{
	return same_access(a, b);
}

void
conf_guard_inherit(struct conf_guard *guard, const struct conf_guard *outer)
{
	guard->access_from = guard->n_access ? guard : outer ? outer->access_from : NULL;
}

bool
conf_guard_written(const struct conf_guard *guard)
{
	return guard->n_access > 0;
}

void
conf_guard_clear(struct conf_guard *guard)
{
	free(guard->access);
}
