/* proxy/route_book.c: the numbers of routes, and what a reload keeps of them. */
#include "tests/unit/core/unit.h"

#include "proxy/route_book.h"

#include <stdlib.h>

static struct conf *
parse(const char *text)
{
	struct conf_input in = {.name = "test", .text = slice_str(text)};
	struct conf_errors *errs = calloc(1, sizeof(*errs));
	struct conf *conf = NULL;

	assert_non_null(errs);
	assert_int_equal(conf_parse(&in, &conf, NULL, errs), 0);
	free(errs);
	return conf;
}

#define BEFORE                                                                                     \
	"listen 80 plain\n"                                                                        \
	"site a.example {\n\troute / -> status 204\n\troute /x -> status 204\n}\n"                 \
	"site b.example -> status 204\n"
#define AFTER                                                                                      \
	"listen 80 plain\n"                                                                        \
	"site b.example c.example -> status 404\n"                                                 \
	"site a.example {\n\troute = /x -> status 204\n\troute / -> status 204\n}\n"

static uint64_t
requests_of(const struct route_book *b, const char *site, const char *path, bool exact)
{
	for (size_t i = 0; i < route_book_size(b); i++) {
		struct route_view v;

		route_book_view(b, i, &v);
		if (slice_eq_str(v.site, site) && slice_eq_str(v.path, path) && v.exact == exact)
			return v.sums.classes[2];
	}
	return UINT64_MAX;
}

static void
a_reload_keeps_the_numbers_of_routes_that_stay(void **state)
{
	struct conf *before = parse(BEFORE), *after = parse(AFTER);
	struct route_book *old = route_book_new(before, 2, NULL), *new;
	struct route_count count = {.thread = 1, .status = 200};

	(void)state;
	assert_non_null(old);
	route_book_count(old, &before->sites[0], &before->sites[0].routes[1], &count);
	route_book_count(old, &before->sites[1], &before->sites[1].routes[0], &count);
	count.thread = 0;
	route_book_count(old, &before->sites[1], &before->sites[1].routes[0], &count);
	route_book_count(old, NULL, NULL, &count);
	new = route_book_new(after, 2, old);
	/* A request of the old generation ends after the new one was made. */
	route_book_count(old, &before->sites[1], &before->sites[1].routes[0], &count);
	route_book_free(&old);
	conf_unref(&before);
	assert_int_equal(requests_of(new, "b.example", "/", false), 3);
	assert_int_equal(requests_of(new, "a.example", "/x", true), 0);
	assert_int_equal(requests_of(new, "a.example", "/", false), 0);
	assert_int_equal(requests_of(new, "", "", false), 1);
	assert_true(requests_of(new, "a.example", "/x", false) == UINT64_MAX);
	route_book_free(&new);
	conf_unref(&after);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reload_keeps_the_numbers_of_routes_that_stay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
