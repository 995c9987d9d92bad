/*
 * The cache: a map by name, a list by use, and for each watched inode the entries that it is.
 */
#include "proxy/file/file_cache.h"

#include "core/own.h"
#include "proxy/file/mime.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#define FILE_CACHE_PATH_MAX 4096
#define FILE_CACHE_KEY_HEAD (sizeof(uint32_t) + 1) /* the ordinal and the coding */
#define XFS_MAGIC 0x58465342
#define ZFS_MAGIC 0x2fc12fc1

/* An inode that the kernel tells of: a folder, or the entries that are this file. */
struct file_watched {
	int watch;
	bool folder;
	struct list entries; /* file_entry.watched; empty for a folder */
};

/* glibc 2.36 has no openat2. */
int
file_open_beneath(int root, const char *name, int flags, uint64_t resolve)
{
	struct open_how how = {
		.flags = (unsigned)(flags | O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | resolve};

	/* O_PATH bears hardly any other flag. */
	if (flags & O_PATH)
		how.flags = O_PATH | O_CLOEXEC;
	return (int)syscall(SYS_openat2, root, name, &how, sizeof(how));
}

/* --- entries --------------------------------------------------------------------------------- */

void
file_entry_unref(struct file_entry **e)
{
	struct file_entry *gone = steal_ptr(e);

	if (!gone || --gone->refs > 0)
		return;
	close_fd(gone->fd);
	free(gone->content);
	free(gone);
}

static struct slice
file_entry_key(const struct file_entry *e)
{
	return slice_of(e->key, e->n_key);
}

static struct slice
file_watch_key(const int *watch)
{
	return slice_of(watch, sizeof(*watch));
}

static void
file_watched_free(struct file_cache *c, struct file_watched *watched)
{
	(void)map_remove(c->by_watch, file_watch_key(&watched->watch));
	file_watch_remove(&c->watch, watched->watch);
	if (watched->folder)
		c->n_folders--;
	free(watched);
}

/* Takes an entry out, and its watch when no other entry is the same file. */
static void
file_cache_drop(struct file_cache *c, struct file_entry *e)
{
	struct list *others = e->watched.next;
	bool last = !list_empty(&e->watched) && others->next == &e->watched;

	list_remove(&e->watched);
	if (last)
		file_watched_free(c, list_entry(others, struct file_watched, entries));
	(void)map_remove(c->by_name, file_entry_key(e));
	list_remove(&e->lru);
	c->bytes -= e->cost;
	if (e->fd >= 0)
		c->n_open--;
	file_entry_unref(&e);
}

/* Everything goes, and all watches with it. */
static void
file_cache_flush(struct file_cache *c)
{
	size_t cursor = 0;
	struct file_watched *watched;
	struct slice key;

	list_each(node, &c->lru) file_cache_drop(c, list_entry(node, struct file_entry, lru));
	while ((watched = map_next(c->by_watch, &cursor, &key)) != NULL)
		file_watched_free(c, watched);
}

/* Of a changed file its entries go. Of a folder that moved or changed its permissions everything
 * goes: that is rare, and what is below it is not looked for. A number that is not known belongs to
 * a watch that was removed. */
static void
file_cache_on_change(struct file_watch *w, int watch)
{
	struct file_cache *c = list_entry(w, struct file_cache, watch);
	struct file_watched *watched;
	size_t left;

	if (watch == FILE_WATCH_ALL) {
		file_cache_flush(c);
		return;
	}
	watched = map_find(c->by_watch, file_watch_key(&watch));
	if (!watched)
		return;
	if (watched->folder) {
		file_cache_flush(c);
		return;
	}
	left = 0;
	list_each(node, &watched->entries) left++;
	/* The last one frees `watched`. */
	while (left-- > 0)
		file_cache_drop(
			c, list_entry(list_first(&watched->entries), struct file_entry, watched));
}

int
file_cache_init(struct file_cache *c, struct event_base *base, size_t bytes_max)
{
	list_init(&c->lru);
	c->bytes_max = bytes_max;
	c->by_name = map_new();
	c->by_watch = map_new();
	if (!c->by_name || !c->by_watch)
		return -1;
	return file_watch_init(&c->watch, base, file_cache_on_change);
}

void
file_cache_clear(struct file_cache *c)
{
	if (c->by_name && c->by_watch)
		file_cache_flush(c);
	if (c->watch.event)
		file_watch_clear(&c->watch);
	map_free(&c->by_name);
	map_free(&c->by_watch);
}

/* --- finding --------------------------------------------------------------------------------- */

static size_t
file_cache_key(const struct file_place *place, char *key)
{
	size_t n = strlen(place->name);

	if (n == 0 || n > FILE_CACHE_NAME_MAX)
		return 0;
	memcpy(key, &place->root->ordinal, sizeof(place->root->ordinal));
	key[sizeof(place->root->ordinal)] = (char)place->coding;
	memcpy(key + FILE_CACHE_KEY_HEAD, place->name, n);
	return FILE_CACHE_KEY_HEAD + n;
}

#define FILE_CACHE_KEY_MAX (FILE_CACHE_KEY_HEAD + FILE_CACHE_NAME_MAX)

static bool
same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* Whether the entry is what was found: the same inode, unchanged. The time of change of an inode
 * moves with its content, size, permissions and links. */
static bool
file_entry_is(const struct file_entry *e, const struct stat *st)
{
	return e->dev == st->st_dev && e->ino == st->st_ino &&
	       e->facts.size == (uint64_t)st->st_size && same_time(&e->changed, &st->st_ctim);
}

/* Looks the name up, without any link. */
static bool
file_entry_is_there(const struct file_entry *e, const struct file_place *place)
{
	_fd_ int fd = file_open_beneath(place->root->fd, place->name, O_PATH, RESOLVE_NO_SYMLINKS);
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && file_entry_is(e, &st);
}

void
file_cache_note_bytes(struct file_cache *c)
{
	c->polled = false;
}

/* Whether changes were told. Of requests that have come together only the first asks. */
static bool
file_cache_poll(struct file_cache *c)
{
	if (c->polled)
		return false;
	c->polled = true;
	return file_watch_poll(&c->watch);
}

struct file_entry *
file_cache_find(struct file_cache *c, const struct file_place *place, uint64_t now_ms)
{
	char key[FILE_CACHE_KEY_MAX];
	size_t n = file_cache_key(place, key);
	struct file_entry *e;

	if (c->generation != place->generation) {
		file_cache_flush(c);
		c->generation = place->generation;
	}
	e = map_find(c->by_name, slice_of(key, n));
	/* Asked now, not when the loop comes round: who made a change and then sends a request
	 * gets the changed file. */
	if (e && file_cache_poll(c))
		e = map_find(c->by_name, slice_of(key, n));
	if (!e)
		return NULL;
	if (now_ms > e->checked_ms + FILE_CACHE_TRUST_MS) {
		if (!file_entry_is_there(e, place)) {
			file_cache_drop(c, e);
			return NULL;
		}
		e->checked_ms = now_ms;
	}
	list_remove(&e->lru);
	list_prepend(&c->lru, &e->lru);
	e->refs++;
	return e;
}

/* --- taking in ------------------------------------------------------------------------------- */

/* Whether the name was asked for a short while ago. FNV-1a: a collision takes a file in early. */
static bool
file_cache_was_asked(struct file_cache *c, struct slice key)
{
	uint32_t hash = UINT32_C(2166136261);
	uint32_t *slot;

	for (size_t i = 0; i < key.n; i++)
		hash = (hash ^ (unsigned char)key.p[i]) * UINT32_C(16777619);
	slot = &c->asked[hash % FILE_CACHE_ASKED];
	if (*slot == hash)
		return true;
	*slot = hash;
	return false;
}

/* File systems whose every change goes through this kernel, so that it is told. */
static bool
file_system_is_local(int fd)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return false;
	switch ((unsigned long)fs.f_type) {
	case EXT4_SUPER_MAGIC:
	case BTRFS_SUPER_MAGIC:
	case F2FS_SUPER_MAGIC:
	case OVERLAYFS_SUPER_MAGIC:
	case SQUASHFS_MAGIC:
	case TMPFS_MAGIC:
	case XFS_MAGIC:
	case ZFS_MAGIC:
		return true;
	default:
		return false;
	}
}

