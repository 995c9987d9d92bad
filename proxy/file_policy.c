/* Conditions and ranges for files. */
#include "proxy/file_policy.h"

#include "core/num.h"
#include "proxy/answer.h"
#include "proxy/mime.h"

#include <inttypes.h>
#include <stdio.h>

static struct slice
value_of(const struct http_request *r, enum http_name id)
{
	return http_request_value(r, id);
}

/* Size and time to the nanosecond make a strong validator: a file that is written twice within
 * one tick of the clock with the same size is beyond what it can tell. */
static void
make_etag(const struct file_facts *facts, char out[static FILE_ETAG_MAX])
{
	(void)snprintf(out, FILE_ETAG_MAX, "\"%" PRIx64 "-%" PRIx32 "-%" PRIx64 "\"",
		(uint64_t)facts->mtime & UINT64_C(0xffffffffff), facts->mtime_ns & 0x3fffffff,
		facts->size & UINT64_C(0xffffffffffff));
}

/* Whether a list of entity tags names this one. Weak tags match only where weak comparison is
 * asked for (RFC 9110 section 8.8.3.2). */
static bool
etag_listed(struct slice list, const char *etag, bool weak)
{
	struct slice tag;

	if (slice_eq_str(slice_trim(list), "*"))
		return true;
	while (http_list_next(&list, &tag)) {
		if (weak && slice_starts(tag, SLICE_LIT("W/")))
			tag = slice_skip(tag, 2);
		if (slice_eq_str(tag, etag))
			return true;
	}
	return false;
}

/* RFC 9110 section 13.2.2, steps 1 and 2: whether the client wants another version than ours. */
static bool
precondition_fails(const struct http_request *r, const struct file_facts *facts, const char *etag)
{
	struct slice match = value_of(r, HTTP_NAME_IF_MATCH);
	struct slice since = value_of(r, HTTP_NAME_IF_UNMODIFIED_SINCE);
	int64_t date;

	if (match.p)
		return !etag_listed(match, etag, false);
	return since.p && http_date_parse(since, &date) == 0 && facts->mtime > date;
}

/* Steps 3 and 4: whether the client has this version already. */
static bool
is_unchanged(const struct http_request *r, const struct file_facts *facts, const char *etag)
{
	struct slice none = value_of(r, HTTP_NAME_IF_NONE_MATCH);
	struct slice since = value_of(r, HTTP_NAME_IF_MODIFIED_SINCE);
	int64_t date;

	if (none.p)
		return etag_listed(none, etag, true);
	return since.p && http_date_parse(since, &date) == 0 && facts->mtime <= date;
}

/* Step 5: whether the part that is asked for is one of this version. */
static bool
range_applies(const struct http_request *r, const struct file_facts *facts, const char *etag)
{
	struct slice condition = value_of(r, HTTP_NAME_IF_RANGE);
	int64_t date;

	if (!condition.p)
		return true;
	if (condition.n && condition.p[0] == '"')
		return slice_eq_str(condition, etag);
	return http_date_parse(condition, &date) == 0 && facts->mtime == date;
}

enum range { RANGE_NONE, RANGE_PART, RANGE_OUTSIDE };

/* "bytes=first-last", "bytes=first-", "bytes=-suffix" (RFC 9110 section 14.1.2). Anything else,
 * several ranges included, is answered with the whole file. */
static enum range
parse_range(struct slice s, uint64_t size, struct file_answer *ret)
{
	uint64_t first = 0, last = UINT64_MAX;
	size_t dash;

	if (!slice_istarts(s, SLICE_LIT("bytes=")))
		return RANGE_NONE;
	s = slice_trim(slice_skip(s, 6));
	dash = slice_index(s, '-');
	if (dash == s.n || (dash == 0 && s.n == 1))
		return RANGE_NONE;
	if (dash > 0 && num_parse(slice_head(s, dash), 0, INT64_MAX, &first) < 0)
		return RANGE_NONE;
	if (dash + 1 < s.n && num_parse(slice_skip(s, dash + 1), 0, INT64_MAX, &last) < 0)
		return RANGE_NONE;
	if (dash == 0) {
		if (last == 0 || size == 0)
			return RANGE_OUTSIDE;
		first = last < size ? size - last : 0;
		last = size - 1;
	}
	if (last < first)
		return RANGE_NONE;
	if (first >= size)
		return RANGE_OUTSIDE;
	ret->start = first;
	ret->length = (last < size - 1 ? last : size - 1) - first + 1;
	return RANGE_PART;
}

static uint16_t
decide_status(const struct http_request *r, const struct file_facts *facts, struct file_answer *a)
{
	struct slice range = value_of(r, HTTP_NAME_RANGE);

	if (r->method != HTTP_METHOD_GET && r->method != HTTP_METHOD_HEAD)
		return 405;
	if (precondition_fails(r, facts, a->etag))
		return 412;
	if (is_unchanged(r, facts, a->etag))
		return 304;
	/* RFC 9110 section 14.2: ranges are for GET alone. */
	if (r->method != HTTP_METHOD_GET || !range.p || !range_applies(r, facts, a->etag))
		return 200;
	switch (parse_range(range, facts->size, a)) {
	case RANGE_PART:
		return 206;
	case RANGE_OUTSIDE:
		return 416;
	case RANGE_NONE:
		break;
	}
	return 200;
}

void
file_policy_decide(
	const struct http_request *request, const struct file_facts *facts, struct file_answer *ret)
{
	*ret = (struct file_answer){.status = 200, .minor = request->minor};
	make_etag(facts, ret->etag);
	ret->status = decide_status(request, facts, ret);
	if (ret->status == 200)
		ret->length = facts->size;
	ret->body = ret->length > 0 && request->method == HTTP_METHOD_GET;
}

/* What tells of the body, when the answer has one (or would have, for HEAD). */
static int
append_content(const struct file_answer *a, const struct file_facts *facts, struct buf *out)
{
	if (a->status == 304)
		return 0;
	if (buf_printf(out, "Content-Length: %" PRIu64 "\r\n", a->length) < 0)
		return -1;
	if (a->status == 416)
		return buf_printf(out, "Content-Range: bytes */%" PRIu64 "\r\n", facts->size);
	if (buf_printf(out, "Content-Type: %s\r\nAccept-Ranges: bytes\r\n",
		    mime_find(facts->name)) < 0)
		return -1;
	if (a->status != 206)
		return 0;
	return buf_printf(out, "Content-Range: bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64 "\r\n",
		a->start, a->start + a->length - 1, facts->size);
}

int
file_policy_head(const struct file_answer *answer, const struct file_facts *facts,
	struct slice now_date, bool keep_alive, struct buf *out)
{
	char modified[HTTP_DATE_LEN + 1];

	http_date_format(facts->mtime, modified);
	if (buf_printf(out, "HTTP/1.1 %u %s\r\nDate: %.*s\r\nLast-Modified: %s\r\nETag: %s\r\n",
		    (unsigned)answer->status, answer_phrase(answer->status), SLICE_ARG(now_date),
		    modified, answer->etag) < 0)
		return -1;
	if (append_content(answer, facts, out) < 0)
		return -1;
	if (!keep_alive)
		return buf_append_str(out, "Connection: close\r\n\r\n");
	return buf_append_str(out, answer->minor ? "\r\n" : "Connection: keep-alive\r\n\r\n");
}
