/*
 * Answers of OCSP responders: what a part of the bytes decides, more bytes do not change, and what
 * is taken is bounded. And addresses of responders: what is taken holds nothing that could end a
 * line of the question. The first byte chooses.
 */
#include "tests/fuzz/require.h"

#include "proxy/tls/ocsp_http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require_url(struct slice text)
{
	struct ocsp_url url;

	if (ocsp_url_parse(text, &url) < 0)
		return;
	REQUIRE(url.port > 0 && url.host[0] && url.path[0] == '/');
	for (const char *p = url.host; *p; p++)
		REQUIRE(*p > ' ' && *p < 0x7f && *p != '/' && *p != '@');
	for (const char *p = url.path; *p; p++)
		REQUIRE(*p > ' ' && *p < 0x7f);
}

static void
require_answer(struct slice in)
{
	struct buf whole, part;
	const char *why = NULL;
	enum http_parse result;

	buf_init(&whole, OCSP_ANSWER_MAX);
	buf_init(&part, OCSP_ANSWER_MAX);
	result = ocsp_http_answer(in, false, &whole, &why);
	REQUIRE((result == HTTP_BAD) == (why != NULL));
	REQUIRE(buf_len(&whole) <= OCSP_ANSWER_MAX);
	for (size_t n = 0; n < in.n && n < 512; n++) {
		enum http_parse early = ocsp_http_answer(slice_head(in, n), false, &part, &why);

		if (early == HTTP_NEED_MORE)
			continue;
		REQUIRE(early == result || early == HTTP_DONE);
		if (early == HTTP_DONE && result == HTTP_DONE)
			REQUIRE(slice_eq(buf_slice(&part), buf_slice(&whole)));
		break;
	}
	REQUIRE(ocsp_http_answer(in, true, &whole, &why) != HTTP_NEED_MORE);
	buf_clear(&whole);
	buf_clear(&part);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in;

	if (size == 0)
		return 0;
	in = slice_of(data + 1, size - 1);
	if (data[0] == 'u')
		require_url(in);
	else
		require_answer(in);
	return 0;
}
