/*
 * Pages that stand for the proxy's own: which answers they are for, and the file that the parent
 * reads. The top level and each site have some.
 */
#ifndef CONF_PAGES_H
#define CONF_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONF_PAGES_MAX 64          /* of one place */
#define CONF_PAGE_SIZE (64 * 1024) /* the most that a page may have */
#define CONF_PAGE_CODE_MIN 400
#define CONF_PAGE_CODE_MAX 599

struct conf_page {
	uint32_t ordinal;
	uint32_t index; /* into conf.all_pages */
	uint16_t *codes;
	size_t n_codes;
	char *file;
};

struct conf_pages {
	struct conf_page *items;
	size_t n;
};

/* The page for that status, or NULL. */
const struct conf_page *conf_pages_find(const struct conf_pages *pages, uint16_t code);
bool conf_pages_equal(const struct conf_pages *a, const struct conf_pages *b);
void conf_pages_clear(struct conf_pages *pages);

#endif
