/*
 * conf/schema/schema.c against the rest: every example of the manual parses, its defaults are the
 * parser's, and the commented sample conf/sluice.conf is right and complete.
 */
#include "tests/unit/conf/unit.h"

#include "conf/schema/schema.h"
#include "core/file.h"

/* What the examples refer to. A piece is left out when the example defines it. */
static const struct {
	const char *directive, *text;
} pieces[] = {
	{"listen", "listen 80 plain\nlisten 8443 tls\n"},
	{"certificate", "certificate default /c /k\n"},
	{NULL, "certificate wildcard /c /k\n"},
	{"bridge", "bridge br0 10.0.3.1/24\n"},
	{"container", "container wiki { address 10.0.3.2 }\n"},
	{NULL, "container jenkins { address 10.0.3.3 }\ncontainer games { address 10.0.3.4 }\n"},
};

/* Of a route whose target is a folder. */
static bool
is_of_files(const struct schema_row *row)
{
	return row >= schema_files.rows && row < schema_files.rows + schema_files.n_rows;
}

static void
put_example(struct buf *text, const struct schema_row *row)
{
	const char *before = "", *after = "";

	switch (row->context) {
	case CONTEXT_SITE:
		before = "site x.example {\n";
		after = "\n}";
		break;
	case CONTEXT_ROUTE:
		before = is_of_files(row) ? "site x.example { route / -> dir /d {\n"
					  : "site x.example { route / -> http://a http://b {\n";
		after = "\n} }";
		break;
	case CONTEXT_CONTAINER:
		before = "container x {\n";
		after = "\n}";
		break;
	case CONTEXT_TOP:
	case CONTEXT_COUNT:
		break;
	}
	assert_int_equal(buf_printf(text, "%s%s%s\n", before, row->example, after), 0);
}

static void
every_example_parses(void **state)
{
	(void)state;
	for (size_t i = 0; i < schema_n_rows(); i++) {
		const struct schema_row *row = schema_row(i);
		struct buf text;

		if (!row->example || strcmp(row->name, "include") == 0)
			continue;
		buf_init(&text, UNIT_TEXT_MAX);
		put_example(&text, row);
		for (size_t k = 0; k < ARRAY_SIZE(pieces); k++)
			if (row->context != CONTEXT_TOP || !pieces[k].directive ||
				strcmp(pieces[k].directive, row->name) != 0)
				assert_int_equal(buf_append_str(&text, pieces[k].text), 0);
		if (strcmp(row->name, "listen") == 0)
			assert_int_equal(buf_append_str(&text, "listen 80\n"), 0);
		assert_int_equal(buf_append_byte(&text, '\0'), 0);
		struct conf *c = unit_parse(buf_slice(&text).p);

		conf_unref(&c);
		buf_clear(&text);
	}
}

static void
every_row_is_documented(void **state)
{
	(void)state;
	for (size_t i = 0; i < schema_n_rows(); i++) {
		const struct schema_row *row = schema_row(i);

		assert_non_null(row->set);
		assert_true(slice_ends(slice_str(row->doc), SLICE_LIT(".")));
		assert_true(row->max >= row->min);
		assert_ptr_equal(schema_find(row->context, slice_str(row->name)), row);
	}
	for (size_t i = 0; i < schema_n_words(); i++) {
		const struct schema_word *w = schema_word(i);

		assert_true(strlen(w->doc) > 5);
		assert_int_equal(schema_word_value(w->directive, slice_str(w->word)), w->value);
	}
	assert_string_equal(schema_word_name("timeout", 99), "?");
	assert_string_equal(schema_context_name(CONTEXT_COUNT), "?");
}

/* The configuration with the documented default of a directive written out. */
static struct conf *
with_default(enum context context, const char *name)
{
	const struct schema_row *row = schema_find(context, slice_str(name));
	char text[512];

	assert_non_null(row);
	(void)snprintf(text, sizeof(text), "listen 80 plain\n%s %s %s\n%s\n",
		context == CONTEXT_CONTAINER ? "container x {" : "", name, row->default_value,
		context == CONTEXT_CONTAINER ? "}" : "");
	return unit_parse(text);
}

static void
the_manuals_defaults_are_the_parsers(void **state)
{
	struct conf *plain = unit_parse("listen 80 plain\ncontainer x { }\n");
	struct conf *timeouts = with_default(CONTEXT_TOP, "timeout");
	struct conf *body = with_default(CONTEXT_TOP, "body-limit");
	struct conf *threads = with_default(CONTEXT_TOP, "threads");
	struct conf *stop = with_default(CONTEXT_CONTAINER, "stop-timeout");
	struct conf *privileged = with_default(CONTEXT_CONTAINER, "privileged");

	(void)state;
	for (size_t i = 0; i < CONF_TIMEOUT_COUNT; i++) {
		assert_true(timeouts->limits.timeout_written[i]);
		assert_int_equal(timeouts->limits.timeout_ms[i], plain->limits.timeout_ms[i]);
	}
	assert_int_equal(body->limits.body_limit, plain->limits.body_limit);
	assert_int_equal(threads->threads, plain->threads);
	assert_int_equal(stop->containers[0].stop_timeout_ms, plain->containers[0].stop_timeout_ms);
	assert_int_equal(privileged->containers[0].privileged, plain->containers[0].privileged);
	conf_unref(&plain);
	conf_unref(&timeouts);
	conf_unref(&body);
	conf_unref(&threads);
	conf_unref(&stop);
	conf_unref(&privileged);
}

