/* How a route serves the files of a folder: of a `dir` target alone. */
#ifndef CONF_FILES_H
#define CONF_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONF_INDEX_MAX 8        /* names of one `index` */
#define CONF_TRY_MAX 8          /* files of one `try` */
#define CONF_INDEX "index.html" /* where nothing is written */

/* What may lie beside a file, compressed. */
enum conf_neighbour { CONF_NEIGHBOUR_BR, CONF_NEIGHBOUR_ZST, CONF_NEIGHBOUR_GZ, CONF_NEIGHBOURS };

#define CONF_NEIGHBOURS_ALL ((1U << CONF_NEIGHBOURS) - 1)

struct conf_files {
	char **index;   /* what a folder is answered with: the first that is there */
	size_t n_index; /* 0: CONF_INDEX */
	char **tries;   /* what is served when the file is not there: "/FILE" or "$path…" */
	size_t n_tries;
	unsigned neighbours; /* a bit for each that is looked for */
	bool listing;
	uint32_t index_ordinal, try_ordinal; /* where written, else 0, and so below */
	uint32_t neighbours_ordinal, listing_ordinal;
};

bool conf_files_equal(const struct conf_files *a, const struct conf_files *b);
bool conf_files_written(const struct conf_files *files);
void conf_files_clear(struct conf_files *files);
/* The nth name that a folder is answered with, or NULL: there are no more. */
const char *conf_files_index(const struct conf_files *files, size_t n);

#endif
