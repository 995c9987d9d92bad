/* The proxy's own answers, from two tables: phrases, and what to tell a visitor. */
#include "proxy/http/answer.h"

#include <inttypes.h>
#include <stdlib.h>

#define ALLOW_DEFAULT "GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH"
#define RETRY_AFTER_S 5
#define HTTPS_PORT 443

/* X(status, phrase, sentence for the page) */
/* clang-format off */
#define STATUS_TABLE(X) \
	X(200, "OK", "") \
	X(201, "Created", "") \
	X(202, "Accepted", "") \
	X(203, "Non-Authoritative Information", "") \
	X(204, "No Content", "") \
	X(205, "Reset Content", "") \
	X(206, "Partial Content", "") \
	X(300, "Multiple Choices", "") \
	X(301, "Moved Permanently", "This page has moved.") \
	X(302, "Found", "This page is elsewhere for now.") \
	X(303, "See Other", "The answer is on another page.") \
	X(304, "Not Modified", "") \
	X(307, "Temporary Redirect", "This page is elsewhere for now.") \
	X(308, "Permanent Redirect", "This page has moved.") \
	X(400, "Bad Request", "The request is malformed.") \
	X(401, "Unauthorized", "This page needs a login.") \
	X(402, "Payment Required", "This page needs a payment.") \
	X(403, "Forbidden", "This page is not for you.") \
	X(404, "Not Found", "There is nothing at this address.") \
	X(405, "Method Not Allowed", "This address does not do that.") \
	X(406, "Not Acceptable", "") \
	X(407, "Proxy Authentication Required", "") \
	X(408, "Request Timeout", "The request took too long to arrive.") \
	X(409, "Conflict", "") \
	X(410, "Gone", "This page is gone for good.") \
	X(411, "Length Required", "") \
	X(412, "Precondition Failed", "The page has changed in the meantime.") \
	X(413, "Content Too Large", "The upload is larger than this address accepts.") \
	X(414, "URI Too Long", "The address is too long.") \
	X(415, "Unsupported Media Type", "") \
	X(416, "Range Not Satisfiable", "The file does not have this part.") \
	X(417, "Expectation Failed", "The request expects something unknown.") \
	X(421, "Misdirected Request", "This server does not answer for that name here.") \
	X(422, "Unprocessable Content", "") \
	X(423, "Locked", "") \
	X(424, "Failed Dependency", "") \
	X(425, "Too Early", "") \
	X(426, "Upgrade Required", "") \
	X(428, "Precondition Required", "") \
	X(429, "Too Many Requests", "Too many requests; please wait.") \
	X(431, "Request Header Fields Too Large", "The request's head is too large.") \
	X(451, "Unavailable For Legal Reasons", "") \
	X(500, "Internal Server Error", "Something went wrong here.") \
	X(501, "Not Implemented", "") \
	X(502, "Bad Gateway", "The application behind this address does not answer.") \
	X(503, "Service Unavailable", "The application behind this address is not available.") \
	X(504, "Gateway Timeout", "The application behind this address took too long.") \
	X(505, "HTTP Version Not Supported", "Only HTTP/1.0 and HTTP/1.1 are spoken here.") \
	X(507, "Insufficient Storage", "") \
	X(508, "Loop Detected", "") \
	X(511, "Network Authentication Required", "")
/* clang-format on */

struct status_row {
	uint16_t status;
	const char *phrase, *sentence;
};

static const struct status_row statuses[] = {
#define STATUS_ROW(status, phrase, sentence) {status, phrase, sentence},
	STATUS_TABLE(STATUS_ROW)
#undef STATUS_ROW
};

static const struct status_row unknown_status = {0, "", ""};

static int
compare_status(const void *key, const void *row)
{
	const uint16_t *status = key;

	return (int)*status - (int)((const struct status_row *)row)->status;
}

static const struct status_row *
find_status(uint16_t status)
{
	const struct status_row *row = bsearch(&status, statuses,
		sizeof(statuses) / sizeof(statuses[0]), sizeof(statuses[0]), compare_status);

	return row ? row : &unknown_status;
}

