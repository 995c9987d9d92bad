/* How a child logs: as its parent told it in the environment. */
#ifndef DAEMON_CHILD_LOG_H
#define DAEMON_CHILD_LOG_H

/* Speaks as `who` to standard error, with level and format of SLUICE_LOG ("info,text"). */
void child_log_init(const char *who);

#endif
