/*
 * STATE/router.records: what the router found before it changed something (a sysctl's old value,
 * a bridge that it made), so that `sluiced --undo` can put it back. One line a record.
 */
#ifndef DAEMON_RECORDS_H
#define DAEMON_RECORDS_H

#include "core/err.h"
#include "core/slice.h"

struct buf;

/* Pure: whether the text already has a record of this kind and name; the first one counts, since
 * it alone holds the value of before us. */
bool records_has(struct slice text, struct slice kind, struct slice name);
/* Adds "KIND NAME VALUE\n" to the file unless it has one, on disk before it returns. Words with
 * blanks or line breaks are refused (VALUE may hold blanks). 0 or -1 with e filled. */
int records_add(
	const char *path, struct slice kind, struct slice name, struct slice value, struct err *e);
/* The file's text; a missing file is empty. 0 or -1. */
int records_read(const char *path, struct buf *out, struct err *e);

#endif
