/* The first rule that matches. */
#include "proxy/guard/access.h"

bool
access_allowed(const struct conf_guard *guard, const struct addr *client)
{
	const struct conf_guard *from = guard->access_from;

	if (!from)
		return true;
	for (size_t i = 0; i < from->n_access; i++) {
		const struct conf_access_rule *rule = &from->access[i];

		if (!rule->net.addr.family || prefix_contains(&rule->net, client))
			return rule->allow;
	}
	return !from->access[from->n_access - 1].allow;
}
