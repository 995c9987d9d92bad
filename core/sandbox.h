/*
 * What each role may do once it runs: one row of sandbox_table.h a role: user, capabilities,
 * seccomp allow-list (anything else kills the process). Landlock rules come from the caller,
 * because only it knows the paths. Order: paths resolved, setresuid, capabilities, NO_NEW_PRIVS,
 * Landlock (with what the kernel's ABI has), seccomp; then the first thread.
 *
 * Run by an ordinary user, the user and capability steps are skipped, the rest holds.
 */
#ifndef CORE_SANDBOX_H
#define CORE_SANDBOX_H

#include "core/err.h"
#include "core/role.h"

#include <stdbool.h>
#include <stddef.h>

struct sandbox_path {
	const char *path; /* skipped when it does not exist */
	bool write;       /* may also write and truncate existing files, create and remove */
};

/* The user of a role, or NULL when it keeps the parent's (parent, lxc, helper). */
const char *sandbox_user(enum role role);
/* Checks that every user named in the table exists; the error names the command that creates
 * them. 0 or -1. */
int sandbox_users_check(struct err *e);
/* Enters. For roles without a sandbox (parent, lxc, helper) only what their row says.
 * 0 or -1 with e filled; after -1 the process must end. */
int sandbox_enter(enum role role, const struct sandbox_path *paths, size_t n_paths, struct err *e);
/* `sluiced --probe-sandbox`: in a process of each sandboxed role, tries execve, reading
 * /etc/shadow, a netlink socket the role does not need, and ptrace, each in a process of its
 * own; prints one line "ROLE ATTEMPT refused|ALLOWED how" to stdout. Returns the number of attempts
 * that succeeded (0 = all refused), -1 when the probe itself failed. */
int sandbox_probe(struct err *e);

#endif
