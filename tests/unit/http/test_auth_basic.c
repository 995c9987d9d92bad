/* proxy/guard/auth_basic.c: what RFC 7617 and RFC 4648 have, and nothing else. */
#include "tests/unit/core/unit.h"

#include "core/own.h"
#include "proxy/guard/auth_basic.h"

static void
name_and_password_are_read(void **state)
{
	static const struct {
		const char *value, *name, *password;
	} cases[] = {
		{"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Aladdin", "open sesame"},
		{"bASIC dGVzdDoxMjPCow==", "test", "123\xc2\xa3"},
		{"Basic  YTo= ", "a", ""},
		{"Basic YTpiOmM=", "a", "b:c"},
		{"Basic YTpiYw==", "a", "bc"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct auth_basic a;

		assert_int_equal(auth_basic_parse(slice_str(cases[i].value), &a), AUTH_BASIC_NAMED);
		assert_true(slice_eq_str(a.name, cases[i].name));
		assert_true(slice_eq_str(a.password, cases[i].password));
	}
}

static void
other_schemes_say_nothing(void **state)
{
	struct auth_basic a;

	(void)state;
	assert_int_equal(auth_basic_parse(SLICE_LIT(""), &a), AUTH_BASIC_NONE);
	assert_int_equal(auth_basic_parse(SLICE_LIT("Bearer YTpi"), &a), AUTH_BASIC_NONE);
	assert_int_equal(auth_basic_parse(SLICE_LIT("Basic"), &a), AUTH_BASIC_NONE);
	assert_int_equal(auth_basic_parse(SLICE_LIT("Basically YTpi"), &a), AUTH_BASIC_NONE);
}

static void
liberties_are_not_taken(void **state)
{
	static const char *const bad[] = {
		"Basic ",
		"Basic YTpi Yw==", /* a blank inside */
		"Basic YTpiYw",    /* no padding */
		"Basic YTpiYw=",   /* too little of it */
		"Basic YTpiYw===", /* too much */
		"Basic YTpiYx==",  /* bits left over */
		"Basic YT=iYw==",  /* inside */
		"Basic YTpi_w==",  /* the URL alphabet */
		"Basic YWJj",      /* no colon */
		"Basic OnB3",      /* no name */
		"Basic YQA6Yg==",  /* NUL in the name */
		"Basic YTpiCg==",  /* line feed in the password */
		"Basic YTp/",      /* DEL */
		"Basic ====",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct auth_basic a;

		if (auth_basic_parse(slice_str(bad[i]), &a) != AUTH_BASIC_BAD)
			fail_msg("%s", bad[i]);
	}
}

static void
what_is_too_long_is_bad(void **state)
{
	char value[2048] = "Basic YTpi";
	struct auth_basic a;

	(void)state;
	memset(value + 10, 'Y', 512 / 3 * 4); /* 2 bytes of name, more than 511 of password */
	assert_int_equal(auth_basic_parse(slice_str(value), &a), AUTH_BASIC_BAD);
	memset(value + 10, 'Y', 1600);
	assert_int_equal(auth_basic_parse(slice_str(value), &a), AUTH_BASIC_BAD);
}

static void
a_challenge_quotes_its_realm(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 256);
	assert_int_equal(auth_basic_challenge("a \"b\\c\"", &out), 0);
	assert_true(slice_eq_str(
		buf_slice(&out), "Basic realm=\"a \\\"b\\\\c\\\"\", charset=\"UTF-8\""));
	buf_clear(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(name_and_password_are_read),
		cmocka_unit_test(other_schemes_say_nothing),
		cmocka_unit_test(liberties_are_not_taken),
		cmocka_unit_test(what_is_too_long_is_bad),
		cmocka_unit_test(a_challenge_quotes_its_realm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