/* ---- the sample ---- */

static void
read_text(const char *path, struct buf *text)
{
	struct err e;

	buf_init(text, UNIT_TEXT_MAX);
	if (file_read(path, text, &e) < 0)
		fail_msg("%s", e.msg);
}

static void
the_sample_is_right(void **state)
{
	struct conf_errors errs;
	struct conf *c;
	struct buf text;

	(void)state;
	read_text(CONF_SAMPLE, &text);
	c = unit_try_parse(buf_slice(&text), NULL, &errs);
	if (!c) {
		fail_msg("%u:%u: %s", errs.errors[0].line, errs.errors[0].col, errs.errors[0].msg);
		return;
	}
	assert_int_equal(c->n_sites, 4);
	assert_int_equal(c->n_containers, 4);
	conf_unref(&c);
	buf_clear(&text);
}

/* Uncomments the lines that hide a directive behind their #, which no blank follows. */
static void
uncomment(struct buf *text, struct buf *out)
{
	struct slice left = buf_slice(text);

	while (left.n) {
		struct slice line = slice_head(left, slice_index(left, '\n') + 1);

		left = slice_skip(left, line.n);
		if (line.n > 1 && line.p[0] == '#' && line.p[1] >= 'a' && line.p[1] <= 'z')
			line = slice_skip(line, 1);
		if (!slice_starts(line, SLICE_LIT("include")))
			assert_int_equal(buf_append_slice(out, line), 0);
	}
}

static void
the_sample_names_every_directive(void **state)
{
	struct buf text, bare;
	struct conf *c;

	(void)state;
	read_text(CONF_SAMPLE, &text);
	buf_init(&bare, UNIT_TEXT_MAX);
	uncomment(&text, &bare);
	assert_int_equal(buf_append_byte(&bare, '\0'), 0);
	c = unit_parse(buf_slice(&bare).p);
	assert_true(c->control_ordinal && c->state_ordinal && c->lxc_path_ordinal);
	assert_true(c->threads_ordinal && c->log_level_ordinal && c->log_format_ordinal);
	for (size_t i = 0; i < schema_n_rows(); i++)
		if (strcmp(schema_row(i)->name, "include") != 0 &&
			!strstr(buf_slice(&bare).p, schema_row(i)->name))
			fail_msg("the sample has no %s", schema_row(i)->name);
	conf_unref(&c);
	buf_clear(&text);
	buf_clear(&bare);
}

/* ---- the manual ---- */

/* What stands between the next two of these lines; moves *left behind them. */
static struct slice
between(struct slice *left, const char *first, const char *last)
{
	const char *from = memmem(left->p, left->n, first, strlen(first));
	const char *to;

	if (!from)
		return (struct slice){0};
	from += strlen(first);
	to = memmem(from, (size_t)(left->p + left->n - from), last, strlen(last));
	assert_non_null(to);
	*left = slice_of(to, (size_t)(left->p + left->n - to));
	return slice_of(from, (size_t)(to - from));
}

static void
the_manuals_whole_examples_are_right(void **state)
{
	struct buf page;
	struct slice left, example;
	unsigned n = 0;

	(void)state;
	read_text(CONF_MANUAL, &page);
	left = buf_slice(&page);
	left = between(&left, ".Sh EXAMPLES\n", ".Sh DIAGNOSTICS\n");
	for (;;) {
		struct conf_errors errs;
		struct conf *c;

		example = between(&left, ".Bd -literal -offset indent\n", ".Ed\n");
		if (!example.n)
			break;
		c = unit_try_parse(example, NULL, &errs);
		if (!c)
			fail_msg("%u:%u: %s in\n%.*s", errs.errors[0].line, errs.errors[0].col,
				errs.errors[0].msg, SLICE_ARG(example));
		conf_unref(&c);
		n++;
	}
	assert_int_equal(n, 2);
	buf_clear(&page);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_example_parses),
		cmocka_unit_test(every_row_is_documented),
		cmocka_unit_test(the_manuals_defaults_are_the_parsers),
		cmocka_unit_test(the_sample_is_right),
		cmocka_unit_test(the_sample_names_every_directive),
		cmocka_unit_test(the_manuals_whole_examples_are_right),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
