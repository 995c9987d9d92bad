/*
 * Bind mounts for `dir` routes and the disk cache, by open_tree(2), mount_setattr(2) and
 * move_mount(2): the copy is made read-only before anybody can see it, submounts included.
 */
#include "daemon/roots.h"

#include "core/file.h"
#include "core/log.h"
#include "core/own.h"
#include "daemon/state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROOT_NUMBER_MAX 100000

static void
unmount(const char *path)
{
	if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 && errno != EINVAL)
		log_warn("cannot unmount a folder", kv_s("path", path),
			kv_s("error", strerrordesc_np(errno)));
	if (rmdir(path) < 0)
		log_warn("cannot remove a folder", kv_s("path", path),
			kv_s("error", strerrordesc_np(errno)));
}

static void
root_unref(struct root **r)
{
	if (*r && --(*r)->refs == 0) {
		if ((*r)->mounted)
			unmount((*r)->path);
		free((*r)->source);
		free((*r)->path);
		free(*r);
	}
	*r = NULL;
}

void
roots_clear(struct root_set *set)
{
	for (size_t i = 0; i < set->n; i++)
		root_unref(&set->items[i].root);
	free(set->items);
	*set = (struct root_set){0};
}

static void
sweep(const char *folder)
{
	DIR *dir = opendir(folder);
	const struct dirent *d;

	while (dir && (d = readdir(dir))) { /* NOLINT(concurrency-mt-unsafe): one thread */
		_free_ char *path = NULL;

		if (d->d_name[0] == '.' || asprintf(&path, "%s/%s", folder, d->d_name) < 0)
			continue;
		unmount(path);
	}
	if (dir)
		closedir(dir);
}

char *
roots_store_folder(const char *folder)
{
	char *path = NULL;

	return asprintf(&path, "%s-rw", folder) < 0 ? NULL : path;
}

void
roots_sweep(const char *folder)
{
	_free_ char *stores = roots_store_folder(folder);

	sweep(folder);
	if (stores)
		sweep(stores);
}

int
roots_make_folders(const char *folder, struct err *e)
{
	_free_ char *stores = roots_store_folder(folder);

	if (!stores)
		return err_set(e, "out of memory");
	return file_mkdirs(folder, 0755, e) < 0 ? -1 : file_mkdirs(stores, 0755, e);
}

void
roots_remove_folders(const char *folder)
{
	_free_ char *stores = roots_store_folder(folder);

	(void)rmdir(folder);
	if (stores)
		(void)rmdir(stores);
}

/* Makes the first RUN/roots/N that does not exist yet. */
static int
make_mount_point(const char *folder, char **ret, struct err *e)
{
	for (unsigned n = 0; n < ROOT_NUMBER_MAX; n++) {
		_free_ char *path = NULL;

		if (asprintf(&path, "%s/%u", folder, n) < 0)
			return err_set(e, "out of memory");
		if (mkdir(path, 0700) == 0) {
			*ret = steal_ptr(&path);
			return 0;
		}
		if (errno != EEXIST)
			return err_errno(e, errno, "cannot create %s", path);
	}
	return err_set(e, "more than %d folders are served", ROOT_NUMBER_MAX);
}

