/* cache, which may stand at top level, in a site and in a route, cache-memory and cache-disk. */
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

int
set_cache(struct parse *p, const struct directive *d)
{
	struct conf_cache *cache = open_cache(p);
	int mode;

	if (word_read_word(p, "cache", &d->words[1], &mode) < 0 || check_target(p, d) < 0)
		return -1;
	cache->mode = (enum conf_cache_mode)mode;
	cache->ordinal = d->ordinal;
	return d->n > 2 ? set_ttl(p, d, cache) : 0;
}

int
set_cache_memory(struct parse *p, const struct directive *d)
{
	struct conf_cache_store *store = &p->conf->cache_store;

	store->memory_ordinal = d->ordinal;
	if (word_read_size(p, &d->words[1], CONF_CACHE_MEMORY_MIN, &store->memory) < 0)
		return -1;
	if (store->memory > CONF_CACHE_MEMORY_MAX)
		return parse_error(p, &d->words[1], "at most 1024G");
	return 0;
}

static int
set_disk_free(struct parse *p, const struct directive *d, uint64_t *ret)
{
	if (!slice_eq_str(d->words[3].text, "free"))
		return parse_error(p, &d->words[3], "\"%.*s\" should be \"free\", or nothing",
			WORD_ARG(&d->words[3]));
	if (d->n == 4)
		return parse_error(p, &d->words[3], "the size is missing; write: free 1G");
	return word_read_size(p, &d->words[4], 1, ret);
}

int
set_cache_disk(struct parse *p, const struct directive *d)
{
	struct conf_cache_store *store = &p->conf->cache_store;

	store->disk_ordinal = d->ordinal;
	if (word_read_size(p, &d->words[1], CONF_CACHE_DISK_MIN, &store->disk) < 0)
		return -1;
	if (store->disk > CONF_CACHE_DISK_MAX)
		return parse_error(p, &d->words[1], "at most 256G");
	if (word_read_file(p, &d->words[2], &store->disk_path) < 0)
		return -1;
	return d->n > 3 ? set_disk_free(p, d, &store->disk_free) : 0;
}
