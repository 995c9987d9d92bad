/* Compression as canonical text; for print.c. */
#ifndef CONF_PRINT_COMPRESS_H
#define CONF_PRINT_COMPRESS_H

#include "conf/compress.h"
#include "conf/write.h"

void print_compress(struct writer *w, const struct conf_compress *compress);

#endif
