/* The cache of routes: inherited, compared, and what tells one route from another. */
#include "conf/cache.h"

#include "conf/conf.h"
#include "core/fnv.h"

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

static uint64_t
hash_optional(uint64_t hash, const char *text)
{
	return fnv_text(fnv_byte(hash, text != NULL), text ? text : "");
}

uint64_t
conf_cache_print(const struct conf_route *r)
{
	const struct conf_target *t = &r->target;
	uint64_t hash = fnv_byte(r->heads.print, (uint8_t)t->type);

	hash = hash_optional(hash, t->host);
	hash = hash_optional(hash, t->socket);
	hash = hash_optional(hash, t->path);
	hash = hash_optional(hash, r->path);
	hash = fnv_byte(fnv_byte(hash, (uint8_t)(t->port >> 8)), (uint8_t)t->port);
	return fnv_byte(fnv_byte(hash, r->exact), r->compress.on);
}
