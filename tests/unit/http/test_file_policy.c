/* proxy/file/file_policy.c: conditions and ranges, and the heads that tell of them. */
#include "tests/unit/core/unit.h"

#include "core/own.h"
#include "proxy/file/file_policy.h"
#include "proxy/http/http_response.h"
#include "proxy/file/mime.h"

#include <stdio.h>

/* 1000 bytes, written on Sun, 06 Nov 1994 08:49:37 GMT. */
#define ETAG "\"2ebc98a1-7b-3e8\""
#define THEN "Sun, 06 Nov 1994 08:49:37 GMT"
#define BEFORE "Sun, 06 Nov 1994 08:49:36 GMT"
#define AFTER "Sun, 06 Nov 1994 08:49:38 GMT"

static struct file_facts facts = {
	.size = 1000,
	.mtime = 784111777,
	.mtime_ns = 123,
	.type = "text/css; charset=utf-8",
	.coding = CODING_NONE,
};

static int
write_facts(void **state)
{
	(void)state;
	file_facts_write(&facts);
	return 0;
}

static struct file_answer
decide(const char *method, const char *fields, const struct file_facts *f)
{
	struct http_request r;
	struct file_answer a;
	char head[1024];
	int n = snprintf(head, sizeof(head), "%s / HTTP/1.1\r\nHost: a\r\n%s\r\n", method, fields);

	http_request_init(&r);
	assert_int_equal(http_parse_request(&r, head, (size_t)n), HTTP_DONE);
	file_policy_decide(&r, f, &a);
	return a;
}

struct policy_case {
	const char *fields;
	uint16_t status;
	uint64_t start, length;
};

#define WHOLE 200, 0, 1000
#define NONE(status) status, 0, 0

static const struct policy_case cases[] = {
	{"", WHOLE},
	{"If-None-Match: " ETAG "\r\n", NONE(304)},
	{"If-None-Match: W/" ETAG "\r\n", NONE(304)},
	{"If-None-Match: \"x\", " ETAG "\r\n", NONE(304)},
	{"If-None-Match: *\r\n", NONE(304)},
	{"If-None-Match: \"x\"\r\n", WHOLE},
	{"If-None-Match: \"x\"\r\nIf-Modified-Since: " AFTER "\r\n", WHOLE},
	{"If-Modified-Since: " THEN "\r\n", NONE(304)},
	{"If-Modified-Since: " AFTER "\r\n", NONE(304)},
	{"If-Modified-Since: " BEFORE "\r\n", WHOLE},
	{"If-Modified-Since: nonsense\r\n", WHOLE},
	{"If-Match: " ETAG "\r\n", WHOLE},
	{"If-Match: *\r\n", WHOLE},
	{"If-Match: \"x\"\r\n", NONE(412)},
	{"If-Match: W/" ETAG "\r\n", NONE(412)},
	{"If-Match: " ETAG "\r\nIf-None-Match: " ETAG "\r\n", NONE(304)},
	{"If-Unmodified-Since: " THEN "\r\n", WHOLE},
	{"If-Unmodified-Since: " BEFORE "\r\n", NONE(412)},
	{"If-Unmodified-Since: nonsense\r\n", WHOLE},
	{"If-Match: " ETAG "\r\nIf-Unmodified-Since: " BEFORE "\r\n", WHOLE},
	{"Range: bytes=0-0\r\n", 206, 0, 1},
	{"Range: bytes=0-999\r\n", 206, 0, 1000},
	{"Range: bytes=0-5000\r\n", 206, 0, 1000},
	{"Range: bytes=10-19\r\n", 206, 10, 10},
	{"Range: BYTES=10-19\r\n", 206, 10, 10},
	{"Range: bytes=990-\r\n", 206, 990, 10},
	{"Range: bytes=-10\r\n", 206, 990, 10},
	{"Range: bytes=-5000\r\n", 206, 0, 1000},
	{"Range: bytes=1000-\r\n", NONE(416)},
	{"Range: bytes=5000-6000\r\n", NONE(416)},
	{"Range: bytes=-0\r\n", NONE(416)},
	{"Range: bytes=20-10\r\n", WHOLE},
	{"Range: bytes=0-1,2-6\r\n", 206, 0, 7},
	{"Range: bytes=0-0,,-1000\r\n", 206, 0, 1000},
	{"Range: bytes=10-19,2000-\r\n", 206, 10, 10},
	{"Range: bytes=1000-,2000-\r\n", NONE(416)},
	{"Range: bytes=0-1,x\r\n", WHOLE},
	{"Range: bytes=,\r\n", WHOLE},
	{"Range: bytes=-\r\n", WHOLE},
	{"Range: bytes=\r\n", WHOLE},
	{"Range: bytes=a-b\r\n", WHOLE},
	{"Range: bytes=1-b\r\n", WHOLE},
	{"Range: bytes=+1-2\r\n", WHOLE},
	{"Range: bytes=0x1-2\r\n", WHOLE},
	{"Range: bytes=99999999999999999999-\r\n", WHOLE},
	{"Range: lines=1-2\r\n", WHOLE},
	{"Range: bytes=0-1\r\nIf-Range: " ETAG "\r\n", 206, 0, 2},
	{"Range: bytes=0-1\r\nIf-Range: \"x\"\r\n", WHOLE},
	{"Range: bytes=0-1\r\nIf-Range: W/" ETAG "\r\n", WHOLE},
	{"Range: bytes=0-1\r\nIf-Range: " THEN "\r\n", 206, 0, 2},
	{"Range: bytes=0-1\r\nIf-Range: " AFTER "\r\n", WHOLE},
	{"Range: bytes=0-1\r\nIf-Range:\r\n", WHOLE},
	{"Range: bytes=0-1\r\nIf-None-Match: " ETAG "\r\n", NONE(304)},
};

