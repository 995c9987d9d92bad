/* The cache and the main thread. */
#include "proxy/cache_manager.h"

static bool
uses_cache(const struct conf *conf)
{
	for (size_t i = 0; i < conf->n_sites; i++) {
		const struct conf_site *site = &conf->sites[i];

		for (size_t k = 0; k < site->n_routes; k++)
			if (site->routes[k].cache.mode != CONF_CACHE_OFF &&
				conf_target_is_server(&site->routes[k].target))
				return true;
	}
	return false;
}

void
cache_manager_configure(struct cache_store *store, const struct conf *conf)
{
	cache_store_set_budget(store, uses_cache(conf) ? conf->cache_store.memory : 0);
}

void
cache_manager_count(struct cache_store *store, struct stats *stats)
{
	struct cache_counts c;

	cache_store_count(store, &c);
	atomic_store(&stats->value[STAT_CACHE_STORED], c.stored);
	atomic_store(&stats->value[STAT_CACHE_EVICTED], c.evicted);
	atomic_store(&stats->value[STAT_CACHE_PURGED], c.purged);
	atomic_store(&stats->value[STAT_CACHE_OBJECTS], c.objects);
	atomic_store(&stats->value[STAT_CACHE_MEMORY], c.bytes);
}
