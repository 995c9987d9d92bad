/*
 * Response heads: whole and byte by byte must agree, and what is accepted is rewritten for a
 * client and must be read as the same response again. The first byte chooses the request's method,
 * the client's version, and whether a switch was asked for.
 */
#include "tests/fuzz/require.h"

#include "core/own.h"
#include "proxy/http/forward_head.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum http_parse
parse_bytewise(
	struct http_response *r, const struct http_response *whole, const char *bytes, size_t n)
{
	enum http_parse result = HTTP_NEED_MORE;

	http_response_init(r, whole->request_method);
	r->protocol = whole->protocol;
	for (size_t i = 0; i <= n && result == HTTP_NEED_MORE; i++)
		result = http_parse_response(r, bytes, i);
	return result;
}

static void
require_same(const struct http_response *a, const struct http_response *b)
{
	size_t from = offsetof(struct http_response, reason);
	size_t to = offsetof(struct http_response, fields);

	REQUIRE(memcmp((const char *)a + from, (const char *)b + from, to - from) == 0);
	for (size_t i = 0; i < a->n_fields; i++)
		REQUIRE(memcmp(&a->fields[i], &b->fields[i], sizeof(a->fields[i])) == 0);
}

static void
require_forwarded(const struct http_response *sent, enum http_method method, uint8_t minor)
{
	struct forward_response f = {.response = sent,
		.minor = minor,
		.date = SLICE_LIT("Sun, 06 Nov 1994 08:49:37 GMT")};
	struct http_response got;
	struct buf out;

	f.body = forward_response_body(sent, minor, method);
	f.keep_alive = f.body != HTTP_BODY_UNTIL_CLOSE;
	if (sent->switched)
		f.upgrade = sent->protocol;
	buf_init(&out, FORWARD_RESPONSE_HEAD_MAX);
	REQUIRE(forward_response_head(&f, &out) == 0);
	http_response_init(&got, method);
	got.protocol = f.upgrade;
	if (http_parse_response(&got, out.data, buf_len(&out)) == HTTP_DONE) {
		REQUIRE(got.head_len == buf_len(&out));
		REQUIRE(got.status == sent->status && got.body == f.body);
		REQUIRE(got.switched == sent->switched);
		REQUIRE(got.keep_alive == (f.keep_alive && !got.switched));
		REQUIRE(got.has_content_length == sent->has_content_length);
		REQUIRE(got.content_length == sent->content_length);
	} else {
		REQUIRE(got.reason == HTTP_REASON_TOO_MANY_FIELDS ||
			got.reason == HTTP_REASON_HEAD_TOO_LARGE ||
			got.reason == HTTP_REASON_FIELD_TOO_LONG);
	}
	buf_clear(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_response whole, pieces;
	enum http_method method;
	enum http_parse result;
	const char *bytes;

	if (size == 0)
		return 0;
	method = data[0] & 1 ? HTTP_METHOD_HEAD : HTTP_METHOD_GET;
	bytes = (const char *)data + 1;
	http_response_init(&whole, method);
	if (data[0] & 4)
		whole.protocol = SLICE_LIT("tcp/1");
	result = http_parse_response(&whole, bytes, size - 1);
	REQUIRE(parse_bytewise(&pieces, &whole, bytes, size - 1) == result);
	REQUIRE(whole.reason == pieces.reason);
	REQUIRE((result == HTTP_BAD) == (whole.reason != HTTP_REASON_NONE));
	if (result == HTTP_DONE) {
		require_same(&whole, &pieces);
		if (!whole.interim)
			require_forwarded(&whole, method, data[0] >> 1 & 1);
	}
	return 0;
}
