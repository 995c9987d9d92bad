/* Blocks and limits as text. */
#include "conf/print_block.h"

#include "conf/schema.h"
#include "core/num.h"

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

static void
print_limit(struct writer *w, const struct conf_source_limit *limit)
{
	char text[NUM_TEXT_MAX];

	writer_begin(w, limit->ordinal, "limit");
	writer_word(w, schema_word_name("limit", (int)limit->kind));
	if (limit->kind == CONF_LIMIT_CONNECTIONS)
		writer_number(w, limit->count);
	else
		writer_word(w, num_print_rate(limit->count, limit->period_ms, text));
	if (limit->burst_written) {
		writer_raw(w, " burst");
		writer_number(w, limit->burst);
	}
	writer_raw(w, " per source");
	if (limit->n_ports)
		writer_raw(w, " to");
	for (size_t i = 0; i < limit->n_ports; i++) {
		writer_raw(w, " ");
		writer_ports(w, limit->ports[i].low, limit->ports[i].high);
	}
	writer_end(w);
}

void
print_source_limits(struct writer *w, const struct conf_source_limits *limits)
{
	for (size_t i = 0; i < limits->n; i++)
		print_limit(w, &limits->v[i]);
}
