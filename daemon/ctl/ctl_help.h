/* What `sluice` says of itself: all commands, one, or the one that was probably meant. Pure. */
#ifndef DAEMON_CTL_HELP_H
#define DAEMON_CTL_HELP_H

#include "daemon/ctl/ctl_commands.h"

/* The usage text of all commands. 0, or -1 when out is full. */
int ctl_print_usage(struct buf *out);
/* What `help` and -h of this line ask for: a command, those that begin with the words (`sluice
 * container --help`), or all. 0, or -1 when out is full. */
int ctl_print_help(const struct ctl_line *line, struct buf *out);
/* Says that these words are no command, and what is near them. Always -1. */
int ctl_unknown(int argc, char *const *argv, struct err *e);

#endif
