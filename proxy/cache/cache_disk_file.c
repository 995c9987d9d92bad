/* Files of the disk tier. */
#include "proxy/cache/cache_disk_file.h"

#include "core/own.h"
#include "proxy/cache/cache_far.h"

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
	f->last_number = f->last_serial = f->n_large = 0;
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
	atomic_store(&s->gone, true);
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
	struct disk_segment_head head = {
		.number = (f->last_number / DISK_NUMBER_STEP + 1) * DISK_NUMBER_STEP};
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
	f->n_large = 0;
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

struct disk_segment *
disk_folder_last(struct disk_folder *f)
{
	struct list *at = f->segments.prev;

	while (at != &f->segments &&
		disk_segment_is_large(list_entry(at, struct disk_segment, node)))
		at = at->prev;
	return at == &f->segments ? NULL : list_entry(at, struct disk_segment, node);
}

/* How many numbers before that of the active one are in use. */
static uint64_t
count_large(const struct disk_folder *f, const struct disk_segment *active)
{
	uint64_t below = active->number - DISK_NUMBER_STEP;
	struct list *at = active->node.prev;
	const struct disk_segment *before = list_entry(at, struct disk_segment, node);

	return at != &f->segments && before->number > below ? before->number - below : 0;
}

int
disk_folder_reopen(struct disk_folder *f, uint64_t end, struct buf *footer)
{
	struct disk_segment *s = disk_folder_last(f);

	if (!s || end > s->bytes || ftruncate(s->fd, (off_t)end) < 0)
		return -1;
	f->bytes -= s->bytes - end;
	s->bytes = end;
	buf_clear(&f->footer);
	f->footer = *footer;
	buf_init(footer, DISK_FOOTER_MAX);
	f->active = s;
	f->n_large = count_large(f, s);
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

/* --- large answers --------------------------------------------------------------------------- */

/* A number before that of the active one, which there is then. 0 or -1 with errno. */
static int
large_number(struct disk_folder *f, uint64_t *ret)
{
	if (f->n_large >= DISK_NUMBER_STEP - 1)
		disk_folder_seal(f);
	if (!f->active && segment_create(f) < 0)
		return -1;
	*ret = f->active->number - DISK_NUMBER_STEP + ++f->n_large;
	return 0;
}

int
disk_folder_begin_large(struct disk_folder *f, size_t room, struct disk_segment **ret)
{
	struct disk_segment_head head;
	char name[NAME_MAX_LEN];
	struct disk_segment *s;
	_fd_ int fd = -1;

	if (large_number(f, &head.number) < 0 || siphash_key_new(&head.key) < 0)
		return -1;
	fd = openat(f->fd, segment_name(head.number, name),
		O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -1;
	s = segment_new(&head, fd, DISK_SEGMENT_HEAD + room);
	if (!s) {
		(void)unlinkat(f->fd, name, 0);
		errno = ENOMEM;
		return -1;
	}
	fd = -1;
	s->body_at = s->bytes;
	f->bytes += s->bytes;
	*ret = s;
	return 0;
}

int
disk_folder_add_large(struct disk_folder *f, struct disk_segment *s, struct slice bytes)
{
	if (write_both(s->fd, (struct slice){0}, bytes, s->bytes) < 0)
		return -1;
	s->bytes += bytes.n;
	f->bytes += bytes.n;
	return 0;
}

/* What makes it a segment: the record's head before the body, the footer behind it, and last the
 * segment's head, without which nobody takes it for one. 0 or -1 with errno. */
static int
large_finish(struct disk_folder *f, struct disk_segment *s, const struct disk_record *r,
	struct slice sums, struct buf *footer)
{
	const struct disk_segment_head head = {.number = s->number, .key = s->key};
	unsigned char bytes[DISK_SEGMENT_HEAD];
	uint64_t offset;

	buf_reset(&f->meta);
	errno = ENOMEM;
	if (disk_record_write_sums(&s->key, r, sums, &f->meta) < 0 ||
		buf_len(&f->meta) > s->body_at - DISK_SEGMENT_HEAD)
		return -1;
	offset = s->body_at - buf_len(&f->meta);
	if (disk_entry_write(r, offset, footer) < 0 || disk_footer_end(&s->key, footer) < 0)
		return -1;
	disk_segment_head_write(&head, bytes);
	return write_both(s->fd, buf_slice(&f->meta), (struct slice){0}, offset) < 0 ||
			       write_both(s->fd, buf_slice(footer), (struct slice){0}, s->bytes) <
				       0 ||
			       write_both(s->fd, slice_of((const char *)bytes, sizeof(bytes)),
				       (struct slice){0}, 0) < 0
		       ? -1
		       : 0;
}

int
disk_folder_end_large(struct disk_folder *f, struct disk_segment *s, const struct disk_record *r,
	struct slice sums, struct disk_place *ret, int *ret_errno)
{
	struct disk_record numbered = *r;
	struct buf footer;
	int rc;

	buf_init(&footer, DISK_FOOTER_MAX);
	numbered.serial = ++f->last_serial;
	rc = large_finish(f, s, &numbered, sums, &footer);
	*ret_errno = errno;
	if (rc == 0) {
		*ret = (struct disk_place){.segment = s,
			.serial = numbered.serial,
			.offset = s->body_at - buf_len(&f->meta),
			.meta_n = buf_len(&f->meta)};
		f->bytes -= s->bytes; /* segment_enter counts all of it */
		s->bytes += buf_len(&footer);
		segment_enter(f, disk_segment_ref(s));
	}
	buf_clear(&footer);
	return rc;
}

void
disk_folder_drop_large(struct disk_folder *f, struct disk_segment **s)
{
	struct disk_segment *gone = steal_ptr(s);
	char name[NAME_MAX_LEN];

	atomic_store(&gone->gone, true);
	if (unlinkat(f->fd, segment_name(gone->number, name), 0) < 0)
		(void)ftruncate(gone->fd, 0);
	f->bytes -= gone->bytes;
	disk_segment_unref(&gone);
}

/* --- reading --------------------------------------------------------------------------------- */

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

/* The bytes before the body, and the body's where `whole` has room for it. */
static int
read_record(const struct disk_found *found, struct buf *meta, struct slice whole,
	struct disk_record *ret)
{
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
	return disk_record_read(&found->segment->key, buf_slice(meta), ret) < 0 ||
			       ret->kind != DISK_ANSWER || ret->serial != found->serial ||
			       ret->body_n != found->body_n
		       ? 1
		       : 0;
}

int
disk_file_read(
	const struct disk_found *found, struct buf *meta, char *body, struct disk_record *ret)
{
	struct slice whole = slice_of(body, (size_t)found->body_n);
	int rc = read_record(found, meta, whole, ret);

	if (rc == 0 && !disk_body_is_right(&found->segment->key, buf_slice(meta), whole))
		return 1;
	return rc;
}

int
disk_file_read_head(const struct disk_found *found, struct buf *meta, struct disk_record *ret)
{
	return read_record(found, meta, (struct slice){0}, ret);
}

int
cache_far_read(const struct cache_far *far, uint64_t number, char *to, size_t *ret_n)
{
	const struct disk_found *found = &far->found;
	uint64_t at = number * CACHE_FAR_PIECE;
	size_t n;
	int rc;

	if (at >= found->body_n)
		return 1;
	n = found->body_n - at < CACHE_FAR_PIECE ? (size_t)(found->body_n - at) : CACHE_FAR_PIECE;
	atomic_store_explicit(&found->segment->used, true, memory_order_relaxed);
	rc = read_both(found->segment->fd, slice_of(to, n), (struct slice){0},
		found->offset + found->meta_n + at);
	if (rc == 0 && !disk_chunk_is_right(&found->segment->key, slice_of(far->sums, far->n),
			       number, slice_of(to, n)))
		rc = 1;
	*ret_n = n;
	return rc;
}
