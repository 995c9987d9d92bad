/* Compression as canonical text. */
#include "conf/print/print_compress.h"

void
print_compress(struct writer *w, const struct conf_compress *compress)
{
	if (!compress->ordinal)
		return;
	writer_begin(w, compress->ordinal, "compress");
	writer_word(w, compress->on ? "on" : "off");
	if (compress->level) {
		writer_word(w, "level");
		writer_number(w, compress->level);
	}
	writer_end(w);
}
