/*
 * Entering a sandbox: the order of the steps, the users and the capabilities. Nothing here can be
 * undone, and a failure half way leaves the process fit only to end.
 */
#include "core/sandbox.h"
#include "core/log.h"
#include "core/own.h"
#include "core/sandbox_steps.h"
#include "core/sandbox_table.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdint.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <unistd.h>

#define PASSWD_MAX 4096 /* one line of passwd(5) */

enum tcp { TCP_NOTHING, TCP_CONNECT };

struct row {
	const char *user;
	uint64_t caps;
	enum sandbox_list list;
	enum tcp tcp;
};

static const struct row rows[ROLE_COUNT] = {
#define SANDBOX_ROW(role, user, caps, list, tcp, meaning)                                          \
	[ROLE_##role] = {(user), (caps), SANDBOX_LIST_##list, TCP_##tcp},
	SANDBOX_TABLE(SANDBOX_ROW)
#undef SANDBOX_ROW
};

struct identity {
	uid_t uid;
	gid_t gid;
};

const char *
sandbox_user(enum role role)
{
	return rows[role].user;
}

static int
find_user(const char *name, struct identity *ret, struct err *e)
{
	char text[PASSWD_MAX];
	struct passwd entry, *found = NULL;
	int errnum = getpwnam_r(name, &entry, text, sizeof(text), &found);

	if (!found && errnum)
		return err_errno(e, errnum, "user \"%s\"", name);
	if (!found)
		return err_set(e, "user \"%s\" does not exist; `./setup deps` creates it", name);
	/* A row with root for its user would be no sandbox. */
	if (entry.pw_uid == 0 || entry.pw_gid == 0)
		return err_set(e, "user \"%s\" must not be root", name);
	*ret = (struct identity){.uid = entry.pw_uid, .gid = entry.pw_gid};
	return 0;
}

int
sandbox_users_check(struct err *e)
{
	struct identity ignored;

	for (unsigned i = 0; i < ROLE_COUNT; i++) {
		if (rows[i].user && find_user(rows[i].user, &ignored, e) < 0)
			return -1;
	}
	return 0;
}

static int
drop_bounding_set(struct err *e)
{
	for (cap_value_t cap = 0; CAP_IS_SUPPORTED(cap); cap++) {
		if (cap_drop_bound(cap) < 0)
			return err_errno(e, errno, "dropping capability %d", cap);
	}
	return 0;
}

/* Permitted and effective become exactly these; nothing is inheritable. */
static int
set_capabilities(uint64_t keep, struct err *e)
{
	cap_t caps = cap_init();
	int ret = caps ? 0 : -1;

	for (cap_value_t cap = 0; ret == 0 && cap < 64; cap++) {
		if (!(keep >> cap & 1))
			continue;
		ret = cap_set_flag(caps, CAP_PERMITTED, 1, &cap, CAP_SET);
		if (ret == 0)
			ret = cap_set_flag(caps, CAP_EFFECTIVE, 1, &cap, CAP_SET);
	}
	if (ret == 0)
		ret = cap_set_proc(caps);
	if (ret < 0)
		(void)err_errno(e, errno, "setting capabilities");
	(void)cap_free(caps);
	return ret;
}

static int
become_user(const struct row *row, const struct identity *id, struct err *e)
{
	if (drop_bounding_set(e) < 0)
		return -1;
	/* Leaving uid 0 empties the permitted set, unless told otherwise. */
	if (row->caps && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		return err_errno(e, errno, "keeping capabilities");
	if (setgroups(0, NULL) < 0 || setresgid(id->gid, id->gid, id->gid) < 0 ||
		setresuid(id->uid, id->uid, id->uid) < 0)
		return err_errno(e, errno, "becoming user \"%s\"", row->user);
	if (row->caps && prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0)
		return err_errno(e, errno, "keeping capabilities");
	return set_capabilities(row->caps, e);
}

/* No core file and no debugger sees the memory of a sandboxed process. LeakSanitizer is such a
 * debugger; and changing the user has cleared the flag that it needs. */
static int
hide_memory(struct err *e)
{
#ifdef SLUICE_SANITIZED
	const unsigned long dumpable = 1;
#else
	const unsigned long dumpable = 0;
#endif

	if (prctl(PR_SET_DUMPABLE, dumpable, 0, 0, 0) < 0)
		return err_errno(e, errno, "PR_SET_DUMPABLE");
	return 0;
}

static int
enter(const struct row *row, int ruleset, struct err *e)
{
	struct identity id = {0};

	if (geteuid() == 0) {
		if (find_user(row->user, &id, e) < 0 || become_user(row, &id, e) < 0)
			return -1;
	}
	if (hide_memory(e) < 0)
		return -1;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_errno(e, errno, "PR_SET_NO_NEW_PRIVS");
	if (ruleset >= 0 && sandbox_landlock_commit(ruleset, e) < 0)
		return -1;
	return sandbox_seccomp_enter(row->list, e);
}

int
sandbox_enter(enum role role, const struct sandbox_path *paths, size_t n_paths, struct err *e)
{
	const struct row *row = &rows[role];
	_fd_ int ruleset = -1;
	int planned;

	if (row->list == SANDBOX_LIST_NONE)
		return 0;
	planned = sandbox_landlock_plan(paths, n_paths, row->tcp == TCP_CONNECT, e);
	if (planned == SANDBOX_NO_LANDLOCK)
		log_warn("this kernel has no Landlock", kv_s("role", role_name(role)));
	else if (planned < 0)
		return err_prefix(e, "sandbox of %s", role_name(role));
	else
		ruleset = planned;
	if (enter(row, ruleset, e) < 0)
		return err_prefix(e, "sandbox of %s", role_name(role));
	return 0;
}
