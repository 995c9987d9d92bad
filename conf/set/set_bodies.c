/* What may stand at top level, in a site and in a route: body-buffer, request-buffering, buffers.
 */
#include "conf/setters.h"

#include "conf/parse.h"
#include "core/num.h"

/* What the block that is open says of bodies. */
static struct conf_bodies *
open_bodies(struct parse *p)
{
	switch (p->scopes[p->depth].context) {
	case CONTEXT_SITE:
		return &p->conf->sites[p->site].bodies;
	case CONTEXT_ROUTE:
		return &p->conf->sites[p->site].routes[p->route].bodies;
	case CONTEXT_TOP:
	case CONTEXT_CONTAINER:
	case CONTEXT_COUNT:
		break;
	}
	return &p->conf->bodies;
}

/* A size, or "off" for 0. */
static int
read_size_or_off(struct parse *p, const struct word *w, uint64_t *ret)
{
	*ret = 0;
	if (slice_eq_str(w->text, "0"))
		return parse_error(p, w, "write \"off\" for none");
	if (slice_eq_str(w->text, "off"))
		return 0;
	return word_read_size(p, w, 1, ret);
}

int
set_body_buffer(struct parse *p, const struct directive *d)
{
	struct conf_bodies *b = open_bodies(p);
	char most[NUM_TEXT_MAX];

	b->body_buffer_ordinal = d->ordinal;
	b->body_buffer_set = true;
	if (read_size_or_off(p, &d->words[1], &b->body_buffer) < 0)
		return -1;
	if (b->body_buffer > CONF_BODY_BUFFER_MAX)
		return parse_error(p, &d->words[1],
			"%.*s of memory for each request is too much; %s is the most, and larger "
			"bodies go to a file with \"request-buffering on\"",
			WORD_ARG(&d->words[1]), num_print_size(CONF_BODY_BUFFER_MAX, most));
	return 0;
}

int
set_request_buffering(struct parse *p, const struct directive *d)
{
	struct conf_bodies *b = open_bodies(p);
	int on, word;

	b->whole_ordinal = d->ordinal;
	if (word_read_word(p, "request-buffering", &d->words[1], &on) < 0)
		return -1;
	b->whole = on;
	if (d->n == 2)
		return 0;
	if (!on)
		return parse_error(p, &d->words[2], "nothing may follow \"off\"");
	if (word_read_word(p, "request-buffering on", &d->words[2], &word) < 0)
		return -1;
	if (d->n == 3)
		return parse_error(p, &d->words[2], "the size of \"spill\" is missing");
	if (word_read_size(p, &d->words[3], 1, &b->spill) < 0)
		return -1;
	b->spill_written = true;
	return 0;
}

/* `busy SIZE` or `file SIZE|off`, the two words at index i. */
static int
set_buffers_option(struct parse *p, const struct directive *d, size_t i, struct conf_bodies *b)
{
	const struct word *name = &d->words[i];
	int is_file;

	if (word_read_word(p, "buffers N SIZE", name, &is_file) < 0)
		return -1;
	if (i + 1 == d->n)
		return parse_error(p, name, "the size of \"%.*s\" is missing", WORD_ARG(name));
	if (is_file ? b->file_written : b->busy > 0)
		return parse_error(p, name, "\"%.*s\" stands here already", WORD_ARG(name));
	if (!is_file)
		return word_read_size(p, name + 1, 1, &b->busy);
	b->file_written = true;
	return read_size_or_off(p, name + 1, &b->file);
}

/* What the words mean together. */
static int
check_buffers(struct parse *p, const struct directive *d, const struct conf_bodies *b)
{
	uint64_t all = b->buffers * b->buffer_size;
	char text[NUM_TEXT_MAX];

	if (all > CONF_BUFFERS_MAX)
		return parse_error(p, &d->words[2],
			"%.*s buffers of %.*s are too much memory for one answer; %s is the most",
			WORD_ARG(&d->words[1]), WORD_ARG(&d->words[2]),
			num_print_size(CONF_BUFFERS_MAX, text));
	if (b->busy > all)
		return parse_error(p, &d->words[1],
			"\"busy\" is more than all buffers together, which are %s",
			num_print_size(all, text));
	if (b->busy && !b->file)
		return parse_error(p, &d->words[1],
			"\"busy\" says what goes to a file, and there is none; add \"file "
			"SIZE\" or leave \"busy\" out");
	return 0;
}

int
set_buffers(struct parse *p, const struct directive *d)
{
	static const uint64_t range[2] = {1, CONF_BUFFERS_N_MAX};
	struct conf_bodies *b = open_bodies(p);
	uint64_t n;

	b->buffers_ordinal = d->ordinal;
	if (slice_eq_str(d->words[1].text, "off"))
		return d->n == 2 ? 0 : parse_error(p, &d->words[2], "nothing may follow \"off\"");
	if (word_read_number(p, &d->words[1], range, &n) < 0)
		return -1;
	if (d->n == 2)
		return parse_error(p, &d->words[1],
			"the size of a buffer is missing: buffers %.*s "
			"32K",
			WORD_ARG(&d->words[1]));
	if (word_read_size(p, &d->words[2], CONF_BUFFERS_SIZE_MIN, &b->buffer_size) < 0)
		return -1;
	b->buffers = (uint32_t)n;
	for (size_t i = 3; i < d->n; i += 2)
		if (set_buffers_option(p, d, i, b) < 0)
			return -1;
	return check_buffers(p, d, b);
}
