/* The main functions of the roles that daemon/ itself holds. */
#ifndef DAEMON_ROLES_H
#define DAEMON_ROLES_H

/* The control process: takes its channel at PROC_FD_CHANNEL, enters its sandbox, serves the
 * control API until the channel closes. Returns the exit status. */
int control_main(void);

#endif
