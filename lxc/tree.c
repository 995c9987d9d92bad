/* Walks over trees; see tree.h. */
#include "lxc/tree.h"

#include "core/own.h"
#include "lxc/idmap.h"

#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define CAPABILITY_XATTR "security.capability"
#define CAPABILITY_V3_SIZE 24
#define CAPABILITY_V2_SIZE 20
#define CAPABILITY_VERSION_MASK 0xff000000u
#define CAPABILITY_V2 0x02000000u
#define CAPABILITY_V3 0x03000000u
#define ACL_VERSION 2u
#define ACL_HEADER 4u
#define ACL_ENTRY 8u
#define ACL_TAG_USER 0x02u
#define ACL_TAG_GROUP 0x08u
#define ACL_MAX 4096
#define ID_NOBODY 65534u

struct walk {
	const char *top; /* for messages */
	uint32_t start;
	dev_t device;
	unsigned depth;
};

static uint32_t
get_u32(const unsigned char *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

static void
put_u32(unsigned char *p, uint32_t v)
{
	v = htole32(v);
	memcpy(p, &v, sizeof(v));
}

uint32_t
tree_shift_id(uint32_t id, uint32_t start)
{
	if (id >= start && id - start < IDMAP_SIZE)
		return id;
	return start + (id < IDMAP_SIZE ? id : ID_NOBODY);
}

size_t
tree_shift_capability(
	const unsigned char *value, size_t size, uint32_t start, unsigned char ret[static 24])
{
	uint32_t version;

	if (size != CAPABILITY_V2_SIZE && size != CAPABILITY_V3_SIZE)
		return 0;
	version = get_u32(value) & CAPABILITY_VERSION_MASK;
	if (version != (size == CAPABILITY_V2_SIZE ? CAPABILITY_V2 : CAPABILITY_V3))
		return 0;
	memcpy(ret, value, CAPABILITY_V2_SIZE);
	put_u32(ret, (get_u32(value) & ~CAPABILITY_VERSION_MASK) | CAPABILITY_V3);
	put_u32(ret + CAPABILITY_V2_SIZE, start);
	return CAPABILITY_V3_SIZE;
}

/* Header: u32 version. Entry: u16 tag, u16 permissions, u32 id. */
int
tree_shift_acl(unsigned char *value, size_t size, uint32_t start)
{
	if (size < ACL_HEADER || get_u32(value) != ACL_VERSION ||
		(size - ACL_HEADER) % ACL_ENTRY != 0)
		return -1;
	for (size_t at = ACL_HEADER; at < size; at += ACL_ENTRY) {
		unsigned tag = value[at] | (unsigned)value[at + 1] << 8;

		if (tag == ACL_TAG_USER || tag == ACL_TAG_GROUP)
			put_u32(value + at + 4, tree_shift_id(get_u32(value + at + 4), start));
	}
	return 0;
}

/* --- shifting --- */

static int
shift_acl(const char *path, const char *name, uint32_t start)
{
	unsigned char value[ACL_MAX];
	ssize_t n = getxattr(path, name, value, sizeof(value));

	if (n < 0)
		return errno == ENODATA || errno == EOPNOTSUPP ? 0 : -1;
	if (tree_shift_acl(value, (size_t)n, start) < 0)
		return 0;
	return setxattr(path, name, value, (size_t)n, 0);
}

/* chown takes set-user-id bits and capabilities away (chown(2)), so that they are put back. */
static int
shift_object(int fd, const struct stat *st, uint32_t start)
{
	unsigned char old[CAPABILITY_V3_SIZE], new[CAPABILITY_V3_SIZE];
	bool link = S_ISLNK(st->st_mode);
	char path[64];
	ssize_t n = -1;
	size_t size;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (S_ISREG(st->st_mode))
		n = getxattr(path, CAPABILITY_XATTR, old, sizeof(old));
	if (fchownat(fd, "", tree_shift_id(st->st_uid, start), tree_shift_id(st->st_gid, start),
		    AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) < 0)
		return -1;
	if (link)
		return 0;
	if ((st->st_mode & (S_ISUID | S_ISGID)) && chmod(path, st->st_mode & 07777) < 0)
		return -1;
	size = n > 0 ? tree_shift_capability(old, (size_t)n, start, new) : 0;
	if (size > 0 && setxattr(path, CAPABILITY_XATTR, new, size, 0) < 0)
		return -1;
	if (shift_acl(path, "system.posix_acl_access", start) < 0)
		return -1;
	return S_ISDIR(st->st_mode) ? shift_acl(path, "system.posix_acl_default", start) : 0;
}

static bool
is_shifted(const struct stat *st, uint32_t start)
{
	return tree_shift_id(st->st_uid, start) == st->st_uid &&
	       tree_shift_id(st->st_gid, start) == st->st_gid;
}

static int shift_folder(struct walk *w, int dir, struct err *e);

static int
shift_entry(struct walk *w, int dir, const char *name, struct err *e)
{
	_fd_ int fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(e, errno, "%s: %s", w->top, name);
	if (st.st_dev != w->device)
		return 0;
	/* Children first: a folder that is shifted is known to be complete. */
	if (S_ISDIR(st.st_mode)) {
		int inside = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (inside < 0)
			return err_errno(e, errno, "%s: %s", w->top, name);
		if (shift_folder(w, inside, e) < 0)
			return -1;
	}
	if (!is_shifted(&st, w->start) && shift_object(fd, &st, w->start) < 0)
		return err_errno(e, errno, "%s: %s: changing its owner", w->top, name);
	return 0;
}

static bool
is_dots(const char *name)
{
	return !strcmp(name, ".") || !strcmp(name, "..");
}

/* Calls visit for each entry of the folder `dir`, which is closed. */
static int
each_entry(struct walk *w, int dir,
	int (*visit)(struct walk *w, int dir, const char *name, struct err *e), struct err *e)
{
	DIR *d = w->depth < TREE_DEPTH_MAX ? fdopendir(dir) : NULL;
	int ret = 0;

	if (!d) {
		close_fd(dir);
		return err_set(e, "%s: cannot be read, or too deep", w->top);
	}
	w->depth++;
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is our own. */
	for (struct dirent *entry; ret == 0 && (entry = readdir(d));) {
		if (!is_dots(entry->d_name))
			ret = visit(w, dirfd(d), entry->d_name, e);
	}
	w->depth--;
	closedir(d);
	return ret;
}

static int
shift_folder(struct walk *w, int dir, struct err *e)
{
	return each_entry(w, dir, shift_entry, e);
}

int
tree_shift(const char *path, uint32_t start, struct err *e)
{
	struct walk w = {.top = path, .start = start};
	struct stat st;

	if (lstat(path, &st) < 0)
		return err_errno(e, errno, "%s", path);
	w.device = st.st_dev;
	return shift_entry(&w, AT_FDCWD, path, e);
}

/* --- removing --- */

static int
remove_entry(struct walk *w, int dir, const char *name, struct err *e)
{
	_fd_ int inside = -1;
	struct stat st;

	if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return err_errno(e, errno, "%s: removing %s", w->top, name);
	inside = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (inside < 0 || fstat(inside, &st) < 0)
		return err_errno(e, errno, "%s: removing %s", w->top, name);
	if (st.st_dev != w->device)
		return err_set(e, "%s: %s has something mounted on it", w->top, name);
	if (each_entry(w, steal_fd(&inside), remove_entry, e) < 0)
		return -1;
	if (unlinkat(dir, name, AT_REMOVEDIR) < 0)
		return err_errno(e, errno, "%s: removing %s", w->top, name);
	return 0;
}

int
tree_remove(const char *path, struct err *e)
{
	struct walk w = {.top = path};
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : err_errno(e, errno, "%s", path);
	w.device = st.st_dev;
	return remove_entry(&w, AT_FDCWD, path, e);
}
