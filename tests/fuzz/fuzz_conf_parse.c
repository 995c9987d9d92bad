/*
 * Any bytes as a configuration. What does not parse has errors with places, which can be shown;
 * what parses is printed, and the canonical text parses to an equal configuration, prints the same
 * again, and leads back to the directives that it came from.
 */
#include "conf/conf.h"

#include <stdint.h>
#include <stdlib.h>

#define TEXT_MAX ((size_t)64 * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(bool holds)
{
	if (!holds)
		abort();
}

static struct slice
text_of(void *ctx, const char *file)
{
	const struct conf_input *in = ctx;

	(void)file;
	return in->text;
}

static void
show_errors(struct conf_input *in, const struct conf_errors *errs)
{
	struct buf out;

	require(errs->n >= 1 && errs->n <= CONF_ERRORS_MAX);
	for (size_t i = 0; i < errs->n; i++)
		require(errs->errors[i].msg[0] && errs->errors[i].line && errs->errors[i].col);
	buf_init(&out, TEXT_MAX);
	require(conf_errors_print(errs, text_of, in, &out) == 0);
	buf_clear(&out);
}

static void
round_trip(const struct conf *c)
{
	struct conf_input in = {.name = "printed"};
	struct conf_places *places = NULL;
	struct conf *again = NULL;
	struct conf_errors errs;
	uint32_t *source = NULL;
	struct buf once, twice;
	struct err e;
	size_t n;

	buf_init(&once, TEXT_MAX);
	buf_init(&twice, TEXT_MAX);
	require(conf_print(c, &once, &source, &n, &e) == 0);
	in.text = buf_slice(&once);
	require(conf_parse(&in, &again, &places, &errs) == 0);
	require(conf_equal(c, again));
	require(n == again->n_ordinals && n == places->n_places);
	for (size_t i = 0; i < n; i++)
		require(source[i] >= 1 && source[i] <= c->n_ordinals);
	require(conf_print(again, &twice, NULL, NULL, &e) == 0);
	require(slice_eq(buf_slice(&once), buf_slice(&twice)));
	free(source);
	conf_places_free(&places);
	conf_unref(&again);
	buf_clear(&once);
	buf_clear(&twice);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf_input in = {.name = "fuzz.conf", .text = slice_of(data, size)};
	struct conf_errors errs;
	struct conf *c = NULL;

	if (conf_parse(&in, &c, NULL, &errs) == 0)
		round_trip(c);
	else
		show_errors(&in, &errs);
	conf_unref(&c);
	return 0;
}
