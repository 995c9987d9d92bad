/*
 * The log: builds one line on the stack and writes it with one write(2). A value that does not
 * fit is cut with "..."; the fields behind it are left out. What comes from outside can neither
 * end a line nor forge a field: control bytes and broken UTF-8 are escaped.
 */
#include "core/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define FIELDS_MAX 32
#define LINE_TAIL 16      /* always left for what closes a line */
#define ESCAPE_MAX 6      /* the longest form of one byte: \u001f */
#define FIELD_OVERHEAD 32 /* punctuation, and a number's digits */
#define TIME_MAX 40

struct logger {
	const char *who;
	int fd;
	/* Threads run while a reload changes these two. */
	_Atomic int level;
	_Atomic int format;
};

static struct logger logger = {
	.who = "sluiced",
	.fd = STDERR_FILENO,
	.level = LOG_LEVEL_INFO,
	.format = LOG_FORMAT_TEXT,
};

struct line {
	char bytes[LOG_LINE_MAX];
	size_t n;
	bool json;
	bool cut;
};

void
log_init(const char *who, int fd)
{
	logger.who = who;
	logger.fd = fd;
}

void
log_set_level(enum log_level level)
{
	atomic_store_explicit(&logger.level, (int)level, memory_order_relaxed);
}

void
log_set_format(enum log_format format)
{
	atomic_store_explicit(&logger.format, (int)format, memory_order_relaxed);
}

enum log_level
log_get_level(void)
{
	return (enum log_level)atomic_load_explicit(&logger.level, memory_order_relaxed);
}

static const char *
level_name(enum log_level level)
{
	switch (level) {
	case LOG_LEVEL_ERROR:
		return "error";
	case LOG_LEVEL_WARN:
		return "warn";
	case LOG_LEVEL_INFO:
		return "info";
	case LOG_LEVEL_DEBUG:
		return "debug";
	}
	return "?";
}

static bool
has_room(const struct line *l, size_t n)
{
	return n <= sizeof(l->bytes) - LINE_TAIL - l->n;
}

/* The caller has checked the room. */
static void
put(struct line *l, const char *text)
{
	size_t n = strlen(text);

	memcpy(l->bytes + l->n, text, n);
	l->n += n;
}

/* The length of the well-formed UTF-8 sequence at p (RFC 3629 section 4), or 0. */
static size_t
utf8_length(const unsigned char *p, size_t n)
{
	size_t want = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;

	if (want == 0 || p[0] > 0xf4 || n < want)
		return 0;
	for (size_t i = 1; i < want; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	}
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
		(p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return want;
}

static void
put_escaped(struct line *l, unsigned char c)
{
	char text[ESCAPE_MAX + 1];

	if (c == '"' || c == '\\')
		(void)snprintf(text, sizeof(text), "\\%c", c);
	else if (c == '\n')
		(void)snprintf(text, sizeof(text), "\\n");
	else if (!l->json)
		(void)snprintf(text, sizeof(text), "\\x%02x", c);
	else
		/* A byte that is no UTF-8 can't stand in JSON: U+FFFD takes its place. */
		(void)snprintf(text, sizeof(text), "\\u%04x", c < 0x80 ? c : 0xfffdu);
	put(l, text);
}

static void
put_quoted(struct line *l, struct slice s)
{
	size_t step;

	put(l, "\"");
	for (size_t i = 0; i < s.n; i += step) {
		unsigned char c = (unsigned char)s.p[i];

		if (!has_room(l, ESCAPE_MAX)) {
			l->cut = true;
			put(l, "...");
			break;
		}
		step = utf8_length((const unsigned char *)s.p + i, s.n - i);
		if (step == 0 || c < 0x20 || c == 0x7f || c == '"' || c == '\\') {
			put_escaped(l, c);
			step = 1;
			continue;
		}
		memcpy(l->bytes + l->n, s.p + i, step);
		l->n += step;
	}
	put(l, "\"");
}

/* A word can stand in the text form without quotes. */
static bool
is_word(const struct line *l, struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c <= ' ' || c >= 0x7f || c == '"' || c == '\\' || c == '=')
			return false;
	}
	return s.n > 0 && has_room(l, s.n);
}

