/* Accept-Encoding, weights, and content types. */
#include "proxy/http/coding.h"

#include "core/num.h"
#include "core/own.h"
#include "proxy/http/http_field.h"

#define Q_MAX 1000

static const char *const names[] = {
#define CODING_NAME(id, name) name,
	CODING_TABLE(CODING_NAME)
#undef CODING_NAME
		NULL,
};

const char *
coding_name(enum coding coding)
{
	return names[coding];
}

/* --- what the client accepts ----------------------------------------------------------------- */

/* "0", "1", "0.5", "1.000" (RFC 9110 section 12.4.2), in thousandths. -1: malformed. */
static int
parse_q(struct slice s)
{
	int q, unit = Q_MAX;

	if (s.n == 0 || s.n > 5 || (s.p[0] != '0' && s.p[0] != '1') || (s.n > 1 && s.p[1] != '.'))
		return -1;
	q = (s.p[0] - '0') * Q_MAX;
	for (size_t i = 2; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return -1;
		unit /= 10;
		q += (s.p[i] - '0') * unit;
	}
	return q > Q_MAX ? -1 : q;
}

/* The weight behind ';', Q_MAX without one. -1: malformed. */
static int
parse_weight(struct slice s)
{
	s = slice_trim(s);
	if (s.n == 0)
		return Q_MAX;
	if (!slice_istarts(s, SLICE_LIT("q=")))
		return -1;
	return parse_q(slice_skip(s, 2));
}

static void
accept_one(struct coding_accept *a, struct slice name, uint16_t q)
{
	if (slice_eq_str(name, "*")) {
		a->any = true;
		a->q_any = q;
		return;
	}
	if (slice_ieq(name, SLICE_LIT("identity")))
		a->q_identity = q;
	if (slice_ieq(name, SLICE_LIT("x-gzip"))) /* RFC 9110 section 8.4.1.3 */
		name = SLICE_LIT("gzip");
	for (size_t i = 0; i < CODING_NONE; i++) {
		if (slice_ieq(name, slice_str(names[i]))) {
			a->named[i] = true;
			a->q[i] = q;
		}
	}
}

void
coding_accept_add(struct coding_accept *a, struct slice value)
{
	struct slice element;

	while (http_list_next(&value, &element)) {
		size_t semicolon = slice_index(element, ';');
		bool bare = semicolon == element.n;
		int q = bare ? Q_MAX : parse_weight(slice_skip(element, semicolon + 1));

		if (q >= 0)
			accept_one(a, slice_trim(slice_head(element, semicolon)), (uint16_t)q);
	}
}

uint16_t
coding_weight(const struct coding_accept *a, enum coding coding)
{
	uint16_t q = a->named[coding] ? a->q[coding] : a->any ? a->q_any : 0;

	return q < a->q_identity ? 0 : q;
}

enum coding
coding_choose(const struct coding_accept *a)
{
	enum coding best = CODING_NONE;
	uint16_t best_q = 0;

	for (size_t i = 0; i < CODING_NONE; i++) {
		uint16_t q = coding_weight(a, (enum coding)i);

		if (q > best_q) {
			best = (enum coding)i;
			best_q = q;
		}
	}
	return best;
}

/* --- what the answer is ---------------------------------------------------------------------- */

/* "*" at the end of a row: whatever follows; at its beginning: whatever stands before. */
static const char *const worth[] = {
	"text/*",
	"application/json",
	"application/javascript",
	"application/x-javascript",
	"application/ecmascript",
	"application/xml",
	"application/wasm",
	"application/rtf",
	"application/x-ndjson",
	"application/x-sh",
	"application/vnd.apple.mpegurl",
	"application/vnd.ms-fontobject",
	"image/svg+xml",
	"image/bmp",
	"font/ttf",
	"font/otf",
	"application/x-font-ttf",
	"*+json",
	"*+xml",
};

static bool
matches(struct slice type, struct slice row)
{
	if (slice_ends(row, SLICE_LIT("*")))
		return slice_istarts(type, slice_head(row, row.n - 1));
	if (!slice_starts(row, SLICE_LIT("*")))
		return slice_ieq(type, row);
	row = slice_skip(row, 1);
	return type.n >= row.n && slice_ieq(slice_skip(type, type.n - row.n), row);
}

bool
coding_type_is_stream(struct slice type)
{
	type = slice_trim(slice_head(type, slice_index(type, ';')));
	return slice_ieq(type, SLICE_LIT("text/event-stream")) ||
	       slice_ieq(type, SLICE_LIT("multipart/x-mixed-replace"));
}

bool
coding_type_is_worth(struct slice type)
{
	/* Events must not wait, and some readers take no compressed ones. */
	if (coding_type_is_stream(type))
		return false;
	type = slice_trim(slice_head(type, slice_index(type, ';')));
	for (size_t i = 0; i < ARRAY_SIZE(worth); i++) {
		if (matches(type, slice_str(worth[i])))
			return true;
	}
	return false;
}

static bool
lists(struct slice list, struct slice name)
{
	struct slice element;

	while (http_list_next(&list, &element)) {
		if (slice_ieq(element, name))
			return true;
	}
	return false;
}

