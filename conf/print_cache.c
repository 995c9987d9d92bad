/* The cache as canonical text. */
#include "conf/print_cache.h"

#include "conf/schema.h"

void
print_cache(struct writer *w, const struct conf_cache *cache)
{
	if (!cache->ordinal)
		return;
	writer_begin(w, cache->ordinal, "cache");
	writer_word(w, schema_word_name("cache", (int)cache->mode));
	if (cache->default_ttl_ms) {
		writer_word(w, "default-ttl");
		writer_time(w, cache->default_ttl_ms);
	}
	writer_end(w);
}

void
print_cache_store(struct writer *w, const struct conf_cache_store *store)
{
	if (store->memory_ordinal) {
		writer_begin(w, store->memory_ordinal, "cache-memory");
		writer_size(w, store->memory);
		writer_end(w);
	}
	if (!store->disk_ordinal)
		return;
	writer_begin(w, store->disk_ordinal, "cache-disk");
	writer_size(w, store->disk);
	writer_word(w, store->disk_path);
	if (store->disk_free) {
		writer_word(w, "free");
		writer_size(w, store->disk_free);
	}
	writer_end(w);
}
