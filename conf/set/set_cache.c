/* cache, which may stand at top level, in a site and in a route; its memory and disk at top level.
 */
#include "conf/setters.h"

#include "conf/parse.h"

static const uint64_t ttl_range_ms[2] = {1000, UINT64_C(365) * 24 * 3600 * 1000};

static struct conf_cache *
open_cache(struct parse *p)
{
	switch (p->scopes[p->depth].context) {
	case CONTEXT_SITE:
		return &p->conf->sites[p->site].cache;
	case CONTEXT_ROUTE:
		return &p->conf->sites[p->site].routes[p->route].cache;
	case CONTEXT_TOP:
	case CONTEXT_CONTAINER:
	case CONTEXT_COUNT:
		break;
	}
	return &p->conf->cache;
}

static int
set_ttl(struct parse *p, const struct directive *d, struct conf_cache *cache)
{
	if (cache->mode == CONF_CACHE_OFF)
		return parse_error(p, &d->words[2], "\"cache off\" stores nothing");
	if (!slice_eq_str(d->words[2].text, "default-ttl"))
		return parse_error(p, &d->words[2],
			"\"%.*s\" should be \"default-ttl\", or nothing", WORD_ARG(&d->words[2]));
	if (d->n == 3)
		return parse_error(p, &d->words[2], "the time is missing; write: default-ttl 5m");
	return word_read_time(p, &d->words[3], ttl_range_ms, &cache->default_ttl_ms);
}

/* What is written in a route is for this route alone: its target must be one that answers. */
static int
check_target(struct parse *p, const struct directive *d)
{
	const struct conf_target *t;

	if (p->scopes[p->depth].context != CONTEXT_ROUTE)
		return 0;
	t = &p->conf->sites[p->site].routes[p->route].target;
	if (conf_target_is_server(t))
		return 0;
	return parse_error(p, &d->words[0],
		t->type == CONF_TARGET_DIR
			? "a folder's files need no cache: those that are asked for are in memory"
			: "what this route answers is in this file: there is nothing to store");
}

/* Everything behind `free`, the directive's word number i. */
static int
set_store_free(struct parse *p, const struct directive *d, size_t i)
{
	const struct word *w = &d->words[i];

	if (!slice_eq_str(w->text, "free"))
		return parse_error(p, w, "\"%.*s\" should be \"free\", or nothing", WORD_ARG(w));
	if (i + 1 >= d->n)
		return parse_error(p, w, "the size is missing; write: free 1G");
	if (i + 2 < d->n)
		return parse_error(p, &d->words[i + 2], "nothing follows the size that stays free");
	return word_read_size(p, &d->words[i + 1], 1, &p->conf->cache_store.disk_free);
}

/* The disk's part begins with the directive's word number i. */
static int
set_store_disk(struct parse *p, const struct directive *d, size_t i)
{
	struct conf_cache_store *store = &p->conf->cache_store;
	const uint64_t range[] = {CONF_CACHE_DISK_MIN, CONF_CACHE_DISK_MAX};
	char where[PARSE_WHERE_MAX];

	if (store->disk_ordinal)
		return parse_error(p, &d->words[i], "\"cache disk\" stands here already, %s",
			parse_where(p, store->disk_ordinal, d->ordinal, where));
	store->disk_ordinal = d->ordinal;
	if (i + 2 >= d->n)
		return parse_error(p, &d->words[i],
			"size and folder are missing; write: disk 2G /var/cache/sluice");
	if (word_read_size_up_to(p, &d->words[i + 1], range, &store->disk) < 0)
		return -1;
	if (word_read_file(p, &d->words[i + 2], &store->disk_path) < 0)
		return -1;
	return i + 3 < d->n ? set_store_free(p, d, i + 3) : 0;
}

static int
set_store_memory(struct parse *p, const struct directive *d)
{
	struct conf_cache_store *store = &p->conf->cache_store;
	char where[PARSE_WHERE_MAX];

	if (store->memory_ordinal)
		return parse_error(p, &d->words[1], "\"cache memory\" stands here already, %s",
			parse_where(p, store->memory_ordinal, d->ordinal, where));
	store->memory_ordinal = d->ordinal;
	if (d->n < 3)
		return parse_error(p, &d->words[1], "the size is missing; write: memory 64M");
	if (word_read_size(p, &d->words[2], CONF_CACHE_MEMORY_MIN, &store->memory) < 0)
		return -1;
	if (store->memory > CONF_CACHE_MEMORY_MAX)
		return parse_error(p, &d->words[2], "at most 1024G");
	if (d->n == 3)
		return 0;
	if (!slice_eq_str(d->words[3].text, "disk"))
		return parse_error(p, &d->words[3], "\"%.*s\" should be \"disk\", or nothing",
			WORD_ARG(&d->words[3]));
	return set_store_disk(p, d, 3);
}

/* What all routes share. */
static int
set_store(struct parse *p, const struct directive *d, int word)
{
	if (p->scopes[p->depth].context != CONTEXT_TOP)
		return parse_error(p, &d->words[1], "\"cache %.*s\" belongs at top level",
			WORD_ARG(&d->words[1]));
	return word == CONF_CACHE_WORD_MEMORY ? set_store_memory(p, d) : set_store_disk(p, d, 1);
}

int
set_cache(struct parse *p, const struct directive *d)
{
	struct conf_cache *cache = open_cache(p);
	char where[PARSE_WHERE_MAX];
	int mode;

	if (word_read_word(p, "cache", &d->words[1], &mode) < 0)
		return -1;
	if (mode == CONF_CACHE_WORD_MEMORY || mode == CONF_CACHE_WORD_DISK)
		return set_store(p, d, mode);
	if (check_target(p, d) < 0)
		return -1;
	if (cache->ordinal)
		return parse_error(p, &d->words[0], "\"cache\" stands here already, %s",
			parse_where(p, cache->ordinal, d->ordinal, where));
	cache->mode = (enum conf_cache_mode)mode;
	cache->ordinal = d->ordinal;
	if (d->n > 4)
		return parse_error(p, &d->words[4], "nothing follows the time");
	return d->n > 2 ? set_ttl(p, d, cache) : 0;
}
