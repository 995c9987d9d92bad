/* The cache as canonical text. */
#include "conf/print/print_cache.h"

#include "conf/schema/schema.h"

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

static void
print_disk(struct writer *w, const struct conf_cache_store *store)
{
	writer_word(w, "disk");
	writer_size(w, store->disk);
	writer_word(w, store->disk_path);
	if (store->disk_free) {
		writer_word(w, "free");
		writer_size(w, store->disk_free);
	}
}

void
print_cache_store(struct writer *w, const struct conf_cache_store *store)
{
	bool together = store->disk_ordinal == store->memory_ordinal;

	if (store->memory_ordinal) {
		writer_begin(w, store->memory_ordinal, "cache");
		writer_word(w, "memory");
		writer_size(w, store->memory);
		if (together)
			print_disk(w, store);
		writer_end(w);
	}
	if (store->disk_ordinal && !together) {
		writer_begin(w, store->disk_ordinal, "cache");
		print_disk(w, store);
		writer_end(w);
	}
}