static void
conditions_and_ranges_are_judged(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct policy_case *c = &cases[i];
		struct file_answer a = decide("GET", c->fields, &facts);

		if (a.status != c->status || a.start != c->start || a.length != c->length)
			fail_msg("\"%s\": %u, from %u, %u bytes", c->fields, a.status,
				(unsigned)a.start, (unsigned)a.length);
		assert_int_equal(a.body, c->length > 0);
		assert_string_equal(facts.etag, ETAG);
	}
}

static void
other_methods(void **state)
{
	struct file_answer a = decide("HEAD", "Range: bytes=0-1\r\n", &facts);

	(void)state;
	assert_int_equal(a.status, 200);
	assert_int_equal(a.length, 1000);
	assert_false(a.body);
	a = decide("POST", "", &facts);
	assert_int_equal(a.status, 405);
	a = decide("DELETE", "If-None-Match: *\r\n", &facts);
	assert_int_equal(a.status, 405);
}

static void
empty_files(void **state)
{
	struct file_facts empty = facts;
	struct file_answer a;

	(void)state;
	empty.size = 0;
	a = decide("GET", "", &empty);
	assert_int_equal(a.status, 200);
	assert_false(a.body);
	a = decide("GET", "Range: bytes=0-\r\n", &empty);
	assert_int_equal(a.status, 416);
	a = decide("GET", "Range: bytes=-1\r\n", &empty);
	assert_int_equal(a.status, 416);
}

static void
etag_changes_with_every_fact(void **state)
{
	struct file_facts other = facts;

	(void)state;
	other.size++;
	file_facts_write(&other);
	assert_string_not_equal(other.etag, ETAG);
	other = facts;
	other.mtime++;
	file_facts_write(&other);
	assert_string_not_equal(other.etag, ETAG);
	other = facts;
	other.mtime_ns++;
	file_facts_write(&other);
	assert_string_not_equal(other.etag, ETAG);
}

/* The fields of every head have room for what they can say at most. */
static void
the_longest_texts_fit(void **state)
{
	struct file_facts f = {.size = UINT64_MAX,
		.mtime = INT64_C(253402300799),
		.mtime_ns = 999999999,
		.coding = CODING_ZSTD,
		.varies = true,
		.type = mime_find(SLICE_LIT("x.pptx"))};
	struct file_answer a = {.n_parts = 2,
		.parts = {{UINT64_MAX / 2, UINT64_MAX / 2}, {UINT64_MAX / 2, UINT64_MAX / 2}}};

	(void)state;
	file_facts_write(&f);
	assert_true(f.n_fields < FILE_FIELDS_MAX);
	assert_memory_equal(f.fields + f.n_fields - 2, "\r\n", 2);
	file_policy_split(
		&a, &f, SLICE_LIT("0123456789012345678901234567890123456789")); /* or aborts */
	file_facts_write_page(&f, UINT64_MAX);
	assert_true(f.n_fields < FILE_FIELDS_MAX);
}

static void
another_coding_is_another_thing(void **state)
{
	struct file_facts f = facts;
	struct file_answer a;
	struct buf out;

	(void)state;
	f.coding = CODING_BROTLI;
	f.varies = true;
	file_facts_write(&f);
	assert_string_equal(f.etag, "\"2ebc98a1-7b-3e8-br\"");
	assert_int_equal(decide("GET", "If-None-Match: " ETAG "\r\n", &f).status, 200);
	assert_int_equal(decide("GET", "Range: bytes=0-1,500-\r\n", &f).status, 200);
	a = decide("GET", "Range: bytes=0-1\r\n", &f);
	buf_init(&out, 4096);
	assert_int_equal(file_policy_head(&a, &f, SLICE_LIT("now"), true, &out), 0);
	assert_true(slice_eq_str(buf_slice(&out),
		"HTTP/1.1 206 Partial Content\r\nDate: now\r\nLast-Modified: " THEN
		"\r\nETag: \"2ebc98a1-7b-3e8-br\"\r\nVary: Accept-Encoding\r\n"
		"Content-Length: 2\r\nAccept-Ranges: bytes\r\nContent-Encoding: br\r\n"
		"Content-Type: text/css; charset=utf-8\r\nContent-Range: bytes 0-1/1000\r\n\r\n"));
	buf_clear(&out);
}

