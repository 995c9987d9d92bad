/* Compression: inherited and compared. */
#include "conf/compress.h"

#include <stddef.h>

bool
conf_compress_equal(const struct conf_compress *a, const struct conf_compress *b)
{
	return a->on == b->on && a->level == b->level && !a->ordinal == !b->ordinal;
}

void
conf_compress_inherit(struct conf_compress *compress, const struct conf_compress *outer)
{
	if (compress->ordinal || !outer)
		return;
	compress->on = outer->on;
	compress->level = outer->level;
}
