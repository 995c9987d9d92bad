/* Protocols that may be switched to, as canonical text. */
#include "conf/print/print_upgrade.h"

void
print_upgrade(struct writer *w, const struct conf_upgrade *upgrade)
{
	if (!upgrade->ordinal)
		return;
	writer_begin(w, upgrade->ordinal, "upgrade");
	if (upgrade->n == 0)
		writer_word(w, "off");
	for (size_t i = 0; i < upgrade->n; i++)
		writer_word(w, upgrade->protocols[i]);
	writer_end(w);
}
