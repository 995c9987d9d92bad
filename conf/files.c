/* How files are served: compared, and freed. */
#include "conf/files.h"

#include <stdlib.h>
#include <string.h>

static bool
same_names(char *const *a, size_t n_a, char *const *b, size_t n_b)
{
	if (n_a != n_b)
		return false;
	for (size_t i = 0; i < n_a; i++)
		if (strcmp(a[i], b[i]) != 0)
			return false;
	return true;
}

bool
conf_files_equal(const struct conf_files *a, const struct conf_files *b)
{
	return same_names(a->index, a->n_index, b->index, b->n_index) &&
	       same_names(a->tries, a->n_tries, b->tries, b->n_tries) &&
	       a->neighbours == b->neighbours && a->listing == b->listing &&
	       !a->neighbours_ordinal == !b->neighbours_ordinal &&
	       !a->listing_ordinal == !b->listing_ordinal;
}

bool
conf_files_written(const struct conf_files *files)
{
	return files->index_ordinal || files->try_ordinal || files->neighbours_ordinal ||
	       files->listing_ordinal;
}

static void
free_names(char **names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(names[i]);
	free(names);
}

void
conf_files_clear(struct conf_files *files)
{
	free_names(files->index, files->n_index);
	free_names(files->tries, files->n_tries);
	*files = (struct conf_files){0};
}

const char *
conf_files_index(const struct conf_files *files, size_t n)
{
	if (files->n_index == 0)
		return n == 0 ? CONF_INDEX : NULL;
	return n < files->n_index ? files->index[n] : NULL;
}
