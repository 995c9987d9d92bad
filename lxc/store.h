/*
 * What is remembered of managed containers in STATE/containers/NAME/: small text files, each
 * written whole.
 *
 *	idmap     the first id of its range
 *	creating  it is being created: whatever is in lxc-path is unfinished and ours
 *	created   it was created by us; the text is its image
 *	owned     the configuration keys that are ours, one a line
 *	fixed     what its configuration said when it was last started (config_plan_fixed)
 *	held      stopped on purpose; the text is the host's boot id: forgotten at the next boot
 */
#ifndef LXC_STORE_H
#define LXC_STORE_H

#include "core/buf.h"
#include "core/err.h"
#include "core/slice.h"

#include <stdbool.h>
#include <stdint.h>

#define STORE_TEXT_MAX (256 * 1024)

/* Appends the file's text. 0, or -1 when it is not there or unreadable. */
int store_read(const char *state, const char *name, const char *file, struct buf *out);
int store_write(
	const char *state, const char *name, const char *file, struct slice text, struct err *e);
void store_remove(const char *state, const char *name, const char *file);
bool store_has(const char *state, const char *name, const char *file);

/* The id range of a container: the recorded one, or a free one chosen, recorded and given to root
 * in /etc/subuid and /etc/subgid (each line added there is recorded in STATE/containers/.subids,
 * so that it can be taken out again). 0 or -1 with e filled. */
int store_idmap(const char *state, const char *lxc_path, const char *name, uint32_t *ret_start,
	struct err *e);
/* Whether a range could be had: for READY. Changes nothing. */
int store_idmap_possible(const char *state, const char *lxc_path, struct err *e);

#endif
