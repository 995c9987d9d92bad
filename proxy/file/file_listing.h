/*
 * The page that lists a folder. Pure: names go in, HTML comes out, escaped whatever they hold.
 */
#ifndef PROXY_FILE_LISTING_H
#define PROXY_FILE_LISTING_H

#include "core/buf.h"

#include <stdint.h>

#define LISTING_NAMES_MAX 1000          /* on one page */
#define LISTING_BYTES_MAX (256 * 1024)  /* of the page */
#define LISTING_NAME_BYTES (128 * 1024) /* of all names */

struct listing_row {
	uint32_t at, n; /* of the name in names */
	bool folder;
	uint64_t size;
	int64_t mtime;
};

struct listing {
	struct buf names;
	struct listing_row *rows;
	size_t n;
	bool cut; /* there are more than are listed */
};

void listing_init(struct listing *l);
void listing_clear(struct listing *l);
/* Adds a name. A full page is cut. 0, or -1 when memory is short. */
int listing_add(struct listing *l, struct slice name, bool folder, uint64_t size, int64_t mtime);
/* Appends the page, folders first, names in the order of their bytes. path: as visitors see it;
 * below: the folder has one above it that is served, too. What does not fit is cut. 0, or -1 when
 * out has no room for even an empty page. */
int listing_print(struct listing *l, struct slice path, bool below, struct buf *out);

#endif
