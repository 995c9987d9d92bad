/* Framing of OCSP over HTTP, with the parser that reads backends' answers. */
#include "proxy/tls/ocsp_http.h"

#include "core/num.h"
#include "proxy/http/http_body.h"
#include "proxy/http/http_response.h"

#include <string.h>

/* The URL stands in a certificate that somebody else has made: nothing of it may end a line. */
static bool
url_is_printable(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= 0x20 || s.p[i] >= 0x7f)
			return false;
	return true;
}

static int
url_copy(char *to, size_t size, struct slice s)
{
	if (s.n == 0 || s.n >= size)
		return -1;
	memcpy(to, s.p, s.n);
	to[s.n] = '\0';
	return 0;
}

/* "[ADDRESS]" or "NAME", and what follows. */
static int
url_split_host(struct slice s, struct slice *ret_host, struct slice *ret_rest)
{
	size_t end = slice_index(s, slice_starts(s, SLICE_LIT("[")) ? ']' : ':');

	if (slice_starts(s, SLICE_LIT("["))) {
		if (end == s.n)
			return -1;
		*ret_host = slice_skip(slice_head(s, end), 1);
		*ret_rest = slice_skip(s, end + 1);
		return 0;
	}
	*ret_host = slice_head(s, end);
	*ret_rest = slice_skip(s, end);
	return 0;
}

int
ocsp_url_parse(struct slice text, struct ocsp_url *ret)
{
	struct ocsp_url url = {.path = "/"};
	struct slice rest, host, path, authority;
	uint64_t port = 80;

	if (!slice_istarts(text, SLICE_LIT("http://")) || !url_is_printable(text))
		return -1;
	rest = slice_skip(text, sizeof("http://") - 1);
	authority = slice_head(rest, slice_index(rest, '/'));
	path = slice_skip(rest, authority.n);
	path = slice_head(path, slice_index(path, '#'));
	if (slice_index(authority, '@') < authority.n ||
		slice_index(authority, '?') < authority.n ||
		url_split_host(authority, &host, &rest) < 0)
		return -1;
	if (rest.n > 0 &&
		(rest.p[0] != ':' || num_parse(slice_skip(rest, 1), 1, UINT16_MAX, &port) < 0))
		return -1;
	if (url_copy(url.host, sizeof(url.host), host) < 0 ||
		(path.n > 0 && url_copy(url.path, sizeof(url.path), path) < 0))
		return -1;
	url.port = (uint16_t)port;
	*ret = url;
	return 0;
}

int
ocsp_http_ask(const struct ocsp_url *to, struct slice question, struct buf *out)
{
	bool v6 = strchr(to->host, ':') != NULL;

	if (buf_printf(out, "POST %s HTTP/1.1\r\nHost: %s%s%s", to->path, v6 ? "[" : "", to->host,
		    v6 ? "]" : "") < 0 ||
		(to->port != 80 && buf_printf(out, ":%u", to->port) < 0))
		return -1;
	return buf_printf(out,
		       "\r\nUser-Agent: sluice\r\nAccept: application/ocsp-response\r\n"
		       "Content-Type: application/ocsp-request\r\nContent-Length: %zu\r\n"
		       "Connection: close\r\n\r\n",
		       question.n) < 0
		       ? -1
		       : buf_append_slice(out, question);
}

static enum http_parse
answer_bad(const char **ret_why, const char *why)
{
	*ret_why = why;
	return HTTP_BAD;
}

/* The final head, behind interim ones. */
static enum http_parse
answer_head(struct slice *in, struct http_response *r)
{
	for (unsigned i = 0; i < HTTP_INTERIM_MAX; i++) {
		enum http_parse result;

		http_response_init(r, HTTP_METHOD_POST);
		result = http_parse_response(r, in->p, in->n);
		if (result != HTTP_DONE)
			return result;
		r->base = in->p;
		*in = slice_skip(*in, r->head_len);
		if (!r->interim)
			return HTTP_DONE;
	}
	return HTTP_BAD;
}

static const char *
answer_refuse(const struct http_response *r)
{
	const struct http_field *type = http_response_find(r, HTTP_NAME_CONTENT_TYPE);
	struct slice value = type ? http_response_slice(r, type->value) : SLICE_LIT("");

	if (r->status != 200)
		return "the responder answers with another status than 200";
	value = slice_trim(slice_head(value, slice_index(value, ';')));
	if (!slice_ieq(value, SLICE_LIT("application/ocsp-response")))
		return "the responder's answer is of another type";
	if (r->body == HTTP_BODY_LENGTH && r->content_length > OCSP_ANSWER_MAX)
		return "the responder's answer is too large";
	return NULL;
}

static enum http_parse
answer_body(const struct http_response *r, struct slice in, bool closed, struct buf *der,
	const char **ret_why)
{
	enum http_body_result result = HTTP_BODY_MORE;
	struct http_body body;

	http_body_init(&body, r->body, r->content_length);
	while (in.n > 0 && result == HTTP_BODY_MORE) {
		struct slice payload = {0};
		size_t used = 0;

		result = http_body_feed(&body, in.p, in.n, &used, &payload);
		if (buf_append_slice(der, payload) < 0)
			return answer_bad(ret_why, "the responder's answer is too large");
		in = slice_skip(in, used);
	}
	if (result == HTTP_BODY_BAD)
		return answer_bad(ret_why, "the responder breaks the framing of its answer");
	if (http_body_done(&body) || (closed && http_body_close(&body) == 0))
		return HTTP_DONE;
	return closed ? answer_bad(ret_why, "the responder's answer is cut off") : HTTP_NEED_MORE;
}

enum http_parse
ocsp_http_answer(struct slice in, bool closed, struct buf *der, const char **ret_why)
{
	struct http_response r;
	const char *why;

	switch (answer_head(&in, &r)) {
	case HTTP_NEED_MORE:
		return closed ? answer_bad(ret_why, "the responder closes without an answer")
			      : HTTP_NEED_MORE;
	case HTTP_BAD:
		return answer_bad(ret_why, "the responder's answer is no HTTP");
	case HTTP_DONE:
		break;
	}
	why = answer_refuse(&r);
	if (why)
		return answer_bad(ret_why, why);
	buf_reset(der);
	return answer_body(&r, in, closed, der, ret_why);
}
