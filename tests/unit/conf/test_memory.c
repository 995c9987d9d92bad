/*
 * Memory that runs short at any moment: the linker sends every allocation of conf/ and core/
 * through here, and the Nth one fails. What was begun must be undone (LeakSanitizer watches) and
 * reported.
 */
#include "tests/unit/conf/unit.h"

#include "conf/diff.h"

#define ATTEMPTS_MAX 5000

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__real_reallocarray(void *p, size_t n, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_reallocarray(void *p, size_t n, size_t size);

/* The allocation that fails, counted down; 0: none. */
static unsigned countdown;

static bool
must_fail(void)
{
	return countdown > 0 && --countdown == 0;
}

void *
__wrap_malloc(size_t size)
{
	return must_fail() ? NULL : __real_malloc(size);
}

void *
__wrap_calloc(size_t n, size_t size)
{
	return must_fail() ? NULL : __real_calloc(n, size);
}

void *
__wrap_realloc(void *p, size_t size)
{
	return must_fail() ? NULL : __real_realloc(p, size);
}

void *
__wrap_reallocarray(void *p, size_t n, size_t size)
{
	return must_fail() ? NULL : __real_reallocarray(p, n, size);
}

static const char text[] =
	"listen 80\nlisten 443 tls\ncertificate default /c \"/k \\\" k\"\nbridge br0 "
	"10.0.3.1/24\nwan w\n"
	"site a b { certificate default ; route / -> k:80/x { timeout read 5s }\n"
	" route = /q -> redirect 301 /z ; route /d -> dir /d { index i j ; try /t $path.u ; "
	"precompressed on } ; route /h -> http://h/p { upgrade tcp irc/1 } }\n"
	"site * -> status 421\ncontrol /c group g\nstate /s\nlxc-path /l\nlog access /a\n"
	"container k { address 10.0.3.2 ; cpus 0 ; mount /m n ; image template t one two three }\n"
	"forward tcp 90-91 -> k:92-93 from 10.0.0.0/8 192.0.2.1 192.0.2.2\ninclude x\n";

static int
include_one(void *ctx, const char *from, const char *pattern, struct conf_included **ret,
	size_t *ret_n, struct err *e)
{
	static const char included[] = "threads 2\n";
	unsigned kept = countdown;

	(void)ctx;
	(void)from;
	(void)e;
	countdown = 0;
	*ret = calloc(1, sizeof(**ret));
	assert_non_null(*ret);
	(*ret)[0].name = slice_dup(slice_str(pattern));
	(*ret)[0].text = slice_dup(slice_str(included));
	(*ret)[0].size = strlen(included);
	*ret_n = 1;
	countdown = kept;
	return 0;
}

/* Parses with the nth allocation failing. NULL when it was reported. */
static struct conf *
parse_failing(unsigned nth)
{
	const struct conf_input in = {
		.name = "main",
		.text = slice_str(text),
		.include = include_one,
	};
	struct conf_places *places = NULL;
	struct conf_errors errs;
	struct conf *c = NULL;
	int ret;

	countdown = nth;
	ret = conf_parse(&in, &c, &places, &errs);
	if (ret < 0) {
		countdown = 0;
		assert_null(c);
		assert_null(places);
		assert_true(errs.n >= 1);
	}
	conf_places_free(&places);
	return c;
}

static void
parsing_without_memory(void **state)
{
	unsigned nth = 0;

	(void)state;
	for (;;) {
		struct conf *c = parse_failing(++nth);
		bool reached = countdown == 0;

		countdown = 0;
		assert_true(nth < ATTEMPTS_MAX);
		/* Only with an allocation to spare may it succeed. */
		assert_true(reached == (c == NULL));
		conf_unref(&c);
		if (!reached)
			break;
	}
	assert_true(nth > 100);
}

static void
printing_without_memory(void **state)
{
	struct conf *c = parse_failing(0);
	int ret = -1;

	(void)state;
	assert_non_null(c);
	for (unsigned nth = 1; ret < 0; nth++) {
		uint32_t *source = NULL;
		struct buf out;
		struct err e;
		size_t n;

		buf_init(&out, UNIT_TEXT_MAX);
		countdown = nth;
		ret = conf_print(c, &out, &source, &n, &e);
		assert_true((ret < 0) == (countdown == 0));
		countdown = 0;
		free(source);
		buf_clear(&out);
	}
	conf_unref(&c);
}

static void
comparing_without_memory(void **state)
{
	struct conf *c = parse_failing(0);
	struct conf_diff *d = NULL;

	(void)state;
	assert_non_null(c);
	for (unsigned nth = 1; !d; nth++) {
		countdown = nth;
		d = conf_diff_new(c, c);
		assert_true((d == NULL) == (countdown == 0));
		countdown = 0;
	}
	conf_diff_free(&d);
	conf_unref(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parsing_without_memory),
		cmocka_unit_test(printing_without_memory),
		cmocka_unit_test(comparing_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
