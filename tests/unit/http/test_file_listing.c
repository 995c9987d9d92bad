/* proxy/file/file_listing.c: names of every kind as HTML, and where a page ends. */
#include "tests/unit/core/unit.h"

#include "core/own.h"
#include "proxy/file/file_listing.h"

#include <stdio.h>

static bool
holds(const struct buf *page, const char *text)
{
	return memmem(buf_slice(page).p, buf_len(page), text, strlen(text)) != NULL;
}

static size_t
place_of(const struct buf *page, const char *text)
{
	const char *at = memmem(buf_slice(page).p, buf_len(page), text, strlen(text));

	assert_non_null(at);
	return (size_t)(at - buf_slice(page).p);
}

static void
folders_come_first_then_names(void **state)
{
	struct listing l;
	struct buf page;

	(void)state;
	listing_init(&l);
	buf_init(&page, LISTING_BYTES_MAX);
	assert_int_equal(listing_add(&l, SLICE_LIT("b"), false, 12345, 0), 0);
	assert_int_equal(listing_add(&l, SLICE_LIT("zz"), true, 4096, 0), 0);
	assert_int_equal(listing_add(&l, SLICE_LIT("a"), false, 0, 784111777), 0);
	assert_int_equal(listing_add(&l, SLICE_LIT("ab"), false, 0, 0), 0);
	assert_int_equal(listing_print(&l, SLICE_LIT("/x/"), true, &page), 0);
	assert_true(place_of(&page, "href=\"../\"") < place_of(&page, "\"./zz/\">zz/<"));
	assert_true(place_of(&page, ">zz/<") < place_of(&page, ">a<"));
	assert_true(place_of(&page, ">a<") < place_of(&page, ">ab<"));
	assert_true(place_of(&page, ">ab<") < place_of(&page, ">b<"));
	assert_true(holds(&page, "<td>12345</td>"));
	assert_false(holds(&page, "4096"));
	assert_true(holds(&page, "1994-11-06 08:49"));
	assert_true(holds(&page, "<title>/x/</title>"));
	assert_false(holds(&page, "There is more"));
	buf_clear(&page);
	listing_clear(&l);
}

static void
names_cannot_leave_their_place(void **state)
{
	struct listing l;
	struct buf page;

	(void)state;
	listing_init(&l);
	buf_init(&page, LISTING_BYTES_MAX);
	assert_int_equal(listing_add(&l, SLICE_LIT("<script>\"'&\n%2f?#"), false, 1, 0), 0);
	assert_int_equal(listing_add(&l, SLICE_LIT("javascript:x"), false, 1, 0), 0);
	assert_int_equal(listing_add(&l, SLICE_LIT("\xc3\xa4"), true, 1, 0), 0);
	assert_int_equal(listing_print(&l, SLICE_LIT("/<b>/"), false, &page), 0);
	assert_true(holds(&page, "href=\"./%3Cscript%3E%22%27%26%0A%252f%3F%23\">"));
	assert_true(holds(&page, ">&#60;script&#62;&#34;&#39;&#38;?%2f?#<"));
	assert_true(holds(&page, "href=\"./javascript%3Ax\">"));
	assert_true(holds(&page, "href=\"./%C3%A4/\">\xc3\xa4/<"));
	assert_true(holds(&page, "<h1>/&#60;b&#62;/</h1>"));
	assert_false(holds(&page, "<script"));
	assert_false(holds(&page, "../"));
	buf_clear(&page);
	listing_clear(&l);
}

static void
a_page_has_an_end(void **state)
{
	struct listing l;
	struct buf page;
	char name[32];

	(void)state;
	listing_init(&l);
	buf_init(&page, LISTING_BYTES_MAX);
	for (unsigned i = 0; i <= LISTING_NAMES_MAX; i++) {
		(void)snprintf(name, sizeof(name), "file-%u", i);
		assert_int_equal(listing_add(&l, slice_str(name), false, i, 0), 0);
	}
	assert_int_equal(l.n, LISTING_NAMES_MAX);
	assert_int_equal(listing_print(&l, SLICE_LIT("/"), false, &page), 0);
	assert_true(holds(&page, "There is more"));
	assert_true(holds(&page, ">file-999<"));
	assert_false(holds(&page, ">file-1000<"));
	buf_clear(&page);
	buf_init(&page, 4096);
	assert_int_equal(listing_print(&l, SLICE_LIT("/"), false, &page), 0);
	assert_true(holds(&page, "There is more") &&
		    slice_ends(buf_slice(&page), SLICE_LIT("</html>\n")));
	buf_clear(&page);
	buf_init(&page, 100);
	assert_int_equal(listing_print(&l, SLICE_LIT("/"), false, &page), -1);
	buf_clear(&page);
	listing_clear(&l);
}

static void
an_empty_folder_has_a_page(void **state)
{
	struct listing l;
	struct buf page;

	(void)state;
	listing_init(&l);
	buf_init(&page, LISTING_BYTES_MAX);
	assert_int_equal(listing_print(&l, SLICE_LIT("/"), true, &page), 0);
	assert_true(holds(&page, "</table></body>"));
	buf_clear(&page);
	listing_clear(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(folders_come_first_then_names),
		cmocka_unit_test(names_cannot_leave_their_place),
		cmocka_unit_test(a_page_has_an_end),
		cmocka_unit_test(an_empty_folder_has_a_page),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
