/* `sluice top`: rates, live on the terminal, or once. */
#ifndef DAEMON_CTL_TOP_H
#define DAEMON_CTL_TOP_H

#include "daemon/ctl/ctl_commands.h"

/* The exit status. once: one table of one second, for scripts; also when line->json. */
int ctl_top(const struct ctl_line *line, bool once);

#endif