static void
a_page_of_ours_is_sent_whole_or_not(void **state)
{
	struct file_facts f;

	(void)state;
	file_facts_write_page(&f, 1000);
	assert_int_equal(decide("GET", "Range: bytes=0-1\r\n", &f).status, 200);
	assert_int_equal(decide("GET", "If-Modified-Since: " THEN "\r\n", &f).status, 200);
	assert_int_equal(decide("GET", "If-None-Match: \"\"\r\n", &f).status, 200);
}

/* The lengths that are told are those of what is then written. */
static void
several_parts_are_as_long_as_they_say(void **state)
{
	struct file_answer a = decide("GET", "Range: bytes=900-,0-0,300-399\r\n", &facts);
	uint64_t length = 0;
	struct buf out;

	(void)state;
	assert_int_equal(a.status, 206);
	assert_int_equal(a.n_parts, 3);
	file_policy_split(&a, &facts, SLICE_LIT("b0"));
	buf_init(&out, 4096);
	for (size_t i = 0; i <= 3; i++) {
		assert_int_equal(file_policy_part(&a, facts.size, facts.type, i, &out), 0);
		length += i < 3 ? a.parts[i].length : 0;
	}
	assert_int_equal(a.length, buf_len(&out) + length);
#define PART "\r\nContent-Type: text/css; charset=utf-8\r\nContent-Range: bytes "
	assert_true(slice_eq_str(buf_slice(&out),
		"--b0" PART "900-999/1000\r\n\r\n\r\n--b0" PART "0-0/1000\r\n\r\n\r\n--b0" PART
		"300-399/1000\r\n\r\n\r\n--b0--\r\n"));
	buf_reset(&out);
	assert_int_equal(file_policy_head(&a, &facts, SLICE_LIT("now"), true, &out), 0);
	assert_non_null(memmem(buf_slice(&out).p, buf_len(&out),
		"Content-Type: multipart/byteranges; boundary=b0\r\n", 49));
	assert_null(memmem(buf_slice(&out).p, buf_len(&out), "Content-Range", 13));
	buf_clear(&out);
}

static void
expect_head(const char *fields, uint8_t minor, bool keep_alive, const char *expected)
{
	struct file_answer a = decide("GET", fields, &facts);
	struct buf out;
	size_t n;

	a.minor = minor;
	buf_init(&out, 4096);
	assert_int_equal(file_policy_head(&a, &facts, SLICE_LIT("now"), keep_alive, &out), 0);
	if (!slice_eq_str(buf_slice(&out), expected))
		fail_msg("%.*s", SLICE_ARG(buf_slice(&out)));
	n = buf_len(&out);
	for (size_t max = 1; max < n; max++) {
		buf_clear(&out);
		buf_init(&out, max);
		assert_int_equal(
			file_policy_head(&a, &facts, SLICE_LIT("now"), keep_alive, &out), -1);
	}
	buf_clear(&out);
}

#define COMMON "Date: now\r\nLast-Modified: " THEN "\r\nETag: " ETAG "\r\n"

static void
heads_tell_what_follows(void **state)
{
	(void)state;
	expect_head("", 1, true,
		"HTTP/1.1 200 OK\r\n" COMMON "Content-Length: 1000\r\n"
		"Content-Type: text/css; charset=utf-8\r\nAccept-Ranges: bytes\r\n\r\n");
	expect_head("Range: bytes=10-19\r\n", 1, false,
		"HTTP/1.1 206 Partial Content\r\n" COMMON "Content-Length: 10\r\n"
		"Accept-Ranges: bytes\r\nContent-Type: text/css; charset=utf-8\r\n"
		"Content-Range: bytes 10-19/1000\r\nConnection: close\r\n\r\n");
	expect_head("If-None-Match: *\r\n", 0, true,
		"HTTP/1.1 304 Not Modified\r\n" COMMON "Connection: keep-alive\r\n\r\n");
	expect_head("Range: bytes=1000-\r\n", 1, true,
		"HTTP/1.1 416 Range Not Satisfiable\r\n" COMMON
		"Content-Length: 0\r\nContent-Range: bytes */1000\r\n\r\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(conditions_and_ranges_are_judged),
		cmocka_unit_test(other_methods),
		cmocka_unit_test(empty_files),
		cmocka_unit_test(etag_changes_with_every_fact),
		cmocka_unit_test(the_longest_texts_fit),
		cmocka_unit_test(heads_tell_what_follows),
		cmocka_unit_test(another_coding_is_another_thing),
		cmocka_unit_test(a_page_of_ours_is_sent_whole_or_not),
		cmocka_unit_test(several_parts_are_as_long_as_they_say),
	};

	return cmocka_run_group_tests(tests, write_facts, NULL);
}
