/* One request of the control API as all commands make it, and what they say of its failure. */
#ifndef DAEMON_CTL_ASK_H
#define DAEMON_CTL_ASK_H

#include "daemon/ctl/ctl_client.h"
#include "daemon/ctl/ctl_commands.h"

#include <jansson.h>

#define CTL_OUTPUT_MAX (32 * 1024 * 1024) /* what a command prints of one answer */

/* Prints an answer for people into out. 0 or -1. */
typedef int ctl_show_fn(const json_t *answer, struct buf *out);

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
/* ctl_ask, then complains or prints what show makes of the answer. The exit status. */
int ctl_show(const struct ctl_line *line, const char *method, const char *path, ctl_show_fn *show);

#endif
