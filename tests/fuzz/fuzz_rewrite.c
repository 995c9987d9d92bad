/*
 * Rewriting: two lines are a route's and a target's path, what follows is a backend's answer.
 * Whatever it says, the head keeps its lines and its framing, and no path of the backend becomes
 * another host.
 */
#include "tests/fuzz/require.h"

#include "conf/value.h"
#include "core/own.h"
#include "proxy/http/forward_head.h"
#include "proxy/http/rewrite.h"

#include <stdlib.h>

#define OUT_MAX ((size_t)1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct slice
take_line(struct slice *rest)
{
	struct slice line = slice_head(*rest, slice_index(*rest, '\n'));

	*rest = slice_skip(*rest, line.n + 1);
	return line;
}

static void
require_no_other_host(const struct rewrite *w, struct slice value)
{
	struct buf out;

	buf_init(&out, OUT_MAX);
	if (rewrite_reference(w, value, &out) > 0) {
		struct slice s = buf_slice(&out);

		/* A path, or the host that it was. */
		REQUIRE(s.n > 0);
		if (s.p[0] == '/' && !slice_starts(value, SLICE_LIT("//")))
			REQUIRE(s.n == 1 || (s.p[1] != '/' && s.p[1] != '\\'));
		if (s.p[0] != '/')
			REQUIRE(slice_head(s, 8).n == 8 && memcmp(s.p, value.p, 8) == 0);
	} else {
		REQUIRE(buf_len(&out) == 0);
	}
	buf_clear(&out);
}

static void
require_same_framing(const struct rewrite *w, const struct http_response *r)
{
	struct forward_response f = {
		.response = r, .body = r->body, .keep_alive = true, .minor = 1};
	struct http_response *again = calloc(1, sizeof(*again));
	struct buf out, scratch;

	REQUIRE(again);
	buf_init(&out, OUT_MAX);
	buf_init(&scratch, OUT_MAX);
	REQUIRE(forward_response_head(&f, &out) == 0);
	REQUIRE(rewrite_head(w, 0, &scratch, &out) == 0);
	http_response_init(again, r->request_method);
	/* It may be too long now; it is no other answer for that. */
	if (http_parse_response(again, out.data, out.end) == HTTP_DONE) {
		REQUIRE(again->head_len == out.end && again->status == r->status);
		REQUIRE(again->body == r->body && again->content_length == r->content_length);
		REQUIRE(again->n_fields <= r->n_fields + 2u);
	} else {
		REQUIRE(again->reason == HTTP_REASON_HEAD_TOO_LARGE ||
			again->reason == HTTP_REASON_FIELD_TOO_LONG ||
			again->reason == HTTP_REASON_TOO_MANY_FIELDS);
	}
	buf_clear(&out);
	buf_clear(&scratch);
	free(again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice rest = slice_of(data, size);
	struct rewrite w = {.host = SLICE_LIT("example.org"),
		.name = SLICE_LIT("b"),
		.address = SLICE_LIT("10.0.0.1:80"),
		.port = 80};
	struct http_response *r;

	if (size == 0)
		return 0;
	w.route = take_line(&rest);
	w.target = take_line(&rest);
	w.exact = size % 2;
	if (value_route_path(w.route) || value_target_path(w.target) || rest.n == 0)
		return 0;
	if (slice_starts(w.target, SLICE_LIT("//")))
		return 0;
	r = calloc(1, sizeof(*r));
	REQUIRE(r);
	http_response_init(r, HTTP_METHOD_GET);
	if (http_parse_response(r, rest.p, rest.n) == HTTP_DONE && !r->interim) {
		for (size_t i = 0; i < r->n_fields; i++)
			require_no_other_host(&w, http_response_slice(r, r->fields[i].value));
		require_same_framing(&w, r);
	}
	free(r);
	return 0;
}
