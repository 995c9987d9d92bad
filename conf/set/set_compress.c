/* What may stand at top level, in a site and in a route: compress. */
#include "conf/setters.h"

#include "conf/parse.h"

static const uint64_t level_range[2] = {1, 9};

static struct conf_compress *
open_compress(struct parse *p)
{
	switch (p->scopes[p->depth].context) {
	case CONTEXT_SITE:
		return &p->conf->sites[p->site].compress;
	case CONTEXT_ROUTE:
		return &p->conf->sites[p->site].routes[p->route].compress;
	case CONTEXT_TOP:
	case CONTEXT_CONTAINER:
	case CONTEXT_COUNT:
		break;
	}
	return &p->conf->compress;
}

static int
set_level(struct parse *p, const struct directive *d, struct conf_compress *compress)
{
	uint64_t level;

	if (!compress->on)
		return parse_error(p, &d->words[2], "\"compress off\" has no level");
	if (!slice_eq_str(d->words[2].text, "level"))
		return parse_error(p, &d->words[2], "\"%.*s\" should be \"level\", or nothing",
			WORD_ARG(&d->words[2]));
	if (d->n == 3)
		return parse_error(p, &d->words[2], "the level is missing: 1 (fastest) to 9");
	if (word_read_number(p, &d->words[3], level_range, &level) < 0)
		return -1;
	compress->level = (uint8_t)level;
	return 0;
}

int
set_compress(struct parse *p, const struct directive *d)
{
	struct conf_compress *compress = open_compress(p);
	int on;

	if (word_read_word(p, "compress", &d->words[1], &on) < 0)
		return -1;
	compress->on = on;
	compress->ordinal = d->ordinal;
	return d->n > 2 ? set_level(p, d, compress) : 0;
}