static int
bind_folder(const char *source, const char *target, bool writable, struct err *e)
{
	struct mount_attr attr = {
		.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC |
			    (writable ? 0u : MOUNT_ATTR_RDONLY),
		/* A disk that is read-only now may be remounted. */
		.attr_clr = writable ? MOUNT_ATTR_RDONLY : 0u,
		.propagation = MS_PRIVATE,
	};
	_fd_ int tree =
		open_tree(AT_FDCWD, source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);

	if (tree < 0)
		return err_errno(e, errno, "cannot serve %s", source);
	if (mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr)) < 0)
		return err_errno(e, errno, "cannot make a copy of %s", source);
	if (move_mount(tree, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return err_errno(e, errno, "cannot mount %s on %s", source, target);
	return 0;
}

static int
root_mount(struct root *r, const char *folder, struct err *e)
{
	_free_ char *stores = NULL;

	if (!folder) {
		r->path = strdup(r->source);
		return r->path ? 0 : err_set(e, "out of memory");
	}
	stores = r->writable ? roots_store_folder(folder) : NULL;
	if (r->writable && !stores)
		return err_set(e, "out of memory");
	if (make_mount_point(stores ? stores : folder, &r->path, e) < 0)
		return -1;
	if (bind_folder(r->source, r->path, r->writable, e) < 0) {
		rmdir(r->path);
		return -1;
	}
	r->mounted = true;
	return 0;
}

/* What is to be prepared. */
struct want {
	const char *source;
	bool writable;
	const char *folder; /* see roots_prepare */
	const struct root_set *have;
};

static struct root *
root_new(const struct want *w, const struct stat *st, struct err *e)
{
	struct root *r = calloc(1, sizeof(*r));

	if (!r) {
		err_set(e, "out of memory");
		return NULL;
	}
	r->refs = 1;
	r->device = st->st_dev;
	r->inode = st->st_ino;
	r->writable = w->writable;
	r->source = strdup(w->source);
	if (!r->source)
		err_set(e, "out of memory");
	else if (root_mount(r, w->folder, e) == 0)
		return r;
	root_unref(&r);
	return NULL;
}

/* The same path and still the same folder: one that was replaced on disk gets a new mount. */
static struct root *
find_same(const struct root_set *set, const struct want *w, const struct stat *st)
{
	for (size_t i = 0; set && i < set->n; i++) {
		struct root *r = set->items[i].root;

		if (strcmp(r->source, w->source) == 0 && r->writable == w->writable &&
			r->device == st->st_dev && r->inode == st->st_ino)
			return r;
	}
	return NULL;
}

static int
prepare_one(const struct want *w, struct root_set *set, struct err *e)
{
	struct root *r;
	struct stat st;

	if (stat(w->source, &st) < 0)
		return err_errno(e, errno, "cannot serve %s", w->source);
	if (!S_ISDIR(st.st_mode))
		return err_set(e, "cannot serve %s: not a folder", w->source);
	r = find_same(set, w, &st);
	if (!r)
		r = find_same(w->have, w, &st);
	/* What an ordinary user's proxy may write to is settled when it starts. */
	if (!r && w->writable && !w->folder && w->have)
		return err_set(e, "the folder of the disk cache can't change while a daemon runs "
				  "that is not root's; restart it");
	if (r)
		r->refs++;
	else
		r = root_new(w, &st, e);
	if (!r)
		return -1;
	set->items[set->n++].root = r;
	return 0;
}

static int
prepare_site(const struct conf_site *s, struct want *w, struct root_set *set, struct err *e)
{
	for (size_t i = 0; i < s->n_routes; i++) {
		const struct conf_route *r = &s->routes[i];

		if (r->target.type != CONF_TARGET_DIR)
			continue;
		w->source = r->target.path;
		if (prepare_one(w, set, e) < 0) {
			if (e)
				e->ordinal = r->ordinal;
			return -1;
		}
		set->items[set->n - 1].ordinal = r->ordinal;
	}
	return 0;
}

static int
prepare_store(const struct conf_cache_store *c, struct want *w, struct root_set *set, struct err *e)
{
	if (!c->disk_path)
		return 0;
	w->source = c->disk_path;
	w->writable = true;
	if (state_make_store(c->disk_path, w->folder != NULL, e) == 0 &&
		prepare_one(w, set, e) == 0) {
		set->items[set->n - 1].ordinal = c->disk_ordinal;
		return 0;
	}
	if (e)
		e->ordinal = c->disk_ordinal;
	return -1;
}

static size_t
count_dirs(const struct conf *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n_sites; i++)
		for (size_t k = 0; k < c->sites[i].n_routes; k++)
			n += c->sites[i].routes[k].target.type == CONF_TARGET_DIR;
	return n;
}

int
roots_prepare(const struct conf *c, const char *folder, const struct root_set *have,
	struct root_set *ret, struct err *e)
{
	struct want want = {.folder = folder, .have = have};
	struct root_set set = {0};
	int rc = 0;

	*ret = set;
	set.items = calloc(count_dirs(c) + 2, sizeof(struct root_use));
	if (!set.items)
		return err_set(e, "out of memory");
	for (size_t i = 0; i < c->n_sites && rc == 0; i++)
		rc = prepare_site(&c->sites[i], &want, &set, e);
	if (rc < 0 || prepare_store(&c->cache_store, &want, &set, e) < 0) {
		roots_clear(&set);
		return -1;
	}
	*ret = set;
	return 0;
}
