/* Heads that come again. */
#include "proxy/h2/h2_recall.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

static struct h2_recall recall;
static char text[2 * H2_RECALL_TEXT_MAX];
static char status_name[] = ":status";

/* A head whose one value is n times the letter, with a body behind it; keeps it as taken apart. */
static struct slice
write_head(char letter, size_t n, size_t *ret_n)
{
	int used = snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nX-A: ");

	assert_true(used > 0 && (size_t)used + n + 8 < sizeof(text));
	memset(text + used, letter, n);
	memcpy(text + used + n, "\r\n\r\nbody", 8);
	*ret_n = (size_t)used + n + 4;
	return slice_of(text, *ret_n + 4);
}

static void
keep(struct slice s, size_t n_head)
{
	const nghttp2_nv nv[] = {
		{.name = (uint8_t *)status_name,
			.namelen = 7,
			.value = (uint8_t *)text + 9,
			.valuelen = 3,
			.flags = NGHTTP2_NV_FLAG_NO_COPY_NAME},
		{.name = (uint8_t *)text + 17,
			.namelen = 3,
			.value = (uint8_t *)text + 22,
			.valuelen = n_head - 26},
	};
	const struct h2_parted as = {.nv = nv, .n = 2, .status = 200};

	h2_recall_keep(&recall, s, n_head, &as);
}

static void
a_head_that_comes_twice_is_known(void **state)
{
	const struct h2_recalled *known;
	size_t n;
	struct slice s = write_head('a', 200, &n);

	(void)state;
	memset(&recall, 0, sizeof(recall));
	assert_null(h2_recall_find(&recall, s));
	keep(s, n);
	assert_null(h2_recall_find(&recall, s));
	keep(s, n);
	known = h2_recall_find(&recall, s);
	assert_non_null(known);
	assert_int_equal(known->n_text, n);
	assert_int_equal(known->parted.status, 200);
	assert_int_equal(known->parted.n, 2);
	/* It is its own copy. */
	memset(text, 0, sizeof(text));
	assert_string_equal((const char *)known->parted.nv[0].name, ":status");
	assert_memory_equal(known->parted.nv[1].name, "x-a", 3);
	assert_int_equal(known->parted.nv[1].valuelen, 200);
	assert_int_equal(known->parted.nv[1].value[199], 'a');
}

static void
one_byte_makes_another_head(void **state)
{
	size_t n;
	struct slice s = write_head('a', 300, &n);

	(void)state;
	memset(&recall, 0, sizeof(recall));
	keep(s, n);
	keep(s, n);
	assert_non_null(h2_recall_find(&recall, s));
	text[n - 5] = 'b'; /* where the place is not chosen by */
	assert_null(h2_recall_find(&recall, s));
	text[n - 5] = 'a';
	assert_null(h2_recall_find(&recall, slice_head(s, n - 1)));
	assert_non_null(h2_recall_find(&recall, slice_head(s, n)));
}

static void
a_large_head_is_not_kept(void **state)
{
	size_t n;
	struct slice s = write_head('a', H2_RECALL_TEXT_MAX, &n);

	(void)state;
	memset(&recall, 0, sizeof(recall));
	keep(s, n);
	keep(s, n);
	assert_null(h2_recall_find(&recall, s));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_head_that_comes_twice_is_known),
		cmocka_unit_test(one_byte_makes_another_head),
		cmocka_unit_test(a_large_head_is_not_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
