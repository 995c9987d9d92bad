/* What the tests of conf/ share: cmocka's headers in the order it wants them, and parsing. */
#ifndef TESTS_UNIT_CONF_UNIT_H
#define TESTS_UNIT_CONF_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* clang-format off */
#include <cmocka.h>
/* clang-format on */

#include "conf/conf.h"
#include "core/own.h"

#include <stdio.h>
#include <stdlib.h>

#define UNIT_TEXT_MAX ((size_t)64 * 1024 * 1024)

/* Parses text without includes. NULL when it has errors. */
static inline struct conf *
unit_try_parse(struct slice text, struct conf_places **ret_places, struct conf_errors *errs)
{
	const struct conf_input in = {.name = "test.conf", .text = text};
	struct conf *c = NULL;

	return conf_parse(&in, &c, ret_places, errs) == 0 ? c : NULL;
}

/* Parses a text that must be right. */
static inline struct conf *
unit_parse(const char *text)
{
	struct conf_errors errs;
	struct conf *c = unit_try_parse(slice_str(text), NULL, &errs);

	if (!c)
		fail_msg("%u:%u: %s", errs.errors[0].line, errs.errors[0].col, errs.errors[0].msg);
	return c;
}

/* Parses a text that must be wrong, and expects this to be its only error. */
static inline void
unit_expect_error(const char *text, uint32_t line, uint32_t col, const char *part)
{
	struct conf_errors errs;
	struct conf *c = unit_try_parse(slice_str(text), NULL, &errs);

	assert_null(c);
	assert_int_equal(errs.n, 1);
	if (!strstr(errs.errors[0].msg, part))
		fail_msg("\"%s\" says nothing of \"%s\"", errs.errors[0].msg, part);
	assert_int_equal(errs.errors[0].line, line);
	assert_int_equal(errs.errors[0].col, col);
}

#endif
