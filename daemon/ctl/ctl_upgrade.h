/* `sluice upgrade`: asks for it and waits until the new program runs, or says why not. */
#ifndef DAEMON_CTL_UPGRADE_H
#define DAEMON_CTL_UPGRADE_H

#include "daemon/ctl/ctl_commands.h"

/* The exit status. */
int ctl_upgrade(const struct ctl_line *line);

#endif
