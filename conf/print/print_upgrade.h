/* Protocols that may be switched to, as canonical text; for print.c. */
#ifndef CONF_PRINT_UPGRADE_H
#define CONF_PRINT_UPGRADE_H

#include "conf/upgrade.h"
#include "conf/write.h"

void print_upgrade(struct writer *w, const struct conf_upgrade *upgrade);

#endif
