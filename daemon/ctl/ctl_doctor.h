/* `sluice doctor`: what on this host stands in the way, and the command that mends it. */
#ifndef DAEMON_CTL_DOCTOR_H
#define DAEMON_CTL_DOCTOR_H

#include "daemon/ctl/ctl_commands.h"

/* The exit status: 1 when something was found. */
int ctl_doctor(const struct ctl_line *line);

#endif
