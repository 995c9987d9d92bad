/*
 * Files that are asked for often, one cache a thread: what their heads say and, for those that are
 * not large, their content; so that an answer costs no open, stat, read and close. A file is
 * taken in when it is asked for a second time.
 *
 * Nothing is served from here that is no longer there. Every file and every folder above it is
 * watched (file_watch.h), and the watch is asked before each use; what cannot be watched is not
 * taken in (links in the path, file systems that others change behind the kernel's back, no watch
 * left). Once a second a file that is used is looked up by its name again, for what no watch tells:
 * a mount on top of a folder, a write through a shared mapping.
 */
#ifndef PROXY_FILE_CACHE_H
#define PROXY_FILE_CACHE_H

#include "core/list.h"
#include "core/map.h"
#include "core/slice.h"
#include "proxy/file/file_policy.h"
#include "proxy/file/file_watch.h"
#include "proxy/generation.h"

#include <sys/stat.h>

#define FILE_CACHE_BYTES_MAX (8 * 1024 * 1024) /* of all threads together */
#define FILE_CACHE_ENTRIES_MAX 512             /* of one thread */
#define FILE_CACHE_OPEN_MAX 32                 /* of them with an open descriptor: large files */
#define FILE_CACHE_FOLDERS_MAX 256             /* folders that are watched */
#define FILE_CACHE_CONTENT_MAX (128 * 1024)    /* a larger file's content stays in the kernel */
#define FILE_CACHE_NAME_MAX 512
#define FILE_CACHE_TRUST_MS 1000
#define FILE_CACHE_ASKED 512 /* names that are remembered as asked for once */

/* One file as it was when it was taken in. Whoever holds a reference may go on sending it. */
struct file_entry {
	struct list lru; /* in file_cache.lru while it is in the cache */
	struct list watched;
	unsigned refs;
	int fd;        /* of a file without content here, else -1 */
	char *content; /* facts.size bytes, or NULL */
	struct file_facts facts;
	uint64_t checked_ms;
	size_t cost;
	dev_t dev;
	ino_t ino;
	struct timespec changed;
	size_t n_key;
	char key[];
};

struct file_cache {
	struct file_watch watch;
	struct map *by_name;  /* ordinal of the route, coding and name -> struct file_entry */
	struct map *by_watch; /* number of the watch -> struct file_watched */
	struct list lru;      /* the one used last is first */
	uint64_t generation;  /* whose ordinals the keys hold */
	size_t bytes, bytes_max;
	size_t n_open, n_folders;
	uint32_t asked[FILE_CACHE_ASKED];
	bool polled; /* changes were asked for, and no bytes noted since */
};

/* 0, or -1 when memory is short. The cache must not move afterwards. */
int file_cache_init(struct file_cache *c, struct event_base *base, size_t bytes_max);
/* Entries that are still referred to live on until they are not. */
void file_cache_clear(struct file_cache *c);
/* What of a generation a name belongs to. */
struct file_place {
	uint64_t generation;
	const struct generation_root *root;
	const char *name;   /* below the root, without '/' in front */
	enum coding coding; /* it is FILE.br or the like, in place of FILE; else CODING_NONE */
	bool varies;        /* of its route: see file_facts */
};

/* What there is to say of a file that was found at a place. */
void file_place_facts(
	const struct file_place *place, const struct stat *st, struct file_facts *ret);

/* Bytes are about to come, after the loop woke up, from a client who may have changed a file before
 * it sent them: the next file_cache_find asks for changes. Until the next call all others do
 * without. */
void file_cache_note_bytes(struct file_cache *c);
/* The file that the name is at this moment, with a reference, or NULL: it is not in the cache. */
struct file_entry *file_cache_find(
	struct file_cache *c, const struct file_place *place, uint64_t now_ms);
/* The file was asked for and opened. Takes it in, when it is worth it and can be watched: then
 * returns it with a reference, and fd is the cache's. NULL: it was not, and fd is the caller's. */
struct file_entry *file_cache_add(struct file_cache *c, const struct file_place *place, int fd,
	const struct stat *st, uint64_t now_ms);
/* A page that was made for one answer, as an entry of no cache, with a reference; takes the
 * content, which malloc gave, over. NULL when memory is short: then it is the caller's. */
struct file_entry *file_entry_page(char *content, size_t n);
/* Leaves NULL behind; *e may be NULL. */
void file_entry_unref(struct file_entry **e);
/* Opens a name below a folder and nowhere else, whatever links say. flags: O_PATH, or 0 to read;
 * resolve: RESOLVE_NO_SYMLINKS, or 0. The descriptor, or -1 with errno. */
int file_open_beneath(int root, const char *name, int flags, uint64_t resolve);

#endif
