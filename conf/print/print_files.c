/* How files are served as canonical text. */
#include "conf/print/print_files.h"

#include "conf/schema/schema.h"

static void
print_names(struct writer *w, uint32_t ordinal, const char *directive, char *const *names, size_t n)
{
	if (!ordinal)
		return;
	writer_begin(w, ordinal, directive);
	for (size_t i = 0; i < n; i++)
		writer_word(w, names[i]);
	writer_end(w);
}

static void
print_neighbours(struct writer *w, const struct conf_files *files)
{
	if (!files->neighbours_ordinal)
		return;
	writer_begin(w, files->neighbours_ordinal, "precompressed");
	if (files->neighbours == 0)
		writer_word(w, "off");
	else if (files->neighbours == CONF_NEIGHBOURS_ALL)
		writer_word(w, "on");
	for (int i = 0; files->neighbours != CONF_NEIGHBOURS_ALL && i < CONF_NEIGHBOURS; i++)
		if (files->neighbours & 1U << i)
			writer_word(w, schema_word_name("precompressed", i));
	writer_end(w);
}

void
print_files(struct writer *w, const struct conf_files *files)
{
	print_names(w, files->index_ordinal, "index", files->index, files->n_index);
	print_names(w, files->try_ordinal, "try", files->tries, files->n_tries);
	print_neighbours(w, files);
	if (!files->listing_ordinal)
		return;
	writer_begin(w, files->listing_ordinal, "listing");
	writer_word(w, files->listing ? "on" : "off");
	writer_end(w);
}