static struct file_watched *
file_cache_get_watched(struct file_cache *c, int watch, bool folder)
{
	struct file_watched *watched = map_find(c->by_watch, file_watch_key(&watch));

	if (watched)
		return watched;
	watched = calloc(1, sizeof(*watched));
	if (!watched || map_set(c->by_watch, file_watch_key(&watch), watched, NULL) < 0) {
		free(watched);
		file_watch_remove(&c->watch, watch);
		return NULL;
	}
	watched->watch = watch;
	watched->folder = folder;
	list_init(&watched->entries);
	c->n_folders += folder;
	return watched;
}

/* Watches every folder of the path, then the file. NULL: one of them cannot be. */
static struct file_watched *
file_cache_watch(struct file_cache *c, const struct file_place *place)
{
	char path[FILE_CACHE_PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s/%s", place->root->path, place->name);
	char *slash = path + strlen(place->root->path);
	int watch;

	if (n < 0 || n >= FILE_CACHE_PATH_MAX)
		return NULL;
	for (; slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		watch = file_watch_folder(&c->watch, path);
		*slash = '/';
		if (watch < 0 || !file_cache_get_watched(c, watch, true))
			return NULL;
	}
	watch = file_watch_file(&c->watch, path);
	return watch < 0 ? NULL : file_cache_get_watched(c, watch, false);
}

/* Reads the whole content. A file that is being written to comes out short, or is told of. */
static int
file_entry_read(struct file_entry *e, int fd)
{
	size_t n = 0;

	e->content = malloc(e->facts.size ? e->facts.size : 1);
	if (!e->content)
		return -1;
	while (n < e->facts.size) {
		ssize_t got = pread(fd, e->content + n, e->facts.size - n, (off_t)n);

		if (got <= 0)
			return -1;
		n += (size_t)got;
	}
	return 0;
}

void
file_place_facts(const struct file_place *place, const struct stat *st, struct file_facts *ret)
{
	struct slice name = slice_str(place->name);
	size_t ending = name.n;

	/* The content type is that of FILE, not of FILE.br. */
	while (place->coding != CODING_NONE && ending > 0 && name.p[ending - 1] != '.')
		ending--;
	if (place->coding != CODING_NONE && ending > 0)
		name = slice_head(name, ending - 1);
	*ret = (struct file_facts){.size = (uint64_t)st->st_size,
		.mtime = st->st_mtim.tv_sec,
		.mtime_ns = (uint32_t)st->st_mtim.tv_nsec,
		.type = mime_find(name),
		.coding = place->coding,
		.varies = place->varies};
	file_facts_write(ret);
}

struct file_entry *
file_entry_page(char *content, size_t n)
{
	struct file_entry *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	list_init(&e->lru);
	list_init(&e->watched);
	e->refs = 1;
	e->fd = -1;
	e->content = content;
	file_facts_write_page(&e->facts, n);
	return e;
}

static struct file_entry *
file_entry_new(struct slice key, const struct file_place *place, const struct stat *st)
{
	struct file_entry *e = calloc(1, sizeof(*e) + key.n);

	if (!e)
		return NULL;
	list_init(&e->lru);
	list_init(&e->watched);
	e->refs = 1;
	e->fd = -1;
	e->dev = st->st_dev;
	e->ino = st->st_ino;
	e->changed = st->st_ctim;
	file_place_facts(place, st, &e->facts);
	e->n_key = key.n;
	memcpy(e->key, key.p, key.n);
	e->cost = sizeof(*e) + key.n +
		  (e->facts.size <= FILE_CACHE_CONTENT_MAX ? (size_t)e->facts.size : 0);
	return e;
}

/* Makes room by dropping what was used longest ago. */
static void
file_cache_make_room(struct file_cache *c, size_t cost, bool opens)
{
	while (!list_empty(&c->lru) && (map_count(c->by_name) >= FILE_CACHE_ENTRIES_MAX ||
					       c->bytes + cost > c->bytes_max ||
					       (opens && c->n_open >= FILE_CACHE_OPEN_MAX)))
		file_cache_drop(c, list_entry(list_last(&c->lru), struct file_entry, lru));
	if (c->n_folders >= FILE_CACHE_FOLDERS_MAX)
		file_cache_flush(c);
}

/* The watch stands before the file is looked at again, so that no change falls between. A watch
 * without an entry (the name was another file for a moment) is told of and dropped in time. */
static bool
file_cache_take(struct file_cache *c, const struct file_place *place, struct file_entry *e, int fd)
{
	struct file_watched *watched = file_cache_watch(c, place);
	bool content = e->facts.size <= FILE_CACHE_CONTENT_MAX;

	if (!watched || watched->folder)
		return false;
	if (!file_entry_is_there(e, place) || (content && file_entry_read(e, fd) < 0) ||
		map_set(c->by_name, file_entry_key(e), e, NULL) < 0) {
		if (list_empty(&watched->entries))
			file_watched_free(c, watched);
		return false;
	}
	list_append(&watched->entries, &e->watched);
	list_prepend(&c->lru, &e->lru);
	c->bytes += e->cost;
	return true;
}

struct file_entry *
file_cache_add(struct file_cache *c, const struct file_place *place, int fd, const struct stat *st,
	uint64_t now_ms)
{
	char key[FILE_CACHE_KEY_MAX];
	size_t n = file_cache_key(place, key);
	bool opens = st->st_size > FILE_CACHE_CONTENT_MAX;
	struct file_entry *e;

	/* "a//b" is "a/b" again. */
	if (n == 0 || c->watch.fd < 0 || strstr(place->name, "//") || !S_ISREG(st->st_mode) ||
		!file_cache_was_asked(c, slice_of(key, n)) || !file_system_is_local(fd))
		return NULL;
	e = file_entry_new(slice_of(key, n), place, st);
	if (!e)
		return NULL;
	file_cache_make_room(c, e->cost, opens);
	if (e->cost > c->bytes_max || !file_cache_take(c, place, e, fd)) {
		file_entry_unref(&e);
		return NULL;
	}
	e->checked_ms = now_ms;
	if (opens) {
		e->fd = fd;
		c->n_open++;
	} else {
		close_fd(fd);
	}
	e->refs++;
	return e;
}
