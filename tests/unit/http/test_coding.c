/* proxy/http/coding.c: what a client accepts, and what is worth compressing. */
#include "tests/unit/core/unit.h"

#include "core/own.h"
#include "proxy/http/coding.h"

#include <stdio.h>

struct accept_case {
	const char *fields[3];
	enum coding expected;
};

static const struct accept_case accept_cases[] = {
	{{NULL}, CODING_NONE},
	{{""}, CODING_NONE},
	{{"identity"}, CODING_NONE},
	{{"gzip"}, CODING_GZIP},
	{{"x-gzip"}, CODING_GZIP},
	{{"GZip"}, CODING_GZIP},
	{{"deflate"}, CODING_NONE},
	{{"gzip, deflate, br, zstd"}, CODING_ZSTD},
	{{"gzip, deflate, br"}, CODING_BROTLI},
	{{"gzip;q=1.0, br;q=0.5"}, CODING_GZIP},
	{{"br;q=0.999, gzip;q=1"}, CODING_GZIP},
	{{"gzip ; q=0.2 , br ;q=0.3"}, CODING_BROTLI},
	{{"gzip;q=0"}, CODING_NONE},
	{{"gzip;q=0.5, identity"}, CODING_NONE},
	{{"gzip;q=0.5, br, identity;q=0.8"}, CODING_BROTLI},
	{{"identity, gzip"}, CODING_GZIP},
	{{"identity;q=0, gzip;q=0.1"}, CODING_GZIP},
	{{"gzip;q=0.000, br;q=0.001"}, CODING_BROTLI},
	{{"*"}, CODING_ZSTD},
	{{"*;q=0"}, CODING_NONE},
	{{"*, zstd;q=0"}, CODING_BROTLI},
	{{"*;q=0, gzip"}, CODING_GZIP},
	{{"zstd;q=0, *;q=0.1, gzip;q=0.5"}, CODING_GZIP},
	{{"br;q=2, gzip"}, CODING_GZIP},
	{{"br;q=1.001, gzip"}, CODING_GZIP},
	{{"br;q=0.5000, gzip;q=0.1"}, CODING_GZIP},
	{{"br;q=, gzip;q=0.1"}, CODING_GZIP},
	{{"br;q=-1, gzip;q=0.1"}, CODING_GZIP},
	{{"br;level=3, gzip;q=0.1"}, CODING_GZIP},
	{{"br;q=.5, gzip;q=0.1"}, CODING_GZIP},
	{{",, gzip ,,"}, CODING_GZIP},
	{{"gzip;"}, CODING_GZIP},
	{{"gzip", "br"}, CODING_BROTLI},
	{{"br", "br;q=0", "gzip;q=0.1"}, CODING_GZIP},
};

static void
the_client_chooses(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(accept_cases); i++) {
		const struct accept_case *c = &accept_cases[i];
		struct coding_accept a = {0};

		for (size_t j = 0; j < 3 && c->fields[j]; j++)
			coding_accept_add(&a, slice_str(c->fields[j]));
		if (coding_choose(&a) != c->expected)
			fail_msg("\"%s\": %s", c->fields[0] ? c->fields[0] : "-",
				coding_name(coding_choose(&a)));
	}
}

