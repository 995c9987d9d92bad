/* Printing of blocks, limits of sources and what is open. Private to conf/. */
#ifndef CONF_PRINT_BLOCK_H
#define CONF_PRINT_BLOCK_H

#include "conf/block.h"
#include "conf/limit.h"
#include "conf/open.h"
#include "conf/write.h"

void print_blocks(struct writer *w, const struct conf_blocks *blocks);
void print_source_limits(struct writer *w, const struct conf_source_limits *limits);
void print_opens(struct writer *w, const struct conf_opens *opens);

#endif
