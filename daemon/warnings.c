/* What is warned of; what is refused stands in conf/check.c and check_files.c. */
#include "daemon/warnings.h"

#include "daemon/load.h"

#include <unistd.h>

/* http://wiki:80 looks the name up in the world, and nothing waits for the container's restarts. */
static void
warn_of_hosts(const struct conf *c, const struct conf_route *route, struct conf_errors *errs)
{
	for (size_t i = 0; i < conf_route_targets(route); i++) {
		const struct conf_target *t = conf_route_target(route, i);
		struct err e;

		if (t->type != CONF_TARGET_HTTP || conf_find_container(c, slice_str(t->host)) < 0)
			continue;
		err_ordinal(&e, route->ordinal,
			"warning: \"%s\" is a container of this file; it is written without "
			"http://: %s:%u%s",
			t->host, t->host, t->port, t->path ? t->path : "");
		load_add_error(errs, &e);
	}
}

/* A missing source fails its container alone, and the disk may come later. */
static void
warn_of_mounts(const struct conf_container *c, struct conf_errors *errs)
{
	for (size_t i = 0; i < c->n_mounts; i++) {
		const struct conf_mount *m = &c->mounts[i];
		struct err e;

		if (access(m->source, F_OK) == 0)
			continue;
		err_ordinal(&e, m->ordinal,
			"warning: %s does not exist; container \"%s\" cannot start without it",
			m->source, c->name);
		load_add_error(errs, &e);
	}
}

void
warnings_find(const struct conf *c, struct conf_errors *errs)
{
	for (size_t i = 0; i < c->n_sites; i++)
		for (size_t k = 0; k < c->sites[i].n_routes; k++)
			warn_of_hosts(c, &c->sites[i].routes[k], errs);
	for (size_t i = 0; i < c->n_containers; i++)
		warn_of_mounts(&c->containers[i], errs);
}
