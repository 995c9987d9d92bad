/* Tells the service manager (sd_notify(3)'s protocol) how the daemon fares; silent without one. */
#ifndef DAEMON_NOTIFY_H
#define DAEMON_NOTIFY_H

/* Takes NOTIFY_SOCKET out of the environment, so that no child speaks for us. */
void notify_init(void);
/* Puts NOTIFY_SOCKET back, for the program that takes our place. */
void notify_put_env(void);
void notify_ready(void);
void notify_reloading(void);
void notify_stopping(void);

#endif
