/* Printing of blocks and of limits of sources. Private to conf/. */
#ifndef CONF_PRINT_BLOCK_H
#define CONF_PRINT_BLOCK_H

#include "conf/block.h"
#include "conf/limit.h"
#include "conf/write.h"

void print_blocks(struct writer *w, const struct conf_blocks *blocks);
void print_source_limits(struct writer *w, const struct conf_source_limits *limits);

#endif