bool
coding_is_worth(const struct coding_facts *facts)
{
	/* Nothing for a part (RFC 9110 section 14.4), nothing for what has a coding already. An
	 * answer without a length may become long. RFC 9111 section 5.2.2.6: no-transform. */
	return facts->status != 206 && facts->status != 204 && facts->status != 205 &&
	       facts->status >= 200 && facts->range.n == 0 && facts->encoding.n == 0 &&
	       (!facts->has_length || facts->length >= CODING_BYTES_MIN) &&
	       coding_type_is_worth(facts->type) && !facts->no_transform && !facts->digest;
}

/* --- heads ----------------------------------------------------------------------------------- */

struct line {
	struct slice whole; /* with its CRLF */
	struct slice text;  /* the name as written */
	enum http_name name;
	struct slice value;
};

/* The next line of a head, whose form is known to be right. False at the empty line. */
static bool
next_line(struct slice *rest, struct line *ret)
{
	const char *end = memmem(rest->p, rest->n, "\r\n", 2);
	size_t n = end ? (size_t)(end - rest->p) : 0;
	size_t colon;

	if (n == 0)
		return false;
	ret->whole = slice_head(*rest, n + 2);
	*rest = slice_skip(*rest, n + 2);
	colon = slice_index(slice_head(ret->whole, n), ':');
	ret->text = slice_head(ret->whole, colon);
	ret->name = http_name_find(ret->text);
	ret->value = slice_trim(slice_skip(slice_head(ret->whole, n), colon + 1));
	return true;
}

/* "HTTP/1.1 200 OK" */
static uint16_t
read_status(struct slice line)
{
	uint64_t status;

	if (line.n < 12 || num_parse(slice_of(line.p + 9, 3), 100, 999, &status) < 0)
		return 0;
	return (uint16_t)status;
}

/* RFC 9530, and what it replaces: the coding belongs to what was summed up. */
static bool
is_digest(struct slice name)
{
	return slice_ieq(name, SLICE_LIT("content-digest")) ||
	       slice_ieq(name, SLICE_LIT("repr-digest")) || slice_ieq(name, SLICE_LIT("digest")) ||
	       slice_ieq(name, SLICE_LIT("content-md5"));
}

static void
read_field(const struct line *line, struct coding_facts *f)
{
	switch ((unsigned)line->name) {
	case HTTP_NAME_CONTENT_LENGTH:
		f->has_length = num_parse(line->value, 0, UINT64_MAX, &f->length) == 0;
		break;
	case HTTP_NAME_CONTENT_TYPE:
		f->type = line->value;
		break;
	case HTTP_NAME_CONTENT_ENCODING:
		f->encoding = line->value;
		break;
	case HTTP_NAME_CONTENT_RANGE:
		f->range = line->value;
		break;
	case HTTP_NAME_ETAG:
		f->etag = line->value;
		break;
	case HTTP_NAME_CACHE_CONTROL:
		f->no_transform = f->no_transform || lists(line->value, SLICE_LIT("no-transform"));
		break;
	case HTTP_NAME_VARY:
		f->varies = f->varies || lists(line->value, SLICE_LIT("accept-encoding")) ||
			    lists(line->value, SLICE_LIT("*"));
		break;
	default:
		f->digest = f->digest || is_digest(line->text);
		break;
	}
}

void
coding_read_head(struct slice head, struct coding_facts *ret)
{
	struct line line;

	*ret = (struct coding_facts){0};
	if (!next_line(&head, &line))
		return;
	ret->status = read_status(line.whole);
	while (next_line(&head, &line))
		read_field(&line, ret);
}

static int
write_field(const struct line *line, const struct coding_change *change, struct buf *out)
{
	bool coded = change->coding != CODING_NONE;

	if (coded && (line->name == HTTP_NAME_CONTENT_LENGTH ||
			     line->name == HTTP_NAME_TRANSFER_ENCODING ||
			     line->name == HTTP_NAME_ACCEPT_RANGES))
		return 0;
	if (!change->weak || line->name != HTTP_NAME_ETAG ||
		slice_starts(line->value, SLICE_LIT("W/")))
		return buf_append_slice(out, line->whole);
	/* RFC 9110 section 8.8.1: equal content, but other bytes. */
	return buf_printf(out, "ETag: W/%.*s\r\n", SLICE_ARG(line->value));
}

int
coding_write_head(struct slice head, const struct coding_change *change, struct buf *out)
{
	struct line line;

	while (next_line(&head, &line)) {
		if (write_field(&line, change, out) < 0)
			return -1;
	}
	if (change->coding != CODING_NONE &&
		buf_printf(out, "Content-Encoding: %s\r\n", coding_name(change->coding)) < 0)
		return -1;
	if (change->chunked && buf_append_str(out, "Transfer-Encoding: chunked\r\n") < 0)
		return -1;
	if (change->vary && buf_append_str(out, "Vary: Accept-Encoding\r\n") < 0)
		return -1;
	return buf_append_str(out, "\r\n");
}
