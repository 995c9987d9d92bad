/* A guard as canonical text: the rules of one directive stay on one line. */
#include "conf/print_guard.h"

static void
print_access(struct writer *w, const struct conf_guard *g)
{
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; i < g->n_access; i++) {
		const struct conf_access_rule *rule = &g->access[i];

		if (i == 0 || g->access[i - 1].ordinal != rule->ordinal) {
			if (i > 0)
				writer_end(w);
			writer_begin(w, rule->ordinal, "access");
			writer_word(w, rule->allow ? "allow" : "deny");
		}
		writer_word(w, rule->net.addr.family ? prefix_print(&rule->net, text) : "all");
	}
	if (g->n_access)
		writer_end(w);
}

void
print_guard(struct writer *w, const struct conf_guard *guard)
{
	print_access(w, guard);
}
