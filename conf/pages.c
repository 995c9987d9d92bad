/* Pages: found, compared, freed. */
#include "conf/pages.h"

#include <stdlib.h>
#include <string.h>

const struct conf_page *
conf_pages_find(const struct conf_pages *pages, uint16_t code)
{
	for (size_t i = 0; i < pages->n; i++)
		for (size_t k = 0; k < pages->items[i].n_codes; k++)
			if (pages->items[i].codes[k] == code)
				return &pages->items[i];
	return NULL;
}

static bool
same_page(const struct conf_page *a, const struct conf_page *b)
{
	return a->n_codes == b->n_codes && strcmp(a->file, b->file) == 0 &&
	       memcmp(a->codes, b->codes, a->n_codes * sizeof(*a->codes)) == 0;
}

bool
conf_pages_equal(const struct conf_pages *a, const struct conf_pages *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!same_page(&a->items[i], &b->items[i]))
			return false;
	return true;
}

void
conf_pages_clear(struct conf_pages *pages)
{
	for (size_t i = 0; i < pages->n; i++) {
		free(pages->items[i].codes);
		free(pages->items[i].file);
	}
	free(pages->items);
}
