/* Conditions and ranges for files. */
#include "proxy/file_policy.h"

#include "core/num.h"
#include "proxy/answer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static struct slice
value_of(const struct http_request *r, enum http_name id)
{
	return http_request_value(r, id);
}

/* Size and time to the nanosecond make a strong validator: a file that is written twice within
 * one tick of the clock with the same size is beyond what it can tell. */
void
file_facts_write(struct file_facts *facts)
{
	char modified[HTTP_DATE_LEN + 1];
	struct buf out = {.data = facts->fields, .cap = FILE_FIELDS_MAX, .max = FILE_FIELDS_MAX};
	int failed;

	(void)snprintf(facts->etag, FILE_ETAG_MAX, "\"%" PRIx64 "-%" PRIx32 "-%" PRIx64 "\"",
		(uint64_t)facts->mtime & UINT64_C(0xffffffffff), facts->mtime_ns & 0x3fffffff,
		facts->size & UINT64_C(0xffffffffffff));
	http_date_format(facts->mtime, modified);
	failed = buf_printf(&out, "Last-Modified: %s\r\nETag: %s\r\n", modified, facts->etag);
	facts->n_validators = (uint16_t)buf_len(&out);
	failed |= buf_printf(&out,
		"Content-Length: %" PRIu64 "\r\nContent-Type: %s\r\nAccept-Ranges: bytes\r\n",
		facts->size, facts->type);
	facts->n_fields = (uint16_t)buf_len(&out);
	if (failed)
		abort(); /* FILE_FIELDS_MAX is too small for a type of the table */
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
precondition_fails(const struct http_request *r, const struct file_facts *facts)
{
	struct slice match = value_of(r, HTTP_NAME_IF_MATCH);
	struct slice since = value_of(r, HTTP_NAME_IF_UNMODIFIED_SINCE);
	int64_t date;

	if (match.p)
		return !etag_listed(match, facts->etag, false);
	return since.p && http_date_parse(since, &date) == 0 && facts->mtime > date;
}

/* Steps 3 and 4: whether the client has this version already. */
static bool
is_unchanged(const struct http_request *r, const struct file_facts *facts)
{
	struct slice none = value_of(r, HTTP_NAME_IF_NONE_MATCH);
	struct slice since = value_of(r, HTTP_NAME_IF_MODIFIED_SINCE);
	int64_t date;

	if (none.p)
		return etag_listed(none, facts->etag, true);
	return since.p && http_date_parse(since, &date) == 0 && facts->mtime <= date;
}

/* Step 5: whether the part that is asked for is one of this version. */
static bool
range_applies(const struct http_request *r, const struct file_facts *facts)
{
	struct slice condition = value_of(r, HTTP_NAME_IF_RANGE);
	int64_t date;

	if (!condition.p)
		return true;
	if (condition.n && condition.p[0] == '"')
		return slice_eq_str(condition, facts->etag);
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
	if (precondition_fails(r, facts))
		return 412;
	if (is_unchanged(r, facts))
		return 304;
	/* RFC 9110 section 14.2: ranges are for GET alone. */
	if (r->method != HTTP_METHOD_GET || !range.p || !range_applies(r, facts))
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
	ret->status = decide_status(request, facts, ret);
	if (ret->status == 200)
		ret->length = facts->size;
	ret->body = ret->length > 0 && request->method == HTTP_METHOD_GET;
}

/* What tells of the body, when the answer has one (or would have, for HEAD). */
static int
append_content(const struct file_answer *a, const struct file_facts *facts, struct buf *out)
{
	if (a->status == 416)
		return buf_printf(out,
			"Content-Length: 0\r\nContent-Range: bytes */%" PRIu64 "\r\n", facts->size);
	if (a->status != 206)
		return 0;
	return buf_printf(out,
		"Content-Length: %" PRIu64 "\r\nContent-Type: %s\r\nAccept-Ranges: bytes\r\n"
		"Content-Range: bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64 "\r\n",
		a->length, facts->type, a->start, a->start + a->length - 1, facts->size);
}

static int
append_status(const struct file_answer *a, struct buf *out)
{
	if (a->status == 200)
		return buf_append_slice(out, SLICE_LIT("HTTP/1.1 200 OK\r\nDate: "));
	return buf_printf(
		out, "HTTP/1.1 %u %s\r\nDate: ", (unsigned)a->status, answer_phrase(a->status));
}

int
file_policy_head(const struct file_answer *answer, const struct file_facts *facts,
	struct slice now_date, bool keep_alive, struct buf *out)
{
	size_t n = answer->status == 200 ? facts->n_fields : facts->n_validators;
	struct slice end = SLICE_LIT("\r\n");

	if (!keep_alive)
		end = SLICE_LIT("Connection: close\r\n\r\n");
	else if (answer->minor == 0)
		end = SLICE_LIT("Connection: keep-alive\r\n\r\n");
	if (append_status(answer, out) < 0 || buf_append_slice(out, now_date) < 0 ||
		buf_append_slice(out, SLICE_LIT("\r\n")) < 0 ||
		buf_append(out, facts->fields, n) < 0 || append_content(answer, facts, out) < 0)
		return -1;
	return buf_append_slice(out, end);
}
