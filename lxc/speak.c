/* Reads SLUICE_LOG; see speak.h. What is not understood keeps the default. */
#include "lxc/speak.h"

#include "core/log.h"
#include "core/own.h"

#include <stdlib.h>

void
speak_as(const char *who, int fd)
{
	static const char *const levels[] = {"error", "warn", "info", "debug"};
	struct slice words = slice_str(getenv("SLUICE_LOG")); /* NOLINT(concurrency-mt-unsafe) */
	struct slice level = slice_head(words, slice_index(words, ','));

	log_init(who, fd);
	for (size_t i = 0; i < ARRAY_SIZE(levels); i++) {
		if (slice_eq_str(level, levels[i]))
			log_set_level((enum log_level)i);
	}
	if (slice_eq_str(slice_skip(words, level.n + 1), "json"))
		log_set_format(LOG_FORMAT_JSON);
}
