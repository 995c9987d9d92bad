/* What the file says about TLS as canonical text; for print.c. */
#ifndef CONF_PRINT_TLS_H
#define CONF_PRINT_TLS_H

#include "conf/tls.h"
#include "conf/write.h"

void print_client(struct writer *w, const struct conf_client *client);
void print_tls(struct writer *w, const struct conf_tls *tls);

#endif
