/*
 * Which answers of backends are stored and served again: at top level, in a site, in a route, the
 * innermost one that says it.
 */
#ifndef CONF_CACHE_H
#define CONF_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#define CONF_CACHE_MEMORY_DEFAULT (UINT64_C(64) * 1024 * 1024)
#define CONF_CACHE_MEMORY_MIN (UINT64_C(1024) * 1024)
#define CONF_CACHE_MEMORY_MAX (UINT64_C(1) << 40)
#define CONF_CACHE_STATIC_MS 3600000 /* what `static` means where default-ttl is not written */

enum conf_cache_mode {
	CONF_CACHE_OFF,
	CONF_CACHE_STATIC, /* on; what is static by its type stays a while without being asked */
	CONF_CACHE_ON,     /* what RFC 9111 lets a shared cache store */
};

/* Words of the directive that are no mode, as values of the schema. */
#define CONF_CACHE_WORD_MEMORY 100
#define CONF_CACHE_WORD_DISK 101

struct conf_cache {
	enum conf_cache_mode mode; /* effective */
	uint64_t default_ttl_ms;   /* for answers that say nothing; 0: not written */
	uint32_t ordinal;          /* where written, else 0 */
};

#define CONF_CACHE_DISK_MIN (UINT64_C(16) * 1024 * 1024)
#define CONF_CACHE_DISK_MAX (UINT64_C(256) << 30)

/* The store of all routes together. */
struct conf_cache_store {
	uint64_t memory;         /* bytes; the default when not written */
	uint32_t memory_ordinal; /* where written, else 0; the same line as the disk's or another */
	uint64_t disk;           /* bytes of all its files; 0: there is no disk tier */
	char *disk_path;         /* its folder; NULL without one */
	uint64_t disk_free;      /* bytes of the file system that stay free; 0: not written */
	uint32_t disk_ordinal;
};

struct conf_route;

/* The same in every process, and another one for a route with another target, path, or other rules
 * for requests and for what is stored: conf_route.print. */
uint64_t conf_cache_print(const struct conf_route *r);
bool conf_cache_equal(const struct conf_cache *a, const struct conf_cache *b);
/* Fills in what is effective; outer is NULL for the top level. */
void conf_cache_inherit(struct conf_cache *cache, const struct conf_cache *outer);

#endif