const char *
answer_phrase(uint16_t status)
{
	return find_status(status)->phrase;
}

uint16_t
answer_redirect_status(enum http_method method)
{
	return method == HTTP_METHOD_GET || method == HTTP_METHOD_HEAD ? 301 : 308;
}

static bool
has_page(uint16_t status)
{
	return status >= 200 && status != 204 && status != 205 && status != 304;
}

static int
append_page(const struct answer *a, struct buf *out)
{
	const struct status_row *row = find_status(a->status);
	const char *text = a->text ? a->text : row->sentence;

	return buf_printf(out,
		"<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
		"<title>%u %s</title>\n<h1>%u %s</h1>\n<p>%s</p>\n</html>\n",
		(unsigned)a->status, row->phrase, (unsigned)a->status, row->phrase, text);
}

static int
append_retry_after(const struct answer *a, struct buf *out)
{
	uint32_t seconds = a->retry_after_s;

	if (seconds == 0 && (a->status == 503 || a->status == 504))
		seconds = RETRY_AFTER_S;
	return seconds ? buf_printf(out, "Retry-After: %u\r\n", seconds) : 0;
}

/* Fields that only some answers have. */
static int
append_special(const struct answer *a, struct buf *out)
{
	if (a->location.p &&
		(buf_append_str(out, "Location: ") < 0 || buf_append_slice(out, a->location) < 0 ||
			buf_append_str(out, "\r\n") < 0))
		return -1;
	if (a->challenge.n &&
		(buf_append_str(out, "WWW-Authenticate: ") < 0 ||
			buf_append_slice(out, a->challenge) < 0 || buf_append_str(out, "\r\n") < 0))
		return -1;
	if (a->status == 405 &&
		buf_printf(out, "Allow: %s\r\n", a->allow ? a->allow : ALLOW_DEFAULT) < 0)
		return -1;
	return append_retry_after(a, out);
}

static const char *
connection_field(const struct answer *a)
{
	if (!a->keep_alive)
		return "Connection: close\r\n";
	return a->minor == 0 ? "Connection: keep-alive\r\n" : "";
}

static int
append_head(const struct answer *a, uint64_t page_len, struct buf *out)
{
	if (buf_printf(out, "HTTP/1.1 %u %s\r\nDate: %.*s\r\n%s", (unsigned)a->status,
		    answer_phrase(a->status), SLICE_ARG(a->date), connection_field(a)) < 0 ||
		append_special(a, out) < 0)
		return -1;
	/* 205 has no body but must say so; 204 and 304 must not (RFC 9110 sections 8.6, 15.3.6). */
	if (a->status == 205)
		return buf_append_str(out, "Content-Length: 0\r\n\r\n");
	if (!has_page(a->status))
		return buf_append_str(out, "\r\n");
	return buf_printf(out,
		"Content-Type: %s\r\nContent-Length: %" PRIu64 "\r\n"
		"X-Content-Type-Options: nosniff\r\n\r\n",
		a->page_type ? a->page_type : "text/html; charset=utf-8", page_len);
}

int
answer_build(const struct answer *a, struct buf *out)
{
	struct buf page;
	int ret = -1;

	if (a->page_type)
		return append_head(a, a->page_size, out);
	buf_init(&page, ANSWER_MAX);
	if ((!has_page(a->status) || append_page(a, &page) == 0) &&
		append_head(a, buf_len(&page), out) == 0 &&
		(a->method == HTTP_METHOD_HEAD || buf_append_slice(out, buf_slice(&page)) == 0))
		ret = 0;
	buf_clear(&page);
	return ret;
}

int
answer_https_location(struct slice host, uint16_t port, struct slice path, bool has_query,
	struct slice query, struct buf *out)
{
	if (buf_append_str(out, "https://") < 0 || buf_append_slice(out, host) < 0)
		return -1;
	if (port != HTTPS_PORT && buf_printf(out, ":%u", (unsigned)port) < 0)
		return -1;
	if (buf_append_slice(out, path) < 0)
		return -1;
	if (!has_query)
		return 0;
	return buf_append_byte(out, '?') < 0 ? -1 : buf_append_slice(out, query);
}
