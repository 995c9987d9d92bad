/* The cache as canonical text; for print.c. */
#ifndef CONF_PRINT_CACHE_H
#define CONF_PRINT_CACHE_H

#include "conf/cache.h"
#include "conf/write.h"

void print_cache(struct writer *w, const struct conf_cache *cache);
void print_cache_store(struct writer *w, const struct conf_cache_store *store);

#endif
