/* What a configuration may mean otherwise than it is written: no error, but worth a look. */
#ifndef DAEMON_WARNINGS_H
#define DAEMON_WARNINGS_H

#include "conf/conf.h"

/* Appends what there is to errs, each text beginning with "warning: ", with the ordinals of c.
 * Looks at the disk for the sources of mounts, and changes nothing. */
void warnings_find(const struct conf *c, struct conf_errors *errs);

#endif
