/*
 * The folders and locks of a running daemon: STATE with its lock, the run folder, and the claim on
 * the nftables table of this network namespace.
 */
#ifndef DAEMON_STATE_H
#define DAEMON_STATE_H

#include "conf/conf.h"

/* Creates the folder of the state (0700), of the containers and of the control socket, where
 * missing. 0 or -1 with e filled (ordinal of the directive). */
int state_make_folders(const struct conf *c, struct err *e);
/* Creates STATE/spool (0700) for the proxy's files without a name, the proxy user's when root runs
 * this. Its path in fresh memory, or NULL with e filled. */
char *state_make_spool(const char *state, bool root, struct err *e);
/* Creates the folder of the disk cache (0700) where missing; the proxy user's when root runs this,
 * unless it is in use by others. 0 or -1 with e filled. */
int state_make_store(const char *path, bool root, struct err *e);
/* Takes STATE/lock for the life of the process. The descriptor, to be kept open; or -1 with e
 * filled, which names the process that holds it. */
int state_lock(const char *state, struct err *e);
/* Claims table inet sluice of this network namespace: an abstract unix socket, which the kernel
 * gives to one process a namespace. The descriptor, to be kept open; or -1 with e filled. */
int state_claim_table(struct err *e);
/* DIR/NAME in fresh memory, NULL when there is none. */
char *state_path(const char *dir, const char *name);
/* The folder of the control socket, in fresh memory. */
char *state_run_folder(const struct conf *c);

#endif
