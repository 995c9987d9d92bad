/* The commands of `sluice` about the router: what it planned and what the kernel has. */
#ifndef DAEMON_CTL_ROUTER_H
#define DAEMON_CTL_ROUTER_H

#include "daemon/ctl/ctl_commands.h"

/* `sluice nft show`. The exit status: 1 also when a difference was asked for and there is one. */
int ctl_nft_show(const struct ctl_line *line);
/* `sluice trace`. The exit status: 0 when a packet came and passed. */
int ctl_trace(const struct ctl_line *line);

#endif
