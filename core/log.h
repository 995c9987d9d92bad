/*
 * The program's own log: one line an event, key=value or JSON, to one descriptor (standard error
 * unless told otherwise). Levels are those an operator would choose: error = act, warn = look,
 * info = happened, debug = for us. The level and format are the one global that core/ has; set
 * them before the first thread. Writing is one write(2) a line, so lines of threads and of
 * processes never mix. Lines are cut at LOG_LINE_MAX. Secrets never come here.
 *
 *	log_info("listener opened", kv_s("address", text), kv_u("port", 443));
 *	2026-01-02T03:04:05.678Z info proxy "listener opened" address=0.0.0.0 port=443
 */
#ifndef CORE_LOG_H
#define CORE_LOG_H

#include "core/err.h"
#include "core/slice.h"

#include <stdint.h>

#define LOG_LINE_MAX 4096

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

enum log_kind { LOG_KIND_END, LOG_KIND_STRING, LOG_KIND_UNSIGNED, LOG_KIND_SIGNED };

struct log_field {
	const char *key;
	enum log_kind kind;
	struct slice string;
	uint64_t number; /* LOG_KIND_SIGNED: cast to int64_t */
};

static inline struct log_field
kv_slice(const char *key, struct slice value)
{
	return (struct log_field){.key = key, .kind = LOG_KIND_STRING, .string = value};
}

static inline struct log_field
kv_s(const char *key, const char *value)
{
	return kv_slice(key, slice_str(value));
}

static inline struct log_field
kv_u(const char *key, uint64_t value)
{
	return (struct log_field){.key = key, .kind = LOG_KIND_UNSIGNED, .number = value};
}

static inline struct log_field
kv_i(const char *key, int64_t value)
{
	return (struct log_field){.key = key, .kind = LOG_KIND_SIGNED, .number = (uint64_t)value};
}

/* The error as text, file:line:col included: kv_err("error", &e). Not across statements. */
#define kv_err(key, e) kv_s((key), (e)->msg)

static inline struct log_field
kv_end(void)
{
	return (struct log_field){.kind = LOG_KIND_END};
}

/* Who speaks (the process's name; kept by pointer, a literal) and where to. fd is not owned. */
void log_init(const char *who, int fd);
void log_set_level(enum log_level level);
void log_set_format(enum log_format format);
enum log_level log_get_level(void);

/* Writes one event. The variadic arguments are struct log_field, closed by kv_end(). */
void log_write(enum log_level level, const char *event, ...);
/* As log_write at error level for a filled err: file, line and col become fields. */
void log_err(const char *event, const struct err *e);

#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__, kv_end())
#define log_warn(...) log_write(LOG_LEVEL_WARN, __VA_ARGS__, kv_end())
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__, kv_end())
#define log_debug(...)                                                                             \
	do {                                                                                       \
		if (log_get_level() >= LOG_LEVEL_DEBUG)                                            \
			log_write(LOG_LEVEL_DEBUG, __VA_ARGS__, kv_end());                         \
	} while (0)

#endif
