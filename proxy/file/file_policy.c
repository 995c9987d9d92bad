/* Conditions and ranges for files. */
#include "proxy/file/file_policy.h"

#include "proxy/http/answer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct slice
value_of(const struct http_request *r, enum http_name id)
{
	return http_request_value(r, id);
}

/* Size and time to the nanosecond make a strong validator: a file that is written twice within
 * one tick of the clock with the same size is beyond what it can tell. Two codings of one content
 * are two things (RFC 9110 section 8.8.3.3). */
static void
write_etag(struct file_facts *facts)
{
	const char *coding = coding_name(facts->coding);

	(void)snprintf(facts->etag, FILE_ETAG_MAX, "\"%" PRIx64 "-%" PRIx32 "-%" PRIx64 "%s%s\"",
		(uint64_t)facts->mtime & UINT64_C(0xffffffffff), facts->mtime_ns & 0x3fffffff,
		facts->size & UINT64_C(0xffffffffffff), coding ? "-" : "", coding ? coding : "");
}

static int
write_coding(const struct file_facts *facts, struct buf *out)
{
	const char *coding = coding_name(facts->coding);

	return coding ? buf_printf(out, "Content-Encoding: %s\r\n", coding) : 0;
}

static struct buf
fields_of(struct file_facts *facts)
{
	return (struct buf){.data = facts->fields, .cap = FILE_FIELDS_MAX, .max = FILE_FIELDS_MAX};
}

void
file_facts_write(struct file_facts *facts)
{
	char modified[HTTP_DATE_LEN + 1];
	struct buf out = fields_of(facts);
	int failed;

	write_etag(facts);
	http_date_format(facts->mtime, modified);
	failed = buf_printf(&out, "Last-Modified: %s\r\nETag: %s\r\n%s", modified, facts->etag,
		facts->varies ? "Vary: Accept-Encoding\r\n" : "");
	facts->n_validators = (uint16_t)buf_len(&out);
	failed |= buf_printf(&out,
		"Content-Length: %" PRIu64 "\r\nContent-Type: %s\r\nAccept-Ranges: bytes\r\n",
		facts->size, facts->type);
	failed |= write_coding(facts, &out);
	facts->n_fields = (uint16_t)buf_len(&out);
	if (failed)
		abort(); /* FILE_FIELDS_MAX is too small for a type of the table */
}

/* What names look like is somebody else's choice: nothing in the page may run. */
void
file_facts_write_page(struct file_facts *facts, uint64_t size)
{
	struct buf out;

	*facts = (struct file_facts){.size = size,
		.mtime = INT64_MAX,
		.type = "text/html; charset=utf-8",
		.coding = CODING_NONE,
		.whole = true};
	out = fields_of(facts);
	if (buf_printf(&out,
		    "Content-Length: %" PRIu64 "\r\nContent-Type: %s\r\nCache-Control: no-cache\r\n"
		    "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'\r\n",
		    size, facts->type) < 0)
		abort();
	facts->n_fields = (uint16_t)buf_len(&out);
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
	/* Weak ones never match here (RFC 9110 section 13.1.5). */
	if (condition.n && condition.p[0] == '"')
		return slice_eq_str(condition, facts->etag);
	return http_date_parse(condition, &date) == 0 && facts->mtime == date;
}

/* The parts that are asked for: one is the answer's own start and length. */
static uint16_t
decide_range(struct slice range, const struct file_facts *facts, struct file_answer *a)
{
	size_t n = 0;

	switch (file_range_parse(range, facts->size, a->parts, &n)) {
	case FILE_RANGE_NONE:
		return 200;
	case FILE_RANGE_OUTSIDE:
		return 416;
	case FILE_RANGE_PARTS:
		break;
	}
	/* A part has no field for its coding that clients would look at. */
	if (n > 1 && facts->coding != CODING_NONE)
		return 200;
	a->start = a->parts[0].start;
	a->length = a->parts[0].length;
	a->n_parts = n > 1 ? (uint8_t)n : 0;
	return 206;
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
	if (r->method != HTTP_METHOD_GET || facts->whole || !range.p || !range_applies(r, facts))
		return 200;
	return decide_range(range, facts, a);
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

void
file_policy_split(struct file_answer *a, const struct file_facts *facts, struct slice boundary)
{
	char text[FILE_PART_HEAD_MAX];
	struct buf out = {.data = text, .cap = sizeof(text), .max = sizeof(text)};

	boundary = slice_head(boundary, FILE_BOUNDARY_MAX);
	memcpy(a->boundary, boundary.p, boundary.n);
	a->boundary[boundary.n] = '\0';
	a->length = 0;
	for (size_t i = 0; i <= a->n_parts; i++) {
		buf_reset(&out);
		if (file_policy_part(a, facts->size, facts->type, i, &out) < 0)
			abort(); /* FILE_PART_HEAD_MAX is too small for a type of the table */
		a->length += buf_len(&out) + (i < a->n_parts ? a->parts[i].length : 0);
	}
}

int
file_policy_part(
	const struct file_answer *a, uint64_t size, const char *type, size_t index, struct buf *out)
{
	const struct file_part *part = &a->parts[index];
	const char *line_break = index ? "\r\n" : "";

	if (index == a->n_parts)
		return buf_printf(out, "\r\n--%s--\r\n", a->boundary);
	return buf_printf(out,
		"%s--%s\r\nContent-Type: %s\r\nContent-Range: bytes %" PRIu64 "-%" PRIu64
		"/%" PRIu64 "\r\n\r\n",
		line_break, a->boundary, type, part->start, part->start + part->length - 1, size);
}

static int
append_part(const struct file_answer *a, const struct file_facts *facts, struct buf *out)
{
	return buf_printf(out,
		"Content-Type: %s\r\nContent-Range: bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64 "\r\n",
		facts->type, a->start, a->start + a->length - 1, facts->size);
}

/* What tells of the body, when the answer has one (or would have, for HEAD). */
static int
append_content(const struct file_answer *a, const struct file_facts *facts, struct buf *out)
{
	int result;

	if (a->status == 416)
		return buf_printf(out,
			"Content-Length: 0\r\nContent-Range: bytes */%" PRIu64 "\r\n", facts->size);
	if (a->status != 206)
		return 0;
	if (buf_printf(out, "Content-Length: %" PRIu64 "\r\nAccept-Ranges: bytes\r\n", a->length) <
			0 ||
		write_coding(facts, out) < 0)
		return -1;
	/* RFC 9110 section 15.3.7.2: of several parts the ranges stand with each. */
	result = a->n_parts ? buf_printf(out, "Content-Type: multipart/byteranges; boundary=%s\r\n",
				      a->boundary)
			    : append_part(a, facts, out);
	return result;
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
