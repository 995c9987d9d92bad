/* Files of the disk tier. */
#include "proxy/cache/cache_disk_file.h"

#include "core/own.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#define NAME_MAX_LEN 32 /* "0123456789abcdef.seg" */
#define SUFFIX ".seg"

/* --- life ------------------------------------------------------------------------------------ */

void
disk_folder_init(struct disk_folder *f)
{
	*f = (struct disk_folder){.fd = -1, .lock_fd = -1};
	list_init(&f->segments);
	buf_init(&f->footer, DISK_FOOTER_MAX);
	buf_init(&f->meta, DISK_META_MAX);
}

uint64_t
disk_segment_size(uint64_t budget)
{
	uint64_t size = budget / DISK_SEGMENT_SHARE;

	if (size < DISK_SEGMENT_MIN)
		return DISK_SEGMENT_MIN;
	return size < DISK_SEGMENT_MAX ? size : DISK_SEGMENT_MAX;
}

int
disk_folder_open(struct disk_folder *f, int at, struct err *e)
{
	_fd_ int fd = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_fd_ int lock =
		fd < 0 ? -1 : openat(fd, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (lock < 0)
		return err_errno(e, errno, "the folder cannot be opened for writing");
	if (flock(lock, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? 1 : err_errno(e, errno, "it cannot be locked");
	f->fd = steal_fd(&fd);
	f->lock_fd = steal_fd(&lock);
	f->bytes = f->n_segments = 0;
	f->last_number = f->last_serial = 0;
	f->unsynced = false;
	return 0;
}

static void
forget_segment(struct disk_folder *f, struct disk_segment *s)
{
	if (f->active == s) {
		f->active = NULL;
		buf_reset(&f->footer);
	}
	list_remove(&s->node);
	f->n_segments--;
	f->bytes -= s->bytes;
	disk_segment_unref(&s);
}

void
disk_folder_close(struct disk_folder *f)
{
	if (f->fd >= 0)
		disk_folder_seal(f);
	list_each(node, &f->segments)
		forget_segment(f, list_entry(node, struct disk_segment, node));
	buf_clear(&f->footer);
	buf_clear(&f->meta);
	f->lock_fd = close_fd(f->lock_fd);
	f->fd = close_fd(f->fd);
}

/* --- segments -------------------------------------------------------------------------------- */

static const char *
segment_name(uint64_t number, char text[static NAME_MAX_LEN])
{
	(void)snprintf(text, NAME_MAX_LEN, "%016" PRIx64 SUFFIX, number);
	return text;
}

static struct disk_segment *
segment_new(const struct disk_segment_head *head, int fd, uint64_t bytes)
{
	struct disk_segment *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	list_init(&s->node);
	list_init(&s->entries);
	atomic_init(&s->refs, 1);
	s->fd = fd;
	s->number = head->number;
	s->key = head->key;
	s->bytes = bytes;
	return s;
}

/* Into the list, which is in the order of numbers. */
static void
segment_enter(struct disk_folder *f, struct disk_segment *s)
{
	struct list *at = f->segments.prev;

	while (at != &f->segments && list_entry(at, struct disk_segment, node)->number > s->number)
		at = at->prev;
	list_append(at->next, &s->node);
	f->n_segments++;
	f->bytes += s->bytes;
	if (s->number > f->last_number)
		f->last_number = s->number;
}

/* A new active segment. 0 or -1 with errno. */
static int
segment_create(struct disk_folder *f)
{
	struct disk_segment_head head = {.number = f->last_number + 1};
	unsigned char bytes[DISK_SEGMENT_HEAD];
	char name[NAME_MAX_LEN];
	struct disk_segment *s;
	_fd_ int fd = -1;

	if (siphash_key_new(&head.key) < 0)
		return -1;
	disk_segment_head_write(&head, bytes);
	fd = openat(f->fd, segment_name(head.number, name),
		O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -1;
	if (pwrite(fd, bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes)) {
		(void)unlinkat(f->fd, name, 0);
		errno = ENOSPC;
		return -1;
	}
	s = segment_new(&head, fd, sizeof(bytes));
	if (!s)
		return -1;
	fd = -1;
	segment_enter(f, s);
	f->active = s;
	buf_reset(&f->footer);
	return 0;
}

void
disk_folder_seal(struct disk_folder *f)
{
	struct disk_segment *s = steal_ptr(&f->active);
	struct slice footer;

	if (!s)
		return;
	if (f->unsynced && fdatasync(s->fd) == 0)
		f->unsynced = false;
	if (disk_footer_end(&s->key, &f->footer) == 0) {
		footer = buf_slice(&f->footer);
		if (pwrite(s->fd, footer.p, footer.n, (off_t)s->bytes) == (ssize_t)footer.n) {
			s->bytes += footer.n;
			f->bytes += footer.n;
		} else {
			(void)ftruncate(s->fd, (off_t)s->bytes);
		}
	}
	buf_reset(&f->footer);
}

int
disk_folder_reopen(struct disk_folder *f, uint64_t end, struct buf *footer)
{
	struct list *last = list_last(&f->segments);
	struct disk_segment *s = last ? list_entry(last, struct disk_segment, node) : NULL;

	if (!s || end > s->bytes || ftruncate(s->fd, (off_t)end) < 0)
		return -1;
	f->bytes -= s->bytes - end;
	s->bytes = end;
	buf_clear(&f->footer);
	f->footer = *footer;
	buf_init(footer, DISK_FOOTER_MAX);
	f->active = s;
	return 0;
}

int
disk_folder_remove(struct disk_folder *f, struct disk_segment *s)
{
	char name[NAME_MAX_LEN];
	int rc = unlinkat(f->fd, segment_name(s->number, name), 0);

	/* A folder that the parent has unmounted is out of Landlock's reach, what is open is not.
	 * An empty file is none, and goes when the folder is used again. */
	if (rc < 0 && errno != ENOENT && ftruncate(s->fd, 0) < 0)
		return -1;
	forget_segment(f, s);
	return 0;
}

/* --- what is there --------------------------------------------------------------------------- */

static bool
is_segment_name(const char *name)
{
	size_t digits = strspn(name, "0123456789abcdef");

	return digits == 16 && strcmp(name + digits, SUFFIX) == 0;
}

/* One file. What has no head was created in the last moment before a crash. 0 or -1. */
static int
list_one(struct disk_folder *f, const char *name)
{
	_fd_ int fd = openat(f->fd, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	char bytes[DISK_SEGMENT_HEAD], right[NAME_MAX_LEN];
	struct disk_segment_head head;
	struct disk_segment *s;
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return 0;
	n = pread(fd, bytes, sizeof(bytes), 0);
	if (n < 0)
		return -1;
	if (disk_segment_head_read(slice_of(bytes, (size_t)n), &head) < 0 ||
		strcmp(name, segment_name(head.number, right)) != 0)
		return unlinkat(f->fd, name, 0);
	s = segment_new(&head, fd, (uint64_t)st.st_size);
	if (!s)
		return -1;
	fd = -1;
	segment_enter(f, s);
	return 0;
}

int
disk_folder_list(struct disk_folder *f, struct err *e)
{
	int copy = openat(f->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	const struct dirent *d;
	int rc = 0;

	if (!dir) {
		close_fd(copy);
		return err_errno(e, errno, "the folder cannot be read");
	}
	while (rc == 0 && (d = readdir(dir)) != NULL) /* NOLINT(concurrency-mt-unsafe): its own */
		if (is_segment_name(d->d_name))
			rc = list_one(f, d->d_name);
	if (rc < 0)
		(void)err_errno(e, errno, "a file cannot be read");
	closedir(dir);
	return rc;
}

int
disk_folder_room(const struct disk_folder *f, uint64_t *ret_free, uint64_t *ret_size)
{
	struct statvfs st;

	if (fstatvfs(f->fd, &st) < 0)
		return -1;
	*ret_free = (uint64_t)st.f_bavail * st.f_frsize;
	*ret_size = (uint64_t)st.f_blocks * st.f_frsize;
	return 0;
}

int
disk_folder_sync(struct disk_folder *f)
{
	f->unsynced = false;
	if (f->active && fdatasync(f->active->fd) < 0)
		return -1;
	return fsync(f->fd);
}

/* --- records --------------------------------------------------------------------------------- */

/* 0 or -1 with errno: then nothing of it counts. */
static int
write_both(int fd, struct slice meta, struct slice body, uint64_t at)
{
	while (meta.n + body.n > 0) {
		const struct iovec parts[] = {
			{.iov_base = (void *)(uintptr_t)meta.p, .iov_len = meta.n},
			{.iov_base = (void *)(uintptr_t)body.p, .iov_len = body.n}};
		ssize_t n = pwritev(fd, parts, 2, (off_t)at);
		size_t of_meta;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		at += (size_t)n;
		of_meta = (size_t)n < meta.n ? (size_t)n : meta.n;
		meta = slice_skip(meta, of_meta);
		body = slice_skip(body, (size_t)n - of_meta);
	}
	return 0;
}

/* An active segment that has room. 0 or -1 with errno. */
static int
make_room(struct disk_folder *f, const struct disk_extent *extent)
{
	struct disk_segment *s = f->active;

	if (s && s->bytes > DISK_SEGMENT_HEAD &&
		(s->bytes + extent->meta + extent->body + buf_len(&f->footer) > f->segment_max ||
			buf_room(&f->footer) < extent->meta + DISK_TAIL + DISK_SUM))
		disk_folder_seal(f);
	return f->active ? 0 : segment_create(f);
}

int
disk_folder_append(struct disk_folder *f, const struct disk_record *r, struct slice body,
	struct disk_place *ret, int *ret_errno)
{
	struct disk_record numbered = *r;
	struct disk_extent extent;
	struct disk_segment *s;
	size_t entries;

	if (r->serial == 0)
		numbered.serial = ++f->last_serial;
	disk_record_extent(r, &extent);
	buf_reset(&f->meta);
	*ret_errno = ENOMEM;
	if (make_room(f, &extent) < 0) {
		*ret_errno = errno;
		return -1;
	}
	s = f->active;
	entries = f->footer.end;
	if (disk_record_write(&s->key, &numbered, body, &f->meta) < 0 ||
		disk_entry_write(&numbered, s->bytes, &f->footer) < 0)
		return -1;
	if (write_both(s->fd, buf_slice(&f->meta), body, s->bytes) < 0) {
		*ret_errno = errno;
		f->footer.end = entries; /* it lists what is there */
		(void)ftruncate(s->fd, (off_t)s->bytes);
		return -1;
	}
	*ret = (struct disk_place){
		.segment = s, .serial = numbered.serial, .offset = s->bytes, .meta_n = extent.meta};
	s->bytes += extent.meta + extent.body;
	f->bytes += extent.meta + extent.body;
	return 0;
}

/* 0, 1 when the file ends before, -1 with errno. */
static int
read_both(int fd, struct slice meta, struct slice body, uint64_t at)
{
	while (meta.n + body.n > 0) {
		const struct iovec parts[] = {
			{.iov_base = (void *)(uintptr_t)meta.p, .iov_len = meta.n},
			{.iov_base = (void *)(uintptr_t)body.p, .iov_len = body.n}};
		ssize_t n = preadv(fd, parts, 2, (off_t)at);
		size_t of_meta;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -1 : 1;
		at += (size_t)n;
		of_meta = (size_t)n < meta.n ? (size_t)n : meta.n;
		meta = slice_skip(meta, of_meta);
		body = slice_skip(body, (size_t)n - of_meta);
	}
	return 0;
}

int
disk_file_read(
	const struct disk_found *found, struct buf *meta, char *body, struct disk_record *ret)
{
	const struct siphash_key *key = &found->segment->key;
	struct slice whole = slice_of(body, (size_t)found->body_n);
	char *room;
	int rc;

	buf_reset(meta);
	room = buf_reserve(meta, found->meta_n);
	if (!room)
		return -1;
	rc = read_both(found->segment->fd, slice_of(room, found->meta_n), whole, found->offset);
	if (rc != 0)
		return rc;
	buf_commit(meta, found->meta_n);
	if (disk_record_read(key, buf_slice(meta), ret) < 0 || ret->kind != DISK_ANSWER ||
		ret->serial != found->serial || ret->body_n != found->body_n ||
		!disk_body_is_right(key, buf_slice(meta), whole))
		return 1;
	return 0;
}
