/* Conditions, ranges and heads of answers from the store. */
#include "proxy/cache/cache_answer.h"

#include "core/own.h"
#include "proxy/http/answer.h"
#include "proxy/cache/cache_head.h"
#include "proxy/file/file_range.h"
#include "proxy/http/http_date.h"

#include <inttypes.h>

static struct slice
without_weakness(struct slice tag)
{
	return slice_starts(tag, SLICE_LIT("W/")) ? slice_skip(tag, 2) : tag;
}

/* Weak comparison (RFC 9110 section 8.8.3.2). */
static bool
etag_listed(struct slice list, struct slice etag)
{
	struct slice tag;

	if (slice_eq_str(slice_trim(list), "*"))
		return true;
	if (etag.n == 0)
		return false;
	while (http_list_next(&list, &tag))
		if (slice_eq(without_weakness(tag), without_weakness(etag)))
			return true;
	return false;
}

/* If-None-Match may stand on several lines; where it stands, If-Modified-Since does not count. */
static bool
is_unchanged(const struct http_request *r, const struct cache_object *o)
{
	struct slice since = http_request_value(r, HTTP_NAME_IF_MODIFIED_SINCE);
	bool named = false;
	int64_t date;

	for (size_t i = 0; i < r->n_fields; i++) {
		if (r->fields[i].id != HTTP_NAME_IF_NONE_MATCH)
			continue;
		named = true;
		if (etag_listed(http_request_slice(r, r->fields[i].value), o->etag))
			return true;
	}
	return !named && since.p && o->has_modified && http_date_parse(since, &date) == 0 &&
	       o->modified <= date;
}

/* RFC 9110 section 13.1.5: strong comparison; a date must be the very one. */
static bool
range_applies(const struct http_request *r, const struct cache_object *o)
{
	struct slice condition = http_request_value(r, HTTP_NAME_IF_RANGE);

	if (!condition.p)
		return true;
	if (condition.n && condition.p[0] == '"')
		return slice_eq(condition, o->etag);
	return condition.n > 0 && slice_eq(condition, o->modified_text) && o->has_modified;
}

/* A part has no field for its coding that clients would look at. */
static bool
may_be_split(const struct cache_object *o)
{
	struct slice rest = o->head;
	struct cache_line l;

	cache_head_skip_status(&rest);
	while (cache_head_next(&rest, &l))
		if (slice_ieq(l.name, SLICE_LIT("content-encoding")))
			return false;
	return o->body != NULL;
}

/* RFC 9110 section 14.2: ranges are for GET alone. */
static bool
decide_range(const struct http_request *r, const struct cache_object *o, struct cache_answer *ret)
{
	struct slice range = http_request_value(r, HTTP_NAME_RANGE);
	struct file_part parts[FILE_RANGES_MAX];
	size_t n = 0;

	if (r->method != HTTP_METHOD_GET || !range.p || !range_applies(r, o))
		return false;
	switch (file_range_parse(range, o->length, parts, &n)) {
	case FILE_RANGE_PARTS:
		ret->several = n > 1 && may_be_split(o);
		if (n > 1)
			return false;
		ret->status = 206;
		ret->start = parts[0].start;
		ret->length = parts[0].length;
		ret->body = true;
		return true;
	case FILE_RANGE_OUTSIDE:
		ret->status = 416;
		return true;
	case FILE_RANGE_NONE:
		break;
	}
	return false;
}

void
cache_answer_decide(
	const struct http_request *request, const struct cache_object *o, struct cache_answer *ret)
{
	*ret = (struct cache_answer){.status = o->status};
	if (o->status == 200 && is_unchanged(request, o)) {
		ret->status = 304;
		return;
	}
	if (o->status == 200 && decide_range(request, o, ret))
		return;
	ret->length = o->length;
	ret->body = ret->length > 0 && request->method == HTTP_METHOD_GET;
}

/* --- heads ----------------------------------------------------------------------------------- */

/* What an answer of another status keeps of the stored head: a 304 says nothing about the content
 * (RFC 9110 section 15.4.5), a 416 has another. */
