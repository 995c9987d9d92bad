/* One request of the control API as all commands make it, and what they say of its failure. */
#ifndef DAEMON_CTL_ASK_H
#define DAEMON_CTL_ASK_H

#include "daemon/ctl_client.h"
#include "daemon/ctl_commands.h"

#include <jansson.h>

/* Says e on standard error; returns the status. */
int ctl_complain(enum ctl_exit status, const struct err *e);
/* Writes to standard output; CTL_OK or CTL_FAILED. */
int ctl_print(struct slice text);
/* NULL when it is no JSON. */
json_t *ctl_parse_json(struct slice text);
/* One request; *ret is the answer parsed (decref, also on failure), and with --json it is printed
 * as it is. CTL_OK, or another status with e filled. */
enum ctl_exit ctl_ask(const struct ctl_line *line, const char *method, const char *path,
	json_t **ret, struct err *e);

#endif
