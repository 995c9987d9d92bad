/* Printing of blocks. Private to conf/. */
#ifndef CONF_PRINT_BLOCK_H
#define CONF_PRINT_BLOCK_H

#include "conf/block.h"
#include "conf/write.h"

void print_blocks(struct writer *w, const struct conf_blocks *blocks);

#endif