static bool
belongs(const struct cache_answer *a, struct slice name)
{
	static const char *const content[] = {"content-type", "content-encoding",
		"content-language", "content-md5", "content-disposition"};

	/* Only here does it mean anything (RFC 9110 section 14.4), and it is ours. */
	if (slice_ieq(name, SLICE_LIT("content-range")))
		return false;
	if (a->status == 206)
		return !a->boundary[0] || !slice_ieq(name, SLICE_LIT("content-type"));
	for (size_t i = 0; i < ARRAY_SIZE(content); i++)
		if (slice_ieq(name, slice_str(content[i])))
			return false;
	return true;
}

static int
append_fields(const struct cache_answer *a, const struct cache_object *o, struct buf *out)
{
	struct slice rest = o->head;
	struct cache_line l;

	if (a->status == o->status)
		return buf_append_slice(out, o->head);
	if (buf_printf(out, "HTTP/1.1 %u %s\r\n", (unsigned)a->status, answer_phrase(a->status)) <
		0)
		return -1;
	cache_head_skip_status(&rest);
	while (cache_head_next(&rest, &l))
		if (belongs(a, l.name) && buf_append_slice(out, l.line) < 0)
			return -1;
	return 0;
}

static int
append_framing(const struct cache_answer *a, const struct cache_object *o, struct buf *out)
{
	/* RFC 9110 section 15.3.7.2: of several parts the ranges stand with each. */
	if (a->boundary[0])
		return buf_printf(out,
			"Content-Type: multipart/byteranges; boundary=%s\r\n"
			"Content-Length: %" PRIu64 "\r\n",
			a->boundary, a->length);
	if (a->status == 206)
		return buf_printf(out,
			"Content-Range: bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64
			"\r\nContent-Length: %" PRIu64 "\r\n",
			a->start, a->start + a->length - 1, o->length, a->length);
	if (a->status == 416)
		return buf_printf(out,
			"Content-Range: bytes */%" PRIu64 "\r\nContent-Length: 0\r\n", o->length);
	/* RFC 9110 section 8.6: neither with 204 nor, here, with 304. */
	if (a->status == 304 || a->status == 204)
		return 0;
	return buf_printf(out, "Content-Length: %" PRIu64 "\r\n", a->length);
}

int
cache_answer_head(const struct cache_answer *a, const struct cache_object *o,
	const struct cache_manner *manner, struct buf *out)
{
	struct slice end = SLICE_LIT("\r\n");

	if (!manner->keep_alive)
		end = SLICE_LIT("Connection: close\r\n\r\n");
	else if (manner->minor == 0)
		end = SLICE_LIT("Connection: keep-alive\r\n\r\n");
	if (append_fields(a, o, out) < 0 || append_framing(a, o, out) < 0 ||
		buf_printf(out, "Age: %" PRId64 "\r\n", manner->age) < 0)
		return -1;
	return buf_append_slice(out, end);
}

int
cache_answer_conditions(const struct cache_object *o, struct buf *out)
{
	if (o->etag.n > 0 &&
		(buf_append_str(out, "If-None-Match: ") < 0 || buf_append_slice(out, o->etag) < 0 ||
			buf_append_str(out, "\r\n") < 0))
		return -1;
	if (o->has_modified && (buf_append_str(out, "If-Modified-Since: ") < 0 ||
				       buf_append_slice(out, o->modified_text) < 0 ||
				       buf_append_str(out, "\r\n") < 0))
		return -1;
	return 0;
}

/* RFC 9111 section 4.3.4, but by weak comparison: servers that compress on the way weaken the tag
 * of the 200 and leave that of the 304 as it is. */
bool
cache_answer_confirms(const struct http_response *r, const struct cache_object *o)
{
	for (size_t i = 0; i < r->n_fields && o->etag.n > 0; i++) {
		struct slice tag = http_response_slice(r, r->fields[i].value);

		if (r->fields[i].id == HTTP_NAME_ETAG)
			return slice_eq(without_weakness(tag), without_weakness(o->etag));
	}
	return true;
}
