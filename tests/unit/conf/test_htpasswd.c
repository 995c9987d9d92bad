/* conf/htpasswd.c: which files are taken, and what is said of the others. */
#include "tests/unit/conf/unit.h"

#include "conf/htpasswd.h"

#define BCRYPT "$2y$05$abcdefghijklmnopqrstuuabcdefghijklmnopqrstuvwxyzABCDE"
#define YESCRYPT "$y$j9T$uQ0L8r.WJ2J2ij5tCrY2o0$RZ5WSZ2Tzl9AnbFcmS4JcQ6uP3rNbZ8y6r2UuTEfBC7"
#define SHA512                                                                                     \
	"$6$salt$"                                                                                 \
	"IxDD3jeSOb5eB1CX5LBsqZFVkJdido3OUILO5Ifz5iwMuTS4XMS130MTSuDDl3aCI6WouIL9AjRbLCelDCy.g."

static void
users_of_every_good_kind_are_found(void **state)
{
	struct htpasswd h;
	struct err e = {0};
	const char *text = "# staff\r\nzoe:" BCRYPT "\n\nann:" YESCRYPT ":more\r\nbob:" SHA512;

	(void)state;
	assert_int_equal(htpasswd_parse(slice_str(text), "f", &h, &e), 0);
	assert_int_equal(h.n, 3);
	assert_string_equal(htpasswd_find(&h, SLICE_LIT("ann")), YESCRYPT);
	assert_string_equal(htpasswd_find(&h, SLICE_LIT("bob")), SHA512);
	assert_string_equal(htpasswd_find(&h, SLICE_LIT("zoe")), BCRYPT);
	assert_string_equal(h.first_hash, BCRYPT);
	assert_null(htpasswd_find(&h, SLICE_LIT("an")));
	assert_null(htpasswd_find(&h, SLICE_LIT("anna")));
	assert_null(htpasswd_find(&h, SLICE_LIT("")));
	assert_null(htpasswd_find(&h, slice_of("ann\0x", 5)));
	htpasswd_clear(&h);
}

static void
what_is_wrong_is_said_with_its_line(void **state)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{"a:" BCRYPT "\nann:$apr1$x$y\n",
			"f:2: the password of \"ann\" is hashed with MD5 (apr1)"},
		{"ann:$1$x$y", "f:1: the password of \"ann\" is hashed with MD5,"},
		{"ann:{SHA}x=", "SHA-1"},
		{"ann:abJnggxhB/yWI", "neither bcrypt"},
		{"ann:secret", "neither bcrypt"},
		{"ann:", "missing"},
		{"ann", "f:1: not NAME:HASH"},
		{"\n# nobody\n", "names no user"},
		{"", "names no user"},
		{":" BCRYPT, "name has 1 to 255 bytes"},
		{"a\tb:" BCRYPT, "control character"},
		{"ann:$2y$05$short", "cut off"},
		{"ann:$6$a b", "no hash that crypt(3) knows"},
		{"ann:" BCRYPT "\nann:" BCRYPT, "\"ann\" stands there twice"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct htpasswd h;
		struct err e = {0};

		assert_int_equal(htpasswd_parse(slice_str(cases[i].text), "f", &h, &e), -1);
		if (!strstr(e.msg, cases[i].says))
			fail_msg("%s: %s", cases[i].says, e.msg);
	}
	assert_int_equal(
		htpasswd_parse(slice_of("a:b\0", 4), "f", &(struct htpasswd){0}, NULL), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(users_of_every_good_kind_are_found),
		cmocka_unit_test(what_is_wrong_is_said_with_its_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
