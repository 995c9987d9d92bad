/* A guard as canonical text; for print.c. */
#ifndef CONF_PRINT_GUARD_H
#define CONF_PRINT_GUARD_H

#include "conf/guard.h"
#include "conf/write.h"

void print_guard(struct writer *w, const struct conf_guard *guard);
void print_ban(struct writer *w, const struct conf_ban *ban);

#endif
