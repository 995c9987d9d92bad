/*
 * Heads of HTTP/2: whatever fields come, the text that is made of them is one head for the parser
 * of HTTP/1.1, no byte less and none left over, with one Host; and an answer's text comes apart
 * without reading beyond it.
 *
 * The input is fields: a byte with the name's length, one with the value's, then both.
 */
#include "tests/fuzz/require.h"

#include "proxy/h2/h2_head.h"
#include "proxy/http/http_head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct slice
take(struct slice *rest, size_t n)
{
	struct slice s = slice_head(*rest, n);

	*rest = slice_skip(*rest, s.n);
	return s;
}

static void
require_one_head(const char *text, size_t n, bool ended)
{
	struct http_request r;
	enum http_parse result;
	size_t hosts = 0;

	http_request_init(&r);
	result = http_parse_request(&r, text, n);
	REQUIRE(result != HTTP_NEED_MORE);
	if (result == HTTP_BAD)
		return;
	REQUIRE(r.head_len == n);
	REQUIRE(r.form != HTTP_FORM_ABSOLUTE);
	for (size_t i = 0; i < r.n_fields; i++)
		hosts += r.fields[i].id == HTTP_NAME_HOST;
	REQUIRE(hosts == 1);
	REQUIRE(!ended || r.body != HTTP_BODY_CHUNKED);
}

static void
fuzz_request(struct slice in, bool ended)
{
	static char stage[2 * H2_HEAD_STAGE_MAX], text[H2_HEAD_TEXT_MAX];
	struct h2_request_facts facts = {
		.ended = ended, .websocket_key = "0123456789abcdefghijkl=="};
	struct h2_head h;
	size_t n = 0;

	h2_head_init(&h, stage);
	while (in.n >= 2) {
		size_t name = (unsigned char)in.p[0], value = (unsigned char)in.p[1];
		struct slice s;

		in = slice_skip(in, 2);
		s = take(&in, name);
		h2_head_add(&h, s, take(&in, value));
	}
	REQUIRE(h2_head_text_max(&h) <= sizeof(text));
	if (h2_head_print(&h, &facts, text, &n) == HTTP_REASON_NONE)
		require_one_head(text, n, ended);
}

static void
fuzz_answer(struct slice in)
{
	struct h2_field at[16];
	struct h2_fields f = {.at = at, .max = 16};
	char *text = malloc(in.n + 1);
	uint16_t status;

	REQUIRE(text);
	memcpy(text, in.p, in.n);
	if (h2_answer_split(slice_of(text, in.n), &f, &status) == 0) {
		REQUIRE(f.n >= 1 && f.n <= 16 && f.used <= in.n);
		for (size_t i = 1; i < f.n; i++) {
			REQUIRE(at[i].name.p >= text && at[i].value.p >= text);
			REQUIRE(at[i].value.p + at[i].value.n <= text + f.used);
			REQUIRE(!at[i].known || strlen(at[i].known) == at[i].name.n);
		}
	}
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = slice_of((const char *)data, size);

	if (size == 0)
		return 0;
	in = slice_skip(in, 1);
	if (data[0] & 2)
		fuzz_answer(in);
	else
		fuzz_request(in, data[0] & 1);
	return 0;
}
