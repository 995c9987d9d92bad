/* Who is trusted, and what is said about heads, as text. Private to conf/. */
#ifndef CONF_PRINT_HEADS_H
#define CONF_PRINT_HEADS_H

#include "conf/conf.h"
#include "conf/write.h"

void print_trusted(struct writer *w, const struct conf *c);
void print_proxy_protocol(struct writer *w, const struct conf_route *route);
void print_hsts(struct writer *w, const struct conf_hsts *hsts);
void print_pages(struct writer *w, const struct conf_pages *pages);
void print_heads(struct writer *w, const struct conf_heads *heads);

#endif
