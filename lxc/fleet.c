/* All guests together; see fleet.h. */
#include "lxc/fleet.h"

#include "core/log.h"
#include "lxc/ending.h"
#include "lxc/guest.h"
#include "lxc/setup.h"
#include "lxc/task.h"
#include "lxc/text.h"
#include "lxc/world.h"

#include <dirent.h>
#include <unistd.h>

static struct guest *
add_guest(struct lxc *lxc, const char *name)
{
	struct guest *g = guest_new(lxc, name);

	if (!g)
		log_error("out of memory: container not watched", kv_s("container", name));
	return g;
}

/* Makes a guest managed by this block, or unmanaged (NULL). */
static void
assign(struct guest *g, const struct conf_container *c, uint32_t place)
{
	bool was = guest_is_managed(g);

	g->conf = c;
	g->place = place;
	if (c && !was)
		ending_recall(g);
	if (!c && was) {
		ending_reset(g);
		for (unsigned i = 0; i < NOTE_COUNT; i++)
			guest_note(g, (enum guest_note)i, "%s", "");
	}
	guest_announce(g);
}

void
fleet_commit(struct lxc *lxc, struct conf *next)
{
	struct conf *old = lxc->conf;

	lxc->conf = next;
	list_each(node, &lxc->guests)
	{
		struct guest *g = list_entry(node, struct guest, node);
		int32_t i = conf_find_container(next, slice_str(g->name));

		assign(g, i < 0 ? NULL : &next->containers[i], i < 0 ? 0 : (uint32_t)i);
	}
	for (size_t i = 0; i < next->n_containers; i++) {
		const struct conf_container *c = &next->containers[i];
		struct guest *g = guest_find(lxc, slice_str(c->name));

		if (g)
			continue;
		g = add_guest(lxc, c->name);
		if (g)
			assign(g, c, (uint32_t)i);
	}
	conf_unref(&old);
}

static void
forget_vanished(struct lxc *lxc)
{
	list_each(node, &lxc->guests)
	{
		struct guest *g = list_entry(node, struct guest, node);

		if (guest_is_managed(g) || guest_is_up(g) || setup_exists(g) ||
			!list_empty(&g->tasks))
			continue;
		guest_free(&g, true);
	}
}

void
fleet_scan(struct lxc *lxc)
{
	DIR *d = opendir(lxc_path(lxc));

	/* NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is our own. */
	for (struct dirent *entry; d && (entry = readdir(d));) {
		struct guest *g;
		char config[PATH_MAX];

		if (entry->d_name[0] == '.' || guest_find(lxc, slice_str(entry->d_name)))
			continue;
		if (text_print(config, sizeof(config), "%s/%s/config", lxc_path(lxc),
			    entry->d_name) < 0 ||
			access(config, F_OK) < 0)
			continue;
		g = add_guest(lxc, entry->d_name);
		if (g)
			task_want(g, TASK_QUERY);
	}
	if (d)
		closedir(d);
	forget_vanished(lxc);
}

void
fleet_resync(struct lxc *lxc)
{
	fleet_scan(lxc);
	list_each(node, &lxc->guests)
	{
		struct guest *g = list_entry(node, struct guest, node);

		/* One that is busy will say itself what becomes of it. */
		if (!task_current(g))
			task_want(g, TASK_QUERY);
	}
}

void
fleet_send(struct lxc *lxc, enum role to)
{
	list_each(node, &lxc->guests)
	{
		guest_send(list_entry(node, struct guest, node), to);
	}
}

unsigned
fleet_running(struct lxc *lxc)
{
	unsigned n = 0;

	list_each(node, &lxc->guests)
	{
		const struct guest *g = list_entry(node, struct guest, node);

		if (guest_is_managed(g) && g->state == CONTAINER_RUNNING)
			n++;
	}
	return n;
}
