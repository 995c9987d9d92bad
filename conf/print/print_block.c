/* Blocks, limits and what is open as text. */
#include "conf/print/print_block.h"

#include "conf/schema/schema.h"
#include "core/num.h"

#include <netinet/in.h>

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

static void
print_open(struct writer *w, const struct conf_open *open)
{
	char text[ADDR_TEXT_MAX];

	writer_begin(w, open->ordinal, "open");
	if (conf_open_has_ports(open->proto)) {
		writer_word(w, open->proto == IPPROTO_TCP ? "tcp" : "udp");
		writer_raw(w, " ");
		writer_ports(w, open->low, open->high);
	} else {
		writer_word(w, "protocol");
		writer_number(w, open->proto);
	}
	if (open->n_from)
		writer_word(w, "from");
	for (size_t i = 0; i < open->n_from; i++)
		writer_word(w, prefix_print(&open->from[i], text));
	writer_end(w);
}

void
print_opens(struct writer *w, const struct conf_opens *opens)
{
	for (size_t i = 0; i < opens->n; i++)
		print_open(w, &opens->v[i]);
	if (!opens->confirm_ordinal)
		return;
	writer_begin(w, opens->confirm_ordinal, "confirm-within");
	writer_time(w, opens->confirm_ms);
	writer_end(w);
}
