/*
 * Editing a container's configuration file without disturbing what others wrote: every line that
 * is not about a key of ours stays byte for byte, comments and unknown keys included. Pure: text
 * in, text out.
 *
 * The format (lxc.container.conf(5)): `key = value` a line, blanks around both ignored, `#` begins
 * a comment line. A value may stand in quotes.
 */
#ifndef LXC_CONFIG_EDIT_H
#define LXC_CONFIG_EDIT_H

#include "core/buf.h"
#include "core/slice.h"

#include <stdbool.h>

#define CONFIG_TEXT_MAX (1024 * 1024)

/* The comment line that stands before each line of ours whose key others use, too. */
#define CONFIG_MARK "# from sluice.conf:"

/* The next `key = value` line at or after *at, which moves behind it; false at the end. Comments
 * and lines without `=` are passed over. Quotes around the value are taken off. */
bool config_next(struct slice text, size_t *at, struct slice *ret_key, struct slice *ret_value);
/* The last value of a key; false when there is none. */
bool config_get(struct slice text, const char *key, struct slice *ret_value);

/* Makes the values of key exactly these, in this order: values change where they stand, surplus
 * lines go, missing ones are appended behind the last (or at the end). n may be 0: the key goes.
 * 0, or -1 when the maximum or memory is exceeded (the text is then as it was). */
int config_set(struct buf *text, const char *key, const struct slice *values, size_t n);
/* Replaces all marked lines (CONFIG_MARK and the line behind it) with these, appended at the end,
 * each `key = value`. 0 or -1 as above. */
int config_set_marked(struct buf *text, const char *key, const struct slice *values, size_t n);
/* Puts `key = value` behind the last line with that key (or at the front), unless it is there
 * already. 0 or -1 as above. */
int config_add(struct buf *text, const char *key, struct slice value);

#endif
