/* `sluice cache …`. */
#ifndef DAEMON_CTL_CACHE_H
#define DAEMON_CTL_CACHE_H

#include "daemon/ctl/ctl_client.h"
#include "daemon/ctl/ctl_commands.h"

/* Each returns the exit status. */
int ctl_cache_status(const struct ctl_line *line);
int ctl_cache_ls(const struct ctl_line *line);
int ctl_cache_show(const struct ctl_line *line);
/* Also `cache clear`. */
int ctl_cache_purge(const struct ctl_line *line);

#endif
