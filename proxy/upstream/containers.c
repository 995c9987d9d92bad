/*
 * The table of containers of one thread, and what a message changes in it.
 */
#include "proxy/upstream/containers.h"

#include <stdlib.h>
#include <string.h>

int
containers_init(struct containers *c)
{
	c->by_name = map_new();
	return c->by_name ? 0 : -1;
}

void
containers_clear(struct containers *c)
{
	size_t cursor = 0;
	struct slice key;
	void *entry;

	if (!c->by_name)
		return;
	while ((entry = map_next(c->by_name, &cursor, &key)) != NULL)
		free(entry);
	map_free(&c->by_name);
}

struct container_entry *
containers_get(struct containers *c, struct slice name)
{
	struct container_entry *entry = map_find(c->by_name, name);

	if (entry || name.n >= sizeof(entry->name))
		return entry;
	entry = calloc(1, sizeof(*entry));
	if (!entry)
		return NULL;
	memcpy(entry->name, name.p, name.n);
	entry->state = CONTAINER_ABSENT;
	list_init(&entry->exchanges);
	if (map_set(c->by_name, name, entry, NULL) < 0) {
		free(entry);
		return NULL;
	}
	return entry;
}

/* The moment of a wall-clock time on the monotonic clock; never 0, never in the future. */
static uint64_t
container_moment(uint64_t wall, uint64_t now_wall, uint64_t now_mono)
{
	uint64_t age = wall < now_wall ? now_wall - wall : 0;

	return age < now_mono ? now_mono - age : 1;
}

enum container_change
container_update(struct container_entry *entry, const struct container_news *news,
	uint64_t now_wall, uint64_t now_mono)
{
	bool moved = !addr_eq(&entry->address, &news->address) ||
		     !addr_eq(&entry->address6, &news->address6);
	bool lost = entry->known && (entry->pid != news->pid || moved);
	bool changed = !entry->known || entry->state != news->state || moved || lost;

	if (!changed)
		return CONTAINER_SAME;
	entry->changed_at = container_moment(news->changed_ms, now_wall, now_mono);
	if (entry->known && (moved || lost))
		entry->changed_at = now_mono;
	entry->known = true;
	entry->state = news->state;
	entry->pid = news->pid;
	entry->address = news->address;
	entry->address6 = news->address6;
	entry->failing_since = 0;
	entry->answered = false;
	return lost ? CONTAINER_LOST : CONTAINER_CHANGED;
}

static int
container_news_name(struct container_news *news, struct slice name)
{
	if (name.n == 0 || name.n >= sizeof(news->name))
		return -1;
	memcpy(news->name, name.p, name.n);
	news->name[name.n] = '\0';
	return 0;
}

/* An empty text is no address. */
static int
container_news_address(struct slice text, struct addr *ret)
{
	*ret = (struct addr){0};
	return text.n == 0 ? 0 : addr_parse(text, ret);
}

int
container_news_read(struct msg_in *m, struct container_news *ret)
{
	struct container_news news = {.gone = m->type == MSG_CONTAINER_GONE};
	struct slice name = msg_get_slice(m);
	uint8_t state;

	if (container_news_name(&news, name) < 0)
		return -1;
	if (!news.gone) {
		state = msg_get_u8(m);
		(void)msg_get_u8(m); /* managed or not: all the same to a route */
		news.changed_ms = msg_get_u64(m);
		news.pid = msg_get_u32(m);
		(void)msg_get_u32(m); /* restarts */
		if (state >= CONTAINER_STATE_COUNT ||
			container_news_address(msg_get_slice(m), &news.address) < 0 ||
			container_news_address(msg_get_slice(m), &news.address6) < 0)
			return -1;
		news.state = (enum container_state)state;
		for (int i = 0; i < 4; i++)
			(void)msg_get_slice(m); /* mac, veth, job, notes */
	}
	if (msg_finish(m) < 0)
		return -1;
	*ret = news;
	return 0;
}
