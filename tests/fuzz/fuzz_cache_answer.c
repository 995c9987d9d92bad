/*
 * What is stored of an answer and what clients get of it: the input is a request's head, an
 * answer's and a validating one's. Whatever they say, each head that goes out is one that a strict
 * parser takes, with the length of what is sent; and nothing of framing, cookies that were taken
 * out or the connection is stored.
 */
#include "tests/fuzz/require.h"

#include "proxy/cache/cache_answer.h"
#include "proxy/cache/cache_head.h"
#include "proxy/cache/cache_parts.h"
#include "proxy/cache/cache_store.h"
#include "proxy/http/forward_head.h"

#include <stdlib.h>

#define BODY 1000
#define BUDGET (1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct heads {
	struct http_request request;
	struct http_response response, fresh, out;
};

static void
forward(const struct http_response *r, struct buf *out)
{
	struct forward_response f = {
		.response = r, .body = HTTP_BODY_NONE, .keep_alive = true, .minor = 1};

	buf_init(out, FORWARD_RESPONSE_HEAD_MAX);
	REQUIRE(forward_response_head(&f, out) == 0);
}

static void
require_clean(struct slice head, const struct cache_control *control)
{
	struct cache_line l;

	cache_head_skip_status(&head);
	while (cache_head_next(&head, &l)) {
		REQUIRE(!slice_ieq(l.name, SLICE_LIT("content-length")));
		REQUIRE(!slice_ieq(l.name, SLICE_LIT("transfer-encoding")));
		REQUIRE(!slice_ieq(l.name, SLICE_LIT("connection")));
		REQUIRE(!slice_ieq(l.name, SLICE_LIT("age")));
		REQUIRE(!cache_control_lists(control, l.name));
	}
	REQUIRE(head.n == 0);
}

static struct cache_object *
store(struct cache_store *s, struct slice head, uint16_t status)
{
	struct cache_object_parts parts = {
		.url = SLICE_LIT("http://a/"), .head = head, .status = status};
	struct cache_body *body = cache_body_new(s, BODY);
	struct cache_object *o;

	REQUIRE(body);
	memset(body->data, 'x', BODY);
	body->n = BODY;
	o = cache_object_new(s, &parts, &body);
	REQUIRE(o);
	return o;
}

static void
require_answer(struct heads *h, const struct cache_object *o)
{
	const struct cache_manner manner = {.age = 5, .keep_alive = true, .minor = 1};
	struct cache_body *parts;
	struct cache_answer a;
	struct buf out;

	cache_answer_decide(&h->request, o, &a);
	REQUIRE(a.start + a.length <= BODY);
	parts = cache_parts_make(&h->request, o, SLICE_LIT("boundary"), &a);
	REQUIRE(!parts || (parts->n == a.length && a.status == 206 && a.body));
	cache_body_unref(&parts);
	REQUIRE(!a.body || (a.length > 0 && h->request.method == HTTP_METHOD_GET));
	buf_init(&out, (size_t)2 * CACHE_HEAD_MAX);
	REQUIRE(cache_answer_head(&a, o, &manner, &out) == 0);
	http_response_init(&h->out, h->request.method);
	if (http_parse_response(&h->out, out.data, out.end) == HTTP_DONE) {
		REQUIRE(h->out.head_len == out.end && h->out.status == a.status);
		if (a.body)
			REQUIRE(h->out.body == HTTP_BODY_LENGTH &&
				h->out.content_length == a.length);
	} else {
		REQUIRE(h->out.reason == HTTP_REASON_HEAD_TOO_LARGE ||
			h->out.reason == HTTP_REASON_FIELD_TOO_LONG ||
			h->out.reason == HTTP_REASON_TOO_MANY_FIELDS);
	}
	buf_clear(&out);
}

static void
check(struct heads *h, bool has_fresh)
{
	struct cache_store *s = cache_store_new();
	struct buf text, kept, merged, fresh, conditions, tags;
	struct cache_facts facts;
	struct cache_object *o;

	REQUIRE(s);
	cache_store_set_budget(s, BUDGET);
	cache_facts_read(&h->response, &facts);
	forward(&h->response, &text);
	buf_init(&kept, CACHE_HEAD_MAX);
	buf_init(&merged, (size_t)2 * CACHE_HEAD_MAX);
	buf_init(&conditions, CACHE_HEAD_MAX);
	buf_init(&tags, CACHE_TAGS_MAX);
	if (cache_head_keep(buf_slice(&text), &facts.control, &kept) == 0) {
		require_clean(buf_slice(&kept), &facts.control);
		o = store(s, buf_slice(&kept), h->response.status);
		require_answer(h, o);
		(void)cache_answer_conditions(o, &conditions);
		cache_head_tags(o->head, CACHE_TAGS_MAX, &tags);
		REQUIRE(buf_len(&tags) <= CACHE_TAGS_MAX);
		cache_object_unref(&o);
		if (has_fresh) {
			cache_facts_read(&h->fresh, &facts);
			forward(&h->fresh, &fresh);
			if (cache_head_merge(buf_slice(&kept), buf_slice(&fresh), &facts.control,
				    false, &merged) == 0)
				require_clean(buf_slice(&merged), &facts.control);
			buf_clear(&fresh);
		}
	}
	buf_clear(&text);
	buf_clear(&kept);
	buf_clear(&merged);
	buf_clear(&conditions);
	buf_clear(&tags);
	cache_store_free(&s);
}

static bool
take(struct http_response *r, enum http_method method, struct slice *rest)
{
	http_response_init(r, method);
	if (rest->n == 0 || http_parse_response(r, rest->p, rest->n) != HTTP_DONE)
		return false;
	r->base = rest->p;
	*rest = slice_skip(*rest, r->head_len);
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct heads *h = calloc(1, sizeof(*h));
	struct slice rest = slice_of(data, size);

	REQUIRE(h);
	http_request_init(&h->request);
	if (size > 0 && http_parse_request(&h->request, rest.p, rest.n) == HTTP_DONE) {
		h->request.base = rest.p;
		rest = slice_skip(rest, h->request.head_len);
		/* Others have no body, and are not stored with one. */
		if (take(&h->response, h->request.method, &rest) && h->response.status >= 200 &&
			h->response.status != 204 && h->response.status != 304)
			check(h, take(&h->fresh, h->request.method, &rest));
	}
	free(h);
	return 0;
}
