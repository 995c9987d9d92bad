/*
 * Request heads: the same bytes whole and byte by byte (from two copies in turn, so that nothing
 * may point into the bytes of an earlier call) must give the same request. What is accepted is
 * then forwarded, and what is forwarded must be read as the same request again.
 */
#include "tests/fuzz/require.h"

#include "core/own.h"
#include "proxy/http/forward_head.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum http_parse
parse_bytewise(struct http_request *r, const char *a, const char *b, size_t n)
{
	enum http_parse result = HTTP_NEED_MORE;

	http_request_init(r);
	for (size_t i = 0; i <= n && result == HTTP_NEED_MORE; i++)
		result = http_parse_request(r, i & 1 ? a : b, i);
	return result;
}

static void
require_same(const struct http_request *a, const struct http_request *b)
{
	size_t from = offsetof(struct http_request, reason);
	size_t to = offsetof(struct http_request, fields);

	REQUIRE(memcmp((const char *)a + from, (const char *)b + from, to - from) == 0);
	for (size_t i = 0; i < a->n_fields; i++)
		REQUIRE(memcmp(&a->fields[i], &b->fields[i], sizeof(a->fields[i])) == 0);
}

/* The head that a backend would read. */
static void
require_forwarded(const struct http_request *sent, struct slice replacement, struct arena *arena)
{
	struct http_request got;
	struct http_path path;
	struct forward_request f = {.request = sent,
		.path = &path,
		.matched = 1,
		.replacement = replacement,
		.client = SLICE_LIT("192.0.2.7"),
		.peer = SLICE_LIT("192.0.2.7"),
		.host = SLICE_LIT("backend"),
		.tls = true,
		.port = 443};
	struct buf out;

	if (sent->upgrade)
		f.upgrade = sent->websocket ? SLICE_LIT("websocket") : SLICE_LIT("tcp/1");

	if (sent->form == HTTP_FORM_ASTERISK ||
		http_path_resolve(http_request_slice(sent, sent->path), arena, &path) !=
			HTTP_REASON_NONE)
		return;
	buf_init(&out, FORWARD_REQUEST_HEAD_MAX);
	REQUIRE(forward_request_head(&f, &out) == 0);
	http_request_init(&got);
	/* What we add may carry a head over the limits that hold for clients. */
	if (http_parse_request(&got, out.data, buf_len(&out)) == HTTP_DONE) {
		REQUIRE(got.head_len == buf_len(&out));
		REQUIRE(got.method == sent->method && got.body == sent->body);
		REQUIRE(got.content_length == sent->content_length);
		REQUIRE(got.n_odd == 0 && !got.expect_continue);
		/* The one upgrade that is passed on, and no word more in Connection. */
		REQUIRE(got.upgrade == sent->upgrade && got.websocket == sent->websocket);
		REQUIRE(slice_eq(http_request_value(&got, HTTP_NAME_UPGRADE), f.upgrade));
		REQUIRE(got.framing.n_connection == (got.upgrade || got.te_trailers));
		REQUIRE(got.form == HTTP_FORM_ORIGIN && got.minor == 1);
	} else {
		REQUIRE(http_reason_status(got.reason) == 431 ||
			http_reason_status(got.reason) == 414);
	}
	buf_clear(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_request whole, pieces;
	_free_ char *copy = malloc(size ? size : 1);
	struct arena *arena = arena_new(4096, 1 << 20);
	enum http_parse result;

	REQUIRE(copy && arena);
	if (size)
		memcpy(copy, data, size);
	http_request_init(&whole);
	result = http_parse_request(&whole, (const char *)data, size);
	REQUIRE(parse_bytewise(&pieces, (const char *)data, copy, size) == result);
	REQUIRE(whole.reason == pieces.reason);
	REQUIRE((result == HTTP_BAD) == (whole.reason != HTTP_REASON_NONE));
	if (result == HTTP_DONE) {
		require_same(&whole, &pieces);
		require_forwarded(&whole, (struct slice){.p = NULL}, arena);
		require_forwarded(&whole, SLICE_LIT("/base/"), arena);
	}
	arena_free(&arena);
	return 0;
}
