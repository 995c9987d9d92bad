/* One session of `sluice container exec|console`, in its helper: from the client's request to the
 * command's status. */
#ifndef LXC_ATTACH_H
#define LXC_ATTACH_H

#include "core/err.h"

/* Serves the client behind conn until the command or the client ends; the status is sent. 0, or -1
 * with e filled when the command never ran (the client was told). */
int attach_serve(const char *lxc_path, const char *name, int conn, struct err *e);

#endif
