/* Pages of the user's in place of ours: error-page. */
#include "conf/setters.h"

#include "conf/parse.h"

static struct conf_pages *
open_pages(struct parse *p)
{
	return p->scopes[p->depth].context == CONTEXT_SITE ? &p->conf->sites[p->site].pages
							   : &p->conf->pages;
}

static int
read_code(struct parse *p, const struct word *w, const struct conf_pages *pages,
	struct conf_page *page)
{
	static const uint64_t range[2] = {CONF_PAGE_CODE_MIN, CONF_PAGE_CODE_MAX};
	const struct conf_page *other;
	char where[PARSE_WHERE_MAX];
	uint64_t code;
	uint16_t *slot;

	if (word_read_number(p, w, range, &code) < 0)
		return -1;
	other = conf_pages_find(pages, (uint16_t)code);
	if (other == page)
		return parse_error(p, w, "%.*s stands here twice", WORD_ARG(w));
	if (other)
		return parse_error(p, w, "%.*s has a page already, %s", WORD_ARG(w),
			parse_where(p, other->ordinal, page->ordinal, where));
	slot = parse_add(p, &page->codes, &page->n_codes, sizeof(*slot));
	if (!slot)
		return -1;
	*slot = (uint16_t)code;
	return 0;
}

/* The type of the page comes from its name. */
static const char *
page_file(struct slice name)
{
	static const char *const endings[] = {".html", ".htm", ".txt", ".json"};

	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++)
		if (slice_ends(name, slice_str(endings[i])))
			return NULL;
	return "must end with .html, .txt or .json: the name says what type the page has";
}

int
set_error_page(struct parse *p, const struct directive *d)
{
	struct conf_pages *pages = open_pages(p);
	const struct word *file = &d->words[d->n - 1];
	const char *why = page_file(file->text);
	struct conf_page *page;
	int ret = 0;

	if (pages->n == CONF_PAGES_MAX)
		return parse_error(
			p, &d->words[1], "more than %d pages in one place", CONF_PAGES_MAX);
	page = parse_add(p, &pages->items, &pages->n, sizeof(*page));
	if (!page)
		return -1;
	page->ordinal = d->ordinal;
	for (size_t i = 1; i + 1 < d->n; i++)
		if (read_code(p, &d->words[i], pages, page) < 0)
			ret = -1;
	if (word_read_file(p, file, &page->file) < 0)
		return -1;
	return why ? parse_error(p, file, "\"%.*s\" %s", WORD_ARG(file), why) : ret;
}
