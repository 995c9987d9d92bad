/*
 * What lxc tells of containers' addresses, by name: the router may know them before the
 * configuration that names them, and longer.
 */
#include "router/process.h"

#include "core/log.h"

#include <stdlib.h>

void
containers_set(struct router *r, struct slice name, const struct plan_address *address)
{
	struct plan_address *known = map_find(r->containers, name);

	if (known) {
		*known = *address;
		return;
	}
	known = malloc(sizeof(*known));
	if (!known || map_set(r->containers, name, known, NULL) < 0) {
		log_error("no memory for a container's address", kv_slice("container", name));
		free(known);
		return;
	}
	*known = *address;
}

bool
containers_all_told(const struct router *r, const struct conf *c)
{
	for (size_t i = 0; i < c->n_containers; i++)
		if (!map_find(r->containers, slice_str(c->containers[i].name)))
			return false;
	return true;
}

void
containers_forget(struct router *r, struct slice name)
{
	free(map_remove(r->containers, name));
}

void
router_forget_containers(struct router *r)
{
	size_t cursor = 0;
	void *known;

	if (!r->containers)
		return;
	while ((known = map_next(r->containers, &cursor, NULL)) != NULL)
		free(known);
	map_free(&r->containers);
}

struct plan_address *
containers_known(const struct router *r, const struct conf *c)
{
	struct plan_address *all = calloc(c->n_containers + 1, sizeof(*all));

	for (size_t i = 0; all && i < c->n_containers; i++) {
		const struct plan_address *known =
			map_find(r->containers, slice_str(c->containers[i].name));

		if (known)
			all[i] = *known;
	}
	return all;
}
