/* The cache of routes: inherited and compared. */
#include "conf/cache.h"

#include <stddef.h>

bool
conf_cache_equal(const struct conf_cache *a, const struct conf_cache *b)
{
	return a->mode == b->mode && a->default_ttl_ms == b->default_ttl_ms &&
	       !a->ordinal == !b->ordinal;
}

void
conf_cache_inherit(struct conf_cache *cache, const struct conf_cache *outer)
{
	if (cache->ordinal || !outer)
		return;
	cache->mode = outer->mode;
	cache->default_ttl_ms = outer->default_ttl_ms;
}
