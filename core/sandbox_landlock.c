/*
 * Landlock by raw system calls: Debian 12's header and glibc know less than its backported
 * kernels, so what is missing is named here, and what the running kernel lacks is masked out by
 * its ABI version.
 */
#include "core/sandbox_steps.h"
#include "core/own.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* <linux/landlock.h> as of ABI 6. An older kernel ignores the fields that its size leaves out. */
struct ruleset_attr {
	uint64_t handled_access_fs;
	uint64_t handled_access_net; /* ABI 4 */
	uint64_t scoped;             /* ABI 6 */
};

#define FS_ABI_1 ((UINT64_C(1) << 13) - 1)
#define FS_REFER (UINT64_C(1) << 13)     /* ABI 2 */
#define FS_TRUNCATE (UINT64_C(1) << 14)  /* ABI 3 */
#define FS_IOCTL_DEV (UINT64_C(1) << 15) /* ABI 5 */
#define NET_BIND_TCP (UINT64_C(1) << 0)
#define NET_CONNECT_TCP (UINT64_C(1) << 1)
#define SCOPE_ABSTRACT_UNIX_SOCKET (UINT64_C(1) << 0)
#define SCOPE_SIGNAL (UINT64_C(1) << 1)

#define READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define WRITE                                                                                      \
	(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG |                             \
		LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |                     \
		LANDLOCK_ACCESS_FS_REMOVE_DIR | FS_TRUNCATE)
/* The rights that a rule on a file, not a folder, may name. */
#define OF_FILES (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | FS_TRUNCATE)

static uint64_t
handled_access(int abi)
{
	uint64_t fs = FS_ABI_1;

	if (abi >= 2)
		fs |= FS_REFER;
	if (abi >= 3)
		fs |= FS_TRUNCATE;
	if (abi >= 5)
		fs |= FS_IOCTL_DEV;
	return fs;
}

static int
allow_path(int ruleset, const struct sandbox_path *path, uint64_t handled, struct err *e)
{
	_fd_ int fd = open(path->path, O_PATH | O_CLOEXEC);
	struct landlock_path_beneath_attr rule = {.parent_fd = fd};
	struct stat st;

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(e, errno, "%s", path->path);
	rule.allowed_access = (path->write ? READ | WRITE : READ) & handled;
	if (!S_ISDIR(st.st_mode))
		rule.allowed_access &= OF_FILES;
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
		return err_errno(e, errno, "landlock: %s", path->path);
	return 0;
}

#ifdef SLUICE_SANITIZED
/* The folder of log_path=FILE in a sanitizer's options, so that its report can be written. */
static int
allow_reports(int ruleset, const char *variable, uint64_t handled, struct err *e)
{
	const char *options = getenv(variable); /* NOLINT(concurrency-mt-unsafe): no thread yet */
	const char *at = options ? strstr(options, "log_path=") : NULL;
	char folder[PATH_MAX];
	char *slash;

	if (!at)
		return 0;
	at += strlen("log_path=");
	if (strcspn(at, ":") >= sizeof(folder))
		return err_set(e, "%s: log_path is too long", variable);
	memcpy(folder, at, strcspn(at, ":"));
	folder[strcspn(at, ":")] = '\0';
	slash = strrchr(folder, '/');
	if (!slash)
		return 0;
	*slash = '\0';
	return allow_path(ruleset, &(struct sandbox_path){folder, true}, handled, e);
}

/* What sanitizers read for their reports: the process's own maps, and symbols. */
static int
allow_sanitizers(int ruleset, uint64_t handled, struct err *e)
{
	static const char *const readable[] = {"/proc", "/usr", "/lib", "/lib64", "/proc/self/exe"};
	static const char *const variables[] = {
		"ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS"};

	for (size_t i = 0; i < ARRAY_SIZE(readable); i++) {
		struct sandbox_path path = {readable[i], false};

		if (allow_path(ruleset, &path, handled, e) < 0)
			return -1;
	}
	for (size_t i = 0; i < ARRAY_SIZE(variables); i++) {
		if (allow_reports(ruleset, variables[i], handled, e) < 0)
			return -1;
	}
	return 0;
}
#else
static int
allow_sanitizers(int ruleset, uint64_t handled, struct err *e)
{
	(void)ruleset;
	(void)handled;
	(void)e;
	return 0;
}
#endif

int
sandbox_landlock_plan(
	const struct sandbox_path *paths, size_t n_paths, bool may_connect, struct err *e)
{
	int abi =
		(int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	uint64_t handled = handled_access(abi);
	struct ruleset_attr attr = {.handled_access_fs = handled};
	size_t size = abi >= 6 ? sizeof(attr) : offsetof(struct ruleset_attr, scoped);
	_fd_ int ruleset = -1;

	/* Not built in, or not switched on at boot. */
	if (abi < 0)
		return SANDBOX_NO_LANDLOCK;
	if (abi < 4)
		size = offsetof(struct ruleset_attr, handled_access_net);
	else
		attr.handled_access_net = NET_BIND_TCP | (may_connect ? 0 : NET_CONNECT_TCP);
	if (abi >= 6)
		attr.scoped = SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL;
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0);
	if (ruleset < 0)
		return err_errno(e, errno, "landlock: ruleset");
	for (size_t i = 0; i < n_paths; i++) {
		if (allow_path(ruleset, &paths[i], handled, e) < 0)
			return -1;
	}
	if (allow_sanitizers(ruleset, handled, e) < 0)
		return -1;
	return steal_fd(&ruleset);
}

int
sandbox_landlock_commit(int ruleset, struct err *e)
{
	if (syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
		return err_errno(e, errno, "landlock: entering");
	return 0;
}
