/*
 * Connections to unix sockets for the proxy, which can open none itself: only to those that the
 * configuration names, and as the user that the proxy is, so that their servers see who asks and
 * the file system's rights hold.
 */
#ifndef DAEMON_DIAL_H
#define DAEMON_DIAL_H

#include "conf/conf.h"

/* A non-blocking connection, or -1 with errno. user: whom the file system and the server shall see,
 * with the groups that it has; NULL: ourselves. */
int dial_socket(const char *path, const char *user);

#endif
