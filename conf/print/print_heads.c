/* What the proxy does to heads, as canonical text. */
#include "conf/print/print_heads.h"

#include "conf/schema/schema.h"

void
print_trusted(struct writer *w, const struct conf *c)
{
	char text[ADDR_TEXT_MAX];

	if (!c->n_trusted)
		return;
	writer_begin(w, c->trusted_ordinal, "trusted");
	for (size_t i = 0; i < c->n_trusted; i++)
		writer_word(w, prefix_print(&c->trusted[i], text));
	writer_end(w);
}

static void
print_rule(struct writer *w, const struct conf_header_rule *rule)
{
	writer_begin(w, rule->ordinal, "header");
	writer_word(w, schema_word_name("header", (int)rule->side));
	if (rule->verb != CONF_HEADER_SET)
		writer_word(w, schema_word_name("rule", (int)rule->verb));
	writer_word(w, rule->name);
	if (rule->value)
		writer_word(w, rule->value);
	writer_end(w);
}

void
print_heads(struct writer *w, const struct conf_heads *heads)
{
	if (heads->rewrite_ordinal) {
		writer_begin(w, heads->rewrite_ordinal, "rewrite");
		writer_word(w, schema_word_name("rewrite", (int)heads->rewrite));
		writer_end(w);
	}
	for (size_t i = 0; i < heads->n_rules; i++)
		print_rule(w, &heads->rules[i]);
}

void
print_hsts(struct writer *w, const struct conf_hsts *hsts)
{
	if (!hsts->ordinal)
		return;
	writer_begin(w, hsts->ordinal, "hsts");
	writer_time(w, hsts->ms);
	if (hsts->subdomains)
		writer_word(w, "subdomains");
	if (hsts->preload)
		writer_word(w, "preload");
	writer_end(w);
}

void
print_pages(struct writer *w, const struct conf_pages *pages)
{
	for (size_t i = 0; i < pages->n; i++) {
		const struct conf_page *page = &pages->items[i];

		writer_begin(w, page->ordinal, "error-page");
		for (size_t k = 0; k < page->n_codes; k++)
			writer_number(w, page->codes[k]);
		writer_word(w, page->file);
		writer_end(w);
	}
}

void
print_proxy_protocol(struct writer *w, const struct conf_route *route)
{
	if (!route->proxy_protocol)
		return;
	writer_begin(w, route->proxy_protocol_ordinal, "proxy-protocol");
	writer_word(w, schema_word_name("proxy-protocol", (int)route->proxy_protocol));
	writer_end(w);
}
