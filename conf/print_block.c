/* Blocks as text. */
#include "conf/print_block.h"

/* A line for each directive, with its networks. */
static void
print_nets(struct writer *w, const char *name, const struct conf_block *nets, size_t n)
{
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; i < n; i++) {
		if (i == 0 || nets[i - 1].ordinal != nets[i].ordinal)
			writer_begin(w, nets[i].ordinal, name);
		writer_word(w, prefix_print(&nets[i].net, text));
		if (i + 1 < n && nets[i + 1].ordinal == nets[i].ordinal)
			continue;
		if (nets[i].confirm)
			writer_word(w, "confirm");
		writer_end(w);
	}
}

void
print_blocks(struct writer *w, const struct conf_blocks *blocks)
{
	print_nets(w, "block", blocks->nets, blocks->n_nets);
	for (size_t i = 0; i < blocks->n_lists; i++) {
		writer_begin(w, blocks->lists[i].ordinal, "block-list");
		writer_word(w, blocks->lists[i].path);
		if (blocks->lists[i].confirm)
			writer_word(w, "confirm");
		writer_end(w);
	}
	print_nets(w, "unblock", blocks->except, blocks->n_except);
}
