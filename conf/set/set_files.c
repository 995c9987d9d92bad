/* What may stand in the route of a folder: index, try, precompressed, listing. */
#include "conf/setters.h"

#include "conf/parse.h"
#include "conf/schema/schema.h"
#include "conf/value.h"

#define NEIGHBOURS_ON CONF_NEIGHBOURS /* values of the words besides those of the enum */
#define NEIGHBOURS_OFF (CONF_NEIGHBOURS + 1)

/* NULL, with the error reported: the route has no folder. */
static struct conf_files *
open_files(struct parse *p, const struct directive *d)
{
	struct conf_route *route = &p->conf->sites[p->site].routes[p->route];

	if (route->target.type == CONF_TARGET_DIR)
		return &route->files;
	parse_error(p, &d->words[0],
		"\"%.*s\" is for the files of a folder, and this route's target is none; write: "
		"route PATH -> dir FOLDER { ... }",
		WORD_ARG(&d->words[0]));
	return NULL;
}

/* The words behind the directive as a list of texts. */
static int
read_names(struct parse *p, const struct directive *d, const char *(*wrong)(struct slice),
	char ***names, size_t *n)
{
	for (size_t i = 1; i < d->n; i++) {
		char **slot = parse_add(p, names, n, sizeof(*slot));

		if (!slot)
			return -1;
		if (word_read_checked(p, &d->words[i], wrong(d->words[i].text), slot) < 0) {
			(*n)--;
			return -1;
		}
	}
	return 0;
}

int
set_index(struct parse *p, const struct directive *d)
{
	struct conf_files *files = open_files(p, d);

	if (!files)
		return -1;
	files->index_ordinal = d->ordinal;
	return read_names(p, d, value_index, &files->index, &files->n_index);
}

int
set_try(struct parse *p, const struct directive *d)
{
	struct conf_files *files = open_files(p, d);

	if (!files)
		return -1;
	files->try_ordinal = d->ordinal;
	return read_names(p, d, value_try, &files->tries, &files->n_tries);
}

int
set_precompressed(struct parse *p, const struct directive *d)
{
	struct conf_files *files = open_files(p, d);
	int which;

	if (!files)
		return -1;
	files->neighbours_ordinal = d->ordinal;
	for (size_t i = 1; i < d->n; i++) {
		if (word_read_word(p, "precompressed", &d->words[i], &which) < 0)
			return -1;
		if (which >= CONF_NEIGHBOURS && d->n > 2)
			return parse_error(
				p, &d->words[i], "\"%.*s\" stands alone", WORD_ARG(&d->words[i]));
		if (which == NEIGHBOURS_ON)
			files->neighbours = CONF_NEIGHBOURS_ALL;
		else if (which < CONF_NEIGHBOURS)
			files->neighbours |= 1U << which;
	}
	return 0;
}

int
set_listing(struct parse *p, const struct directive *d)
{
	struct conf_files *files = open_files(p, d);
	int on;

	if (!files || word_read_word(p, "listing", &d->words[1], &on) < 0)
		return -1;
	files->listing_ordinal = d->ordinal;
	files->listing = on != 0;
	return 0;
}
