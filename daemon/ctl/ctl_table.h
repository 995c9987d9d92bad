/* Tables for people: columns as wide as their widest cell. Pure. */
#ifndef DAEMON_CTL_TABLE_H
#define DAEMON_CTL_TABLE_H

#include "core/buf.h"

#include <jansson.h>

struct ctl_column {
	const char *title; /* "STATE" */
	const char *key;   /* of the objects: "state" */
};

/* A line of titles, then one a member of the array of objects. Numbers, strings, booleans
 * ("yes", "no") and arrays of strings (joined by ',') are shown, "-" stands for nothing. Control
 * characters are shown as '?'. 0, or -1 when out is full. */
int ctl_table_print(
	const struct ctl_column *columns, size_t n, const json_t *array, struct buf *out);
/* One value as a table shows it. 0 or -1. */
int ctl_value_print(const json_t *value, struct buf *out);

/* "512", "64.0M": bytes as people read them. */
#define CTL_BYTES_MAX 32
const char *ctl_bytes_print(json_int_t bytes, char out[static CTL_BYTES_MAX]);

#endif