static void
types_that_compress_well(void **state)
{
	static const char *const yes[] = {"text/html", "text/css; charset=utf-8", "TEXT/plain",
		"application/json", "application/json;charset=utf-8", "application/ld+json",
		"image/svg+xml", "application/rss+xml", "application/wasm", "font/ttf", "font/otf",
		"text/javascript ; x=y", "application/xml"};
	static const char *const no[] = {"", "image/png", "image/jpeg", "font/woff2", "font/woff",
		"application/zip", "application/gzip", "video/mp4", "application/octet-stream",
		"text/event-stream", "Text/Event-Stream; charset=utf-8", "application/pdf", "text",
		"application/jsonx", "json"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
		if (!coding_type_is_worth(slice_str(yes[i])))
			fail_msg("%s", yes[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(no); i++) {
		if (coding_type_is_worth(slice_str(no[i])))
			fail_msg("%s", no[i]);
	}
}

static const struct coding_facts plain = {
	.status = 200, .has_length = true, .length = 2000, .type = {.p = "text/html", .n = 9}};

static void
answers_that_must_stay_as_they_are(void **state)
{
	struct coding_facts f = plain;

	(void)state;
	assert_true(coding_is_worth(&f));
	f.status = 404;
	assert_true(coding_is_worth(&f));
	f.status = 206;
	assert_false(coding_is_worth(&f));
	f = plain;
	f.range = SLICE_LIT("bytes 0-1/2");
	assert_false(coding_is_worth(&f));
	f = plain;
	f.encoding = SLICE_LIT("gzip");
	assert_false(coding_is_worth(&f));
	f = plain;
	f.length = CODING_BYTES_MIN - 1;
	assert_false(coding_is_worth(&f));
	f.length = CODING_BYTES_MIN;
	assert_true(coding_is_worth(&f));
	f.has_length = false;
	f.length = 0;
	assert_true(coding_is_worth(&f));
	f.no_transform = true;
	assert_false(coding_is_worth(&f));
	f.no_transform = false;
	f.digest = true;
	assert_false(coding_is_worth(&f));
}

static void
what_sums_up_an_answer_is_found(void **state)
{
	static const char *const digests[] = {
		"Content-Digest: sha-256=:x:", "repr-digest: sha-256=:x:", "Digest: sha-256=x",
		"Content-MD5: x", "X-Digest: x", "Digests: x"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(digests); i++) {
		char text[128];
		struct coding_facts f;

		assert_true(snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\n%s\r\n\r\n",
				    digests[i]) > 0);
		coding_read_head(slice_str(text), &f);
		assert_int_equal(f.digest, i < 4);
	}
}

#define HEAD                                                                                       \
	"HTTP/1.1 200 OK\r\nETag: \"a\"\r\nContent-Type: text/css\r\nContent-Length: 5000\r\n"     \
	"Accept-Ranges: bytes\r\n"

static void
heads_are_read(void **state)
{
	struct coding_facts f;

	(void)state;
	coding_read_head(
		SLICE_LIT(HEAD "Vary: Cookie, Accept-Encoding\r\n"
			       "Cache-Control: public\r\nCache-Control: no-transform\r\n"
			       "Content-Range: x\r\nContent-Encoding: br\r\n\r\nETag: \"b\""),
		&f);
	assert_int_equal(f.status, 200);
	assert_true(f.has_length && f.length == 5000 && f.varies && f.no_transform);
	assert_true(slice_eq_str(f.type, "text/css") && slice_eq_str(f.etag, "\"a\""));
	assert_true(slice_eq_str(f.encoding, "br") && slice_eq_str(f.range, "x"));
	coding_read_head(SLICE_LIT("HTTP/1.1 304 Not Modified\r\n\r\n"), &f);
	assert_true(f.status == 304 && !f.has_length && !f.varies && !f.no_transform);
	coding_read_head(SLICE_LIT(""), &f);
	assert_int_equal(f.status, 0);
}

static void
expect_head(struct coding_change change, const char *expected)
{
	struct buf out;

	buf_init(&out, 4096);
	assert_int_equal(coding_write_head(SLICE_LIT(HEAD "\r\n"), &change, &out), 0);
	if (!slice_eq_str(buf_slice(&out), expected))
		fail_msg("%.*s", SLICE_ARG(buf_slice(&out)));
	buf_clear(&out);
	buf_init(&out, 60);
	assert_int_equal(coding_write_head(SLICE_LIT(HEAD "\r\n"), &change, &out), -1);
	buf_clear(&out);
}

static void
heads_are_changed(void **state)
{
	(void)state;
	expect_head((struct coding_change){.coding = CODING_NONE}, HEAD "\r\n");
	expect_head((struct coding_change){.coding = CODING_NONE, .vary = true},
		HEAD "Vary: Accept-Encoding\r\n\r\n");
	expect_head(
		(struct coding_change){
			.coding = CODING_BROTLI, .chunked = true, .weak = true, .vary = true},
		"HTTP/1.1 200 OK\r\nETag: W/\"a\"\r\nContent-Type: text/css\r\n"
		"Content-Encoding: br\r\nTransfer-Encoding: chunked\r\n"
		"Vary: Accept-Encoding\r\n\r\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_client_chooses),
		cmocka_unit_test(types_that_compress_well),
		cmocka_unit_test(answers_that_must_stay_as_they_are),
		cmocka_unit_test(what_sums_up_an_answer_is_found),
		cmocka_unit_test(heads_are_read),
		cmocka_unit_test(heads_are_changed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
