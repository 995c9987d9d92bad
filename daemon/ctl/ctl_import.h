/* `sluice import`: rules and configurations of others as directives, to standard output. */
#ifndef DAEMON_CTL_IMPORT_H
#define DAEMON_CTL_IMPORT_H

#include "daemon/ctl/ctl_commands.h"

/* The exit status. */
int ctl_import(const struct ctl_line *line);

#endif
