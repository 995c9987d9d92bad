/* Listings of folders as HTML. */
#include "proxy/file/file_listing.h"

#include "core/own.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LISTING_END_MAX 256 /* what stands behind the last row */

void
listing_init(struct listing *l)
{
	*l = (struct listing){0};
	buf_init(&l->names, LISTING_NAME_BYTES);
}

void
listing_clear(struct listing *l)
{
	buf_clear(&l->names);
	free(l->rows);
	*l = (struct listing){0};
}

int
listing_add(struct listing *l, struct slice name, bool folder, uint64_t size, int64_t mtime)
{
	size_t at = buf_len(&l->names);

	if (!l->rows)
		l->rows = calloc(LISTING_NAMES_MAX, sizeof(*l->rows));
	if (!l->rows)
		return -1;
	if (l->n == LISTING_NAMES_MAX || buf_append_slice(&l->names, name) < 0) {
		l->cut = true;
		return 0;
	}
	l->rows[l->n++] = (struct listing_row){.at = (uint32_t)at,
		.n = (uint32_t)name.n,
		.folder = folder,
		.size = size,
		.mtime = mtime};
	return 0;
}

static struct slice
row_name(const struct listing *l, const struct listing_row *row)
{
	return slice_head(slice_skip(buf_slice(&l->names), row->at), row->n);
}

static int
compare_rows(const void *a, const void *b, void *arg)
{
	const struct listing *l = arg;
	const struct listing_row *x = a, *y = b;
	struct slice s = row_name(l, x), t = row_name(l, y);
	int order;

	if (x->folder != y->folder)
		return x->folder ? -1 : 1;
	order = memcmp(s.p, t.p, s.n < t.n ? s.n : t.n);
	return order ? order : (s.n > t.n) - (s.n < t.n);
}

/* --- text ------------------------------------------------------------------------------------ */

/* For an attribute or between tags. Control characters are nothing to show. */
static int
put_text(struct buf *out, struct slice s)
{
	int failed = 0;

	for (size_t i = 0; i < s.n && !failed; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c == '&' || c == '<' || c == '>' || c == '"' || c == '\'')
			failed = buf_printf(out, "&#%u;", c);
		else if (c < 0x20 || c == 0x7f)
			failed = buf_append_byte(out, '?');
		else
			failed = buf_append_byte(out, (char)c);
	}
	return failed;
}

static bool
is_unreserved(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("-._~", c));
}

/* As one segment of a relative reference (RFC 3986 section 3.3). */
static int
put_segment(struct buf *out, struct slice s)
{
	int failed = 0;

	for (size_t i = 0; i < s.n && !failed; i++) {
		unsigned char c = (unsigned char)s.p[i];

		failed = is_unreserved(c) ? buf_append_byte(out, (char)c)
					  : buf_printf(out, "%%%02X", c);
	}
	return failed;
}

static int
put_time(struct buf *out, int64_t mtime)
{
	time_t seconds = (time_t)mtime;
	char text[32];
	struct tm tm;

	if (!gmtime_r(&seconds, &tm) || strftime(text, sizeof(text), "%Y-%m-%d %H:%M", &tm) == 0)
		text[0] = '\0';
	return buf_append_str(out, text);
}

/* "./" in front: "a:b" would be a scheme. */
static int
put_row(struct buf *out, const struct listing *l, const struct listing_row *row)
{
	struct slice name = row_name(l, row);
	const char *slash = row->folder ? "/" : "";

	if (buf_append_str(out, "<tr><td><a href=\"./") < 0 || put_segment(out, name) < 0 ||
		buf_printf(out, "%s\">", slash) < 0 || put_text(out, name) < 0 ||
		buf_printf(out, "%s</a></td><td>", slash) < 0)
		return -1;
	if (!row->folder && buf_printf(out, "%" PRIu64, row->size) < 0)
		return -1;
	return buf_append_str(out, "</td><td>") < 0 || put_time(out, row->mtime) < 0
		       ? -1
		       : buf_append_str(out, "</td></tr>\n");
}

static int
put_begin(struct buf *out, struct slice path, bool below)
{
	if (buf_append_str(out, "<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\">"
				"<meta name=\"viewport\" content=\"width=device-width\">"
				"<title>") < 0 ||
		put_text(out, path) < 0 ||
		buf_append_str(out,
			"</title>\n<style>body{font-family:sans-serif;margin:2em}"
			"td,th{padding:.2em 1em .2em 0;text-align:left}"
			"td:nth-child(2){text-align:right}"
			"@media(prefers-color-scheme:dark){body{background:#111;color:#eee}"
			"a{color:#8cf}}</style></head>\n<body><h1>") < 0 ||
		put_text(out, path) < 0 ||
		buf_append_str(out, "</h1>\n<table><tr><th>Name</th><th>Bytes</th>"
				    "<th>Changed (UTC)</th></tr>\n") < 0)
		return -1;
	return below ? buf_append_str(out, "<tr><td><a href=\"../\">../</a></td>"
					   "<td></td><td></td></tr>\n")
		     : 0;
}

int
listing_print(struct listing *l, struct slice path, bool below, struct buf *out)
{
	bool cut = l->cut;

	if (l->n > 0)
		qsort_r(l->rows, l->n, sizeof(*l->rows), compare_rows, l);
	if (put_begin(out, path, below) < 0)
		return -1;
	for (size_t i = 0; i < l->n; i++) {
		size_t before = out->end;

		if (put_row(out, l, &l->rows[i]) == 0 && buf_room(out) >= LISTING_END_MAX)
			continue;
		out->end = before;
		cut = true;
		break;
	}
	return buf_printf(out, "</table>%s</body></html>\n",
		cut ? "<p>There is more in this folder than this page lists.</p>" : "");
}
