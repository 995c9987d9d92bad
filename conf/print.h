/* The parts of conf_print that have files of their own. Private to conf/. */
#ifndef CONF_PRINT_H
#define CONF_PRINT_H

#include "conf/conf.h"
#include "conf/write.h"

/* print_heads.c */
void print_trusted(struct writer *w, const struct conf *c);
bool print_heads_written(const struct conf_heads *heads);
void print_heads(struct writer *w, const struct conf_heads *heads);

#endif
