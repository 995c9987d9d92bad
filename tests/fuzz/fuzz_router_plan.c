/*
 * Two configurations (the text up to a NUL, and the rest) and their plans: the difference between
 * the two plans, applied to the first, must give the second, and both must print.
 */
#include "core/own.h"
#include "router/plan.h"

#include "tests/fuzz/require.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
plan(struct slice text, struct ruleset *ret)
{
	struct conf_input in = {.name = "fuzz", .text = text};
	struct plan_input input = {0};
	struct conf_errors *errors = calloc(1, sizeof(*errors));
	struct conf *c;
	int rc;

	if (!errors)
		return -1;
	rc = conf_parse(&in, &c, NULL, errors);
	free(errors);
	if (rc < 0)
		return -1;
	input.conf = c;
	rc = plan_build(&input, ret, NULL);
	conf_unref(&c);
	return rc;
}

static bool
has(const struct ruleset_elems *s, const struct ruleset_elem *elem)
{
	for (size_t i = 0; i < s->n; i++)
		if (memcmp(s->v[i].key, elem->key, sizeof(elem->key)) == 0 &&
			memcmp(s->v[i].end, elem->end, sizeof(elem->end)) == 0 &&
			memcmp(s->v[i].data, elem->data, sizeof(elem->data)) == 0)
			return true;
	return false;
}

/* a without what d deletes, with what it adds. */
static void
apply(const struct ruleset *a, const struct ruleset_diff *d, struct ruleset *ret)
{
	int failed = 0;

	for (size_t set = 0; set < RULESET_SET_COUNT; set++) {
		const struct ruleset_elems *s = &a->sets[set], *add = &d->add.sets[set];

		for (size_t i = 0; i < s->n; i++)
			if (!has(&d->del.sets[set], &s->v[i]))
				failed |= ruleset_add(ret, (enum ruleset_set)set, &s->v[i], NULL);
		for (size_t i = 0; i < add->n; i++)
			failed |= ruleset_add(ret, (enum ruleset_set)set, &add->v[i], NULL);
	}
	REQUIRE(!failed);
	ruleset_sort(ret);
}

static void
compare(const struct ruleset *a, const struct ruleset *b)
{
	struct ruleset_diff d;
	struct ruleset made = {.rules = b->rules, .limits = b->limits};

	/* has() is linear; what is found in small plans is found in large ones. */
	if (ruleset_count(a) + ruleset_count(b) > 4000 || ruleset_diff(a, b, &d, NULL) < 0)
		return;
	apply(a, &d, &made);
	REQUIRE(ruleset_equal(&made, b));
	ruleset_clear(&made);
	ruleset_diff_clear(&d);
}

static void
print(const struct ruleset *r)
{
	struct buf text;

	buf_init(&text, RULESET_TEXT_MAX);
	if (ruleset_print(r, &text, NULL) < 0)
		abort();
	buf_clear(&text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice all = slice_of(data, size), first = slice_head(all, slice_index(all, '\0'));
	struct ruleset a = {0}, b = {0};

	if (plan(first, &a) == 0) {
		print(&a);
		compare(&a, &a);
		if (plan(slice_skip(all, first.n + 1), &b) == 0) {
			print(&b);
			compare(&a, &b);
			compare(&b, &a);
		}
	}
	ruleset_clear(&a);
	ruleset_clear(&b);
	return 0;
}