static void
put_value(struct line *l, const struct log_field *f)
{
	char text[FIELD_OVERHEAD];

	switch (f->kind) {
	case LOG_KIND_STRING:
		if (l->json || !is_word(l, f->string)) {
			put_quoted(l, f->string);
			return;
		}
		memcpy(l->bytes + l->n, f->string.p, f->string.n);
		l->n += f->string.n;
		return;
	case LOG_KIND_UNSIGNED:
		(void)snprintf(text, sizeof(text), "%" PRIu64, f->number);
		break;
	case LOG_KIND_SIGNED:
		(void)snprintf(text, sizeof(text), "%" PRId64, (int64_t)f->number);
		break;
	case LOG_KIND_END:
		return;
	}
	put(l, text);
}

static void
put_field(struct line *l, const struct log_field *f)
{
	if (l->cut || !has_room(l, strlen(f->key) + FIELD_OVERHEAD)) {
		l->cut = true;
		return;
	}
	put(l, l->json ? ",\"" : " ");
	put(l, f->key);
	put(l, l->json ? "\":" : "=");
	put_value(l, f);
}

static void
format_time(char out[static TIME_MAX])
{
	struct timespec now = {0};
	struct tm tm = {0};

	(void)clock_gettime(CLOCK_REALTIME, &now);
	(void)gmtime_r(&now.tv_sec, &tm);
	if (strftime(out, TIME_MAX, "%Y-%m-%dT%H:%M:%S", &tm) == 0)
		out[0] = '\0';
	(void)snprintf(out + strlen(out), 8, ".%03dZ", (int)(now.tv_nsec / 1000000) % 1000);
}

static void
put_head(struct line *l, enum log_level level, const char *event)
{
	const struct log_field head[] = {kv_s("level", level_name(level)),
		kv_s("process", logger.who), kv_s("event", event)};
	char time[TIME_MAX];

	format_time(time);
	if (l->json) {
		put(l, "{\"time\":\"");
		put(l, time);
		put(l, "\"");
		for (size_t i = 0; i < sizeof(head) / sizeof(head[0]); i++)
			put_field(l, &head[i]);
		return;
	}
	put(l, time);
	put(l, " ");
	put(l, level_name(level));
	put(l, " ");
	put(l, logger.who);
	put(l, " ");
	put_quoted(l, slice_str(event));
}

static void
write_fields(enum log_level level, const char *event, const struct log_field *fields, size_t n)
{
	struct line l;
	int saved = errno;
	ssize_t written;

	l.n = 0;
	l.cut = false;
	l.json = atomic_load_explicit(&logger.format, memory_order_relaxed) == LOG_FORMAT_JSON;
	put_head(&l, level, event);
	for (size_t i = 0; i < n; i++)
		put_field(&l, &fields[i]);
	put(&l, l.json ? "}\n" : "\n");
	do {
		written = write(logger.fd, l.bytes, l.n);
	} while (written < 0 && errno == EINTR);
	/* A log that can't be written is nowhere else to be reported. */
	errno = saved;
}

void
log_write(enum log_level level, const char *event, ...)
{
	struct log_field fields[FIELDS_MAX];
	size_t n = 0;
	va_list ap;

	if (level > log_get_level())
		return;
	va_start(ap, event);
	for (;;) {
		struct log_field f = va_arg(ap, struct log_field);

		if (f.kind == LOG_KIND_END || n == FIELDS_MAX)
			break;
		fields[n++] = f;
	}
	va_end(ap);
	write_fields(level, event, fields, n);
}

void
log_err(const char *event, const struct err *e)
{
	struct log_field fields[5];
	size_t n = 0;

	fields[n++] = kv_s("error", e->msg);
	if (e->file[0])
		fields[n++] = kv_s("file", e->file);
	if (e->line)
		fields[n++] = kv_u("line", e->line);
	if (e->col)
		fields[n++] = kv_u("col", e->col);
	if (e->ordinal)
		fields[n++] = kv_u("ordinal", e->ordinal);
	write_fields(LOG_LEVEL_ERROR, event, fields, n);
}
