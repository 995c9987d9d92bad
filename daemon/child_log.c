/* Reads SLUICE_LOG=LEVEL,FORMAT. What is not understood keeps the default. */
#include "daemon/child_log.h"

#include "core/log.h"
#include "core/own.h"

#include <unistd.h>

void
child_log_init(const char *who)
{
	static const char *const levels[] = {"error", "warn", "info", "debug"};
	struct slice text = slice_str(secure_getenv("SLUICE_LOG"));
	struct slice level = slice_head(text, slice_index(text, ','));

	log_init(who, STDERR_FILENO);
	for (size_t i = 0; i < ARRAY_SIZE(levels); i++)
		if (slice_eq_str(level, levels[i]))
			log_set_level((enum log_level)i);
	if (slice_eq_str(slice_skip(text, level.n + 1), "json"))
		log_set_format(LOG_FORMAT_JSON);
}
