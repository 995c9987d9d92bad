/*
 * Header rules: one line is a configuration's rule, what follows is a request that a client sends.
 * Whatever both hold, the head that goes to the backend is one head, of the same framing, with one
 * Host, and the one that goes to the client holds no line that no rule named.
 */
#include "tests/fuzz/require.h"

#include "core/own.h"
#include "proxy/http/forward_head.h"
#include "proxy/http/head_rules.h"

#include <stdlib.h>

#define OUT_MAX ((size_t)1 << 20)
#define ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nServer: x\r\n\r\n"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct conf *
parse_rule(struct slice rule)
{
	struct conf_input in = {.name = "fuzz"};
	struct conf_errors errs;
	struct conf *conf = NULL;
	struct buf text;

	buf_init(&text, OUT_MAX);
	REQUIRE(buf_append_str(&text, "listen 80 plain\n") == 0);
	REQUIRE(buf_append_slice(&text, rule) == 0 && buf_append_byte(&text, '\n') == 0);
	in.text = buf_slice(&text);
	(void)conf_parse(&in, &conf, NULL, &errs);
	buf_clear(&text);
	return conf;
}

static size_t
count_lines(struct slice s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += s.p[i] == '\n';
	return n;
}

/* The request as the backend reads it. */
static void
require_one_request(const struct http_request *sent, struct slice head)
{
	struct http_request *r = calloc(1, sizeof(*r));

	REQUIRE(r);
	http_request_init(r);
	/* Its fields may be too many or too long together; it is no other request for that. */
	if (http_parse_request(r, head.p, head.n) == HTTP_DONE) {
		REQUIRE(r->head_len == head.n && r->method == sent->method);
		REQUIRE(r->body == sent->body && r->content_length == sent->content_length);
		/* Connection names what the proxy itself says to the backend, and nothing else. */
		REQUIRE(r->host_field.n > 0 &&
			r->te_trailers == (sent->te_trailers && !sent->websocket));
		REQUIRE(r->framing.n_connection == (r->te_trailers || sent->websocket));
	} else {
		REQUIRE(r->reason == HTTP_REASON_HEAD_TOO_LARGE ||
			r->reason == HTTP_REASON_TOO_MANY_FIELDS ||
			r->reason == HTTP_REASON_FIELD_TOO_LONG);
	}
	free(r);
}

static void
apply(const struct conf *conf, const struct http_request *r, const struct http_path *path)
{
	struct forward_request f = {.request = r,
		.path = path,
		.client = SLICE_LIT("192.0.2.7"),
		.peer = SLICE_LIT("192.0.2.7"),
		.host = SLICE_LIT("backend"),
		.port = 80};
	struct head_facts facts = {.request = r,
		.client = f.client,
		.peer = f.peer,
		.client_port = 1,
		.server_port = 80,
		.path = path->match,
		.request_id = SLICE_LIT("id"),
		.server_name = SLICE_LIT("a.example")};
	struct head_rules rules = {.places = {&conf->heads}};
	struct buf out, scratch;
	size_t lines;

	buf_init(&out, OUT_MAX);
	buf_init(&scratch, OUT_MAX);
	rules.side = CONF_HEADER_REQUEST;
	if (r->websocket)
		f.upgrade = SLICE_LIT("websocket");
	REQUIRE(forward_request_head(&f, &out) == 0);
	lines = count_lines(buf_slice(&out));
	if (head_rules_apply(&rules, &facts, 0, &scratch, &out) == 0) {
		REQUIRE(count_lines(buf_slice(&out)) <=
			lines + conf->heads.n_side[CONF_HEADER_REQUEST]);
		require_one_request(r, buf_slice(&out));
	}
	buf_reset(&out);
	rules.side = CONF_HEADER_RESPONSE;
	REQUIRE(buf_append_str(&out, ANSWER) == 0);
	lines = count_lines(SLICE_LIT(ANSWER));
	if (head_rules_apply(&rules, &facts, 0, &scratch, &out) == 0) {
		REQUIRE(count_lines(buf_slice(&out)) <=
			lines + conf->heads.n_side[CONF_HEADER_RESPONSE]);
		REQUIRE(memmem(out.data, out.end, "\r\nContent-Length: 5\r\n", 21));
		REQUIRE(slice_ends(buf_slice(&out), SLICE_LIT("\r\n\r\n")));
	}
	buf_clear(&out);
	buf_clear(&scratch);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice all = slice_of(data, size);
	struct slice rule = slice_head(all, slice_index(all, '\n'));
	struct slice head = slice_skip(all, rule.n + 1);
	struct conf *conf = size ? parse_rule(rule) : NULL;
	struct http_request *r = calloc(1, sizeof(*r));
	struct arena *arena = arena_new(1024, OUT_MAX);
	struct http_path path;

	REQUIRE(r && arena);
	http_request_init(r);
	if (conf && conf->heads.n_rules > 0 && head.n > 0 &&
		http_parse_request(r, head.p, head.n) == HTTP_DONE &&
		r->form != HTTP_FORM_ASTERISK &&
		http_path_resolve(http_request_slice(r, r->path), arena, &path) == HTTP_REASON_NONE)
		apply(conf, r, &path);
	conf_unref(&conf);
	arena_free(&arena);
	free(r);
	return 0;
}
