/* What sluiced does once, in the foreground, without becoming a daemon. */
#ifndef DAEMON_COMMANDS_H
#define DAEMON_COMMANDS_H

/* `sluiced -n -f FILE`: prints "FILE: ok", or the errors with their lines to standard error.
 * Returns the exit status. */
int command_check(const char *file);
/* The same for programs: {"ok": …, "errors": […]} to standard output. */
int command_check_json(const char *file);
/* `sluiced --undo -f FILE`: removes the table, puts changed sysctls back, unmounts served
 * folders. Refused while a daemon runs on this state. Returns the exit status. */
int command_undo(const char *file);

#endif
