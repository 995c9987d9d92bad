/* Buffers of bodies as canonical text; for print.c. */
#ifndef CONF_PRINT_BODIES_H
#define CONF_PRINT_BODIES_H

#include "conf/bodies.h"
#include "conf/write.h"

void print_bodies(struct writer *w, const struct conf_bodies *bodies);

#endif
