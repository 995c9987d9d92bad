/* Log lines. Texts from outside are cut first and escaped then, so a line has a largest length. */
#include "proxy/log/access_line.h"

#include "proxy/http/http_date.h"

#include <inttypes.h>

#define STATUS_CLIENT_GONE 499

static struct slice
cut(struct slice s)
{
	return slice_head(s, ACCESS_TEXT_MAX);
}

/* Printable ASCII as it is; quote, backslash and all else as \xHH. */
static int
put_plain(struct buf *out, struct slice s)
{
	size_t from = 0;

	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\')
			continue;
		if (buf_append(out, s.p + from, i - from) < 0 || buf_printf(out, "\\x%02X", c) < 0)
			return -1;
		from = i + 1;
	}
	return from == s.n ? 0 : buf_append(out, s.p + from, s.n - from);
}

static int
put_or_dash(struct buf *out, struct slice s)
{
	return s.n ? put_plain(out, cut(s)) : buf_append_byte(out, '-');
}

/* The length of the well-formed UTF-8 sequence at p (RFC 3629), or 0. */
static size_t
utf8_length(const unsigned char *p, size_t n)
{
	/* The second byte's range excludes overlong forms, surrogates and what lies above
	 * U+10FFFF. */
	unsigned char low = 0x80, high = 0xbf;
	size_t len;

	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	len = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (p[0] == 0xe0)
		low = 0xa0;
	else if (p[0] == 0xed)
		high = 0x9f;
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xf4)
		high = 0x8f;
	if (n < len || p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	}
	return len;
}

/* A JSON string with its quotes; bytes that are no UTF-8 become U+FFFD. */
static int
put_json_text(struct buf *out, struct slice s)
{
	if (buf_append_byte(out, '"') < 0)
		return -1;
	for (size_t i = 0; i < s.n;) {
		const unsigned char *p = (const unsigned char *)s.p + i;
		size_t len = utf8_length(p, s.n - i);
		int failed;

		if (len == 0)
			failed = buf_append_str(out, "\\ufffd");
		else if (p[0] < 0x20 || p[0] == '"' || p[0] == '\\' || p[0] == 0x7f)
			failed = buf_printf(out, "\\u%04x", p[0]);
		else
			failed = buf_append(out, p, len);
		if (failed < 0)
			return -1;
		i += len ? len : 1;
	}
	return buf_append_byte(out, '"');
}

/* ,"key":"text" — nothing at all for an empty text. */
static int
put_json_field(struct buf *out, const char *key, struct slice s)
{
	if (s.n == 0)
		return 0;
	if (buf_printf(out, ",\"%s\":", key) < 0)
		return -1;
	return put_json_text(out, cut(s));
}

static unsigned
shown_status(const struct access_line *l)
{
	return l->status ? l->status : STATUS_CLIENT_GONE;
}

static const char *
protocol(const struct access_line *l)
{
	if (l->http2)
		return "HTTP/2.0";
	return l->minor ? "HTTP/1.1" : "HTTP/1.0";
}

/* A blank in it would shift the columns behind. */
static int
put_user(struct buf *out, struct slice user)
{
	struct slice rest = cut(user);

	if (rest.n == 0)
		return buf_append_byte(out, '-');
	while (rest.n) {
		size_t n = slice_index(rest, ' ');

		if (put_plain(out, slice_head(rest, n)) < 0)
			return -1;
		if (n < rest.n && buf_append_str(out, "\\x20") < 0)
			return -1;
		rest = slice_skip(rest, n + 1);
	}
	return 0;
}

static int
print_combined(const struct access_line *l, struct buf *out)
{
	struct http_time t = http_time_split((int64_t)(l->wall_ms / 1000));

	if (put_or_dash(out, l->client) < 0 || buf_append_str(out, " - ") < 0 ||
		put_user(out, l->user) < 0 ||
		buf_printf(out, " [%02u/%.3s/%04u:%02u:%02u:%02u +0000] \"", t.day,
			http_month_name(t.month).p, t.year, t.hour, t.minute, t.second) < 0)
		return -1;
	/* A head that could not be read has no words. */
	if (l->method.n == 0 && buf_append_byte(out, '-') < 0)
		return -1;
	if (l->method.n && (put_plain(out, cut(l->method)) < 0 || buf_append_byte(out, ' ') < 0 ||
				   put_plain(out, cut(l->target)) < 0 ||
				   buf_printf(out, " %s", protocol(l)) < 0))
		return -1;
	if (buf_printf(out, "\" %u %" PRIu64 " \"", shown_status(l), l->bytes) < 0 ||
		put_or_dash(out, l->referer) < 0 || buf_append_str(out, "\" \"") < 0 ||
		put_or_dash(out, l->user_agent) < 0)
		return -1;
	return buf_append_str(out, "\"\n");
}

static int
print_json(const struct access_line *l, struct buf *out)
{
	struct http_time t = http_time_split((int64_t)(l->wall_ms / 1000));

	if (buf_printf(out, "{\"time\":\"%04u-%02u-%02uT%02u:%02u:%02u.%03uZ\"", t.year, t.month,
		    t.day, t.hour, t.minute, t.second, (unsigned)(l->wall_ms % 1000)) < 0 ||
		put_json_field(out, "client", l->client) < 0 ||
		put_json_field(out, "user", l->user) < 0 ||
		put_json_field(out, "request_id", l->request_id) < 0 ||
		put_json_field(out, "method", l->method) < 0 ||
		put_json_field(out, "target", l->target) < 0 ||
		put_json_field(out, "host", l->host) < 0)
		return -1;
	if (l->method.n && buf_printf(out, ",\"protocol\":\"%s\"", protocol(l)) < 0)
		return -1;
	if (buf_printf(out,
		    ",\"tls\":%s,\"status\":%u,\"bytes\":%" PRIu64 ",\"received\":%" PRIu64
		    ",\"duration_ms\":%" PRIu64,
		    l->tls ? "true" : "false", shown_status(l), l->bytes, l->received,
		    l->duration_ms) < 0)
		return -1;
	if (put_json_field(out, "referer", l->referer) < 0 ||
		put_json_field(out, "user_agent", l->user_agent) < 0 ||
		put_json_field(out, "tls_version", l->tls_version) < 0 ||
		put_json_field(out, "site", l->site) < 0 ||
		put_json_field(out, "route", l->route) < 0 ||
		put_json_field(out, "upstream", l->upstream) < 0 ||
		(l->upstream.n &&
			buf_printf(out, ",\"upstream_ms\":%" PRIu64, l->upstream_ms) < 0) ||
		put_json_field(out, "cache", slice_str(l->cache)) < 0 ||
		put_json_field(out, "reason", slice_str(l->reason)) < 0)
		return -1;
	return buf_append_str(out, "}\n");
}

int
access_line_print(const struct access_line *l, enum conf_access_format format, struct buf *out)
{
	size_t before = buf_len(out);
	int ret = format == CONF_ACCESS_JSON ? print_json(l, out) : print_combined(l, out);

	if (ret < 0)
		out->end = out->start + before;
	return ret;
}
