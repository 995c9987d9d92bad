/*
 * The folders of `dir` routes. A running Landlock domain can't be widened, so each is
 * bind-mounted (read-only, nosuid, nodev, noexec) below RUN/roots, which the proxy may read from
 * its first moment. An ordinary user can't mount: then the proxy gets the path as it is.
 *
 * The folder of the disk cache is one of them, but writable: it is mounted below RUN/roots-rw.
 */
#ifndef DAEMON_ROOTS_H
#define DAEMON_ROOTS_H

#include "conf/conf.h"

#include <sys/types.h>

/* One folder, shared by the routes and generations that serve it. */
struct root {
	uint32_t refs;
	char *source;
	char *path; /* as the proxy sees it */
	bool mounted, writable;
	dev_t device;
	ino_t inode;
};

/* One `dir` route, or cache disk. */
struct root_use {
	uint32_t ordinal;
	struct root *root;
};

struct root_set {
	struct root_use *items;
	size_t n;
};

/* Prepares all folders of c: those that `have` (may be NULL) has and that are still the same
 * folder are shared. folder: RUN/roots, or NULL to use the paths as they are. 0, or -1 with e
 * filled (ordinal of the route); then nothing new is left mounted. */
int roots_prepare(const struct conf *c, const char *folder, const struct root_set *have,
	struct root_set *ret, struct err *e);
/* Unmounts what no other set shares. */
void roots_clear(struct root_set *set);
/* Unmounts and removes whatever is below the folder and the one for writable ones: what a killed
 * daemon left. */
void roots_sweep(const char *folder);
/* The one for writable ones that belongs to the folder, in fresh memory; NULL when that is short.
 */
char *roots_store_folder(const char *folder);
/* Creates both. 0 or -1 with e filled. */
int roots_make_folders(const char *folder, struct err *e);
/* Removes both, when they are empty. */
void roots_remove_folders(const char *folder);

#endif
