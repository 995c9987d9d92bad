/* conf/lex.c: words, marks, quotes, comments, continuation, places. */
#include "tests/unit/conf/unit.h"

#include "conf/lex.h"

/* Every token of a text as one line: w(word) -> { } ; and !col for a bad one, . at the end. */
static char *
lex_all(struct slice text)
{
	struct arena *arena = arena_new(4096, 1 << 20);
	struct buf out;
	struct lex l;
	char *ret;

	assert_non_null(arena);
	buf_init(&out, 1 << 20);
	lex_init(&l, text, arena);
	do {
		const struct word *w;

		lex_next(&l);
		w = &l.token.word;
		switch (l.token.kind) {
		case TOKEN_WORD:
			assert_int_equal(buf_printf(&out, "w(%.*s)", SLICE_ARG(w->text)), 0);
			break;
		case TOKEN_ARROW:
			assert_int_equal(buf_append_str(&out, "->"), 0);
			break;
		case TOKEN_OPEN:
			assert_int_equal(buf_append_str(&out, "{"), 0);
			break;
		case TOKEN_CLOSE:
			assert_int_equal(buf_append_str(&out, "}"), 0);
			break;
		case TOKEN_END:
			assert_int_equal(buf_append_str(&out, ";"), 0);
			break;
		case TOKEN_BAD:
			assert_int_equal(buf_printf(&out, "!%u", w->col), 0);
			break;
		case TOKEN_EOF:
			assert_int_equal(buf_append_str(&out, "."), 0);
			break;
		case TOKEN_NONE:
			fail();
		}
	} while (l.token.kind != TOKEN_EOF);
	ret = slice_dup(buf_slice(&out));
	buf_clear(&out);
	arena_free(&arena);
	return ret;
}

static void
expect_tokens(struct slice text, const char *tokens)
{
	_free_ char *found = lex_all(text);

	assert_string_equal(found, tokens);
}

static void
words_end_at_marks_and_blanks(void **state)
{
	(void)state;
	expect_tokens(SLICE_LIT("a b\tc"), "w(a)w(b)w(c).");
	expect_tokens(SLICE_LIT("a{b}c;d"), "w(a){w(b)}w(c);w(d).");
	expect_tokens(SLICE_LIT("a\nb\r\nc"), "w(a);w(b);w(c).");
	expect_tokens(SLICE_LIT(""), ".");
}

static void
arrow_is_a_whole_word_only(void **state)
{
	(void)state;
	expect_tokens(SLICE_LIT("a -> b"), "w(a)->w(b).");
	expect_tokens(SLICE_LIT("a->b ->c a->"), "w(a->b)w(->c)w(a->).");
	expect_tokens(SLICE_LIT("\"->\""), "w(->).");
	expect_tokens(SLICE_LIT("->{"), "->{.");
}

static void
comment_starts_where_a_word_could(void **state)
{
	(void)state;
	expect_tokens(SLICE_LIT("a#b # c\nd"), "w(a#b);w(d).");
	expect_tokens(SLICE_LIT("a{#x\n}#y"), "w(a){;}.");
	expect_tokens(SLICE_LIT("# x \\\na"), ";w(a).");
	expect_tokens(SLICE_LIT("#\r\na"), ";w(a).");
}

static void
quoted_word_has_two_escapes(void **state)
{
	(void)state;
	expect_tokens(SLICE_LIT("\"a b\" \"{;}#\" \"\""), "w(a b)w({;}#)w().");
	expect_tokens(SLICE_LIT("\"a\\\"b\\\\c\""), "w(a\"b\\c).");
	expect_tokens(SLICE_LIT("\"a\\n\""), "!3.");
	expect_tokens(SLICE_LIT("\"a\\"), "!3.");
	expect_tokens(SLICE_LIT("\"a"), "!1.");
	expect_tokens(SLICE_LIT("\"a\nb"), "!1;w(b).");
	expect_tokens(SLICE_LIT("\"a\"b"), "!4.");
	expect_tokens(SLICE_LIT("\"a\"\"b\""), "!4.");
	expect_tokens(SLICE_LIT("a\"b\""), "!2.");
	expect_tokens(SLICE_LIT("\"a\"{\"b\"}"), "w(a){w(b)}.");
}

static void
backslash_continues_only_as_last_byte_of_the_line(void **state)
{
	(void)state;
	expect_tokens(SLICE_LIT("a \\\nb"), "w(a)w(b).");
	expect_tokens(SLICE_LIT("a\\\r\nb"), "w(a)w(b).");
	expect_tokens(SLICE_LIT("\"a\"\\\nb"), "w(a)w(b).");
	expect_tokens(SLICE_LIT("a\\b \\c"), "w(a\\b)w(\\c).");
	expect_tokens(SLICE_LIT("a \\ \nb"), "w(a)w(\\);w(b).");
	expect_tokens(SLICE_LIT("a \\"), "w(a)!3.");
}

static void
bytes_that_are_no_text_are_refused(void **state)
{
	(void)state;
	expect_tokens(SLICE_LIT("\xef\xbb\xbf"
				"a\nb"),
		"!1;w(b).");
	expect_tokens(SLICE_LIT("a\0b\nc"), "!2;w(c).");
	expect_tokens(SLICE_LIT("# \0\nc"), "!3;w(c).");
	expect_tokens(SLICE_LIT("a \"b\0c\""), "w(a)!5.");
	expect_tokens(SLICE_LIT("a\rb"), "!2.");
	expect_tokens(SLICE_LIT("a\x7f"), "!2.");
	expect_tokens(SLICE_LIT("a \xef\xbb\xbf"), "w(a)w(\xef\xbb\xbf).");
}

static void
a_word_of_the_maximum_is_taken_and_one_more_byte_is_not(void **state)
{
	_free_ char *text = malloc(LEX_WORD_MAX + 1);
	struct lex l;

	(void)state;
	assert_non_null(text);
	memset(text, 'x', LEX_WORD_MAX + 1);
	lex_init(&l, slice_of(text, LEX_WORD_MAX), NULL);
	lex_next(&l);
	assert_int_equal(l.token.kind, TOKEN_WORD);
	lex_init(&l, slice_of(text, LEX_WORD_MAX + 1), NULL);
	lex_next(&l);
	assert_int_equal(l.token.kind, TOKEN_BAD);
}

static void
places_count_bytes_from_one(void **state)
{
	struct lex l;

	(void)state;
	lex_init(&l, SLICE_LIT("a\r\n\t\xc3\xa4 b\\\n c"), NULL);
	lex_next(&l);
	lex_next(&l);
	lex_next(&l);
	assert_int_equal(l.token.word.line, 2);
	assert_int_equal(l.token.word.col, 2);
	lex_next(&l);
	assert_int_equal(l.token.word.col, 5);
	lex_next(&l);
	assert_int_equal(l.token.word.line, 3);
	assert_int_equal(l.token.word.col, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_end_at_marks_and_blanks),
		cmocka_unit_test(arrow_is_a_whole_word_only),
		cmocka_unit_test(comment_starts_where_a_word_could),
		cmocka_unit_test(quoted_word_has_two_escapes),
		cmocka_unit_test(backslash_continues_only_as_last_byte_of_the_line),
		cmocka_unit_test(bytes_that_are_no_text_are_refused),
		cmocka_unit_test(a_word_of_the_maximum_is_taken_and_one_more_byte_is_not),
		cmocka_unit_test(places_count_bytes_from_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
