/* Printing the targets of a route and what it says of them. Private to conf/. */
#ifndef CONF_PRINT_UPSTREAM_H
#define CONF_PRINT_UPSTREAM_H

#include "conf/conf.h"
#include "conf/write.h"

/* " -> TARGET…" behind a route's or a short site's words. */
void print_targets(struct writer *w, const struct conf_route *route);
/* Whether print_upstream has anything to print. */
bool upstream_written(const struct conf_upstream *u);
/* The directives of the route's block. */
void print_upstream(struct writer *w, const struct conf_upstream *u);

/* The same for the authorities, at top level, in a site and in a route. */
bool trust_written(const struct conf_trust *trust);
void print_trust(struct writer *w, const struct conf_trust *trust);

#endif
