/* What running containers use of processor and memory, by their cgroups. */
#ifndef LXC_USAGE_H
#define LXC_USAGE_H

#include "core/slice.h"

#include <stdint.h>

struct lxc;

/* Answers a USAGE_GET. */
void usage_send(struct lxc *l, uint64_t id);

/* Pure. The microseconds in the text of cpuacct.usage (v1: nanoseconds) or cpu.stat (v2); 0 when
 * there are none to be found. */
uint64_t usage_parse_cpu(struct slice text);

#endif
