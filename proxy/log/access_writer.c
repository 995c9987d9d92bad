/*
 * A queue under a lock that is held for linking only, and one thread that writes. What a write did
 * not take of a chunk is tried again while the descriptor is a pipe that is full; any other failure
 * drops the chunk.
 */
#include "proxy/log/access_writer.h"

#include "core/list.h"
#include "core/log.h"
#include "core/own.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#define BLOCKED_WAIT_MS 100 /* how often to look whether the process ends meanwhile */

struct chunk {
	struct list node;
	struct access_file *file;
	struct buf lines;
};

struct access_writer {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct list chunks; /* with queued and ending: under the lock */
	size_t queued;      /* bytes, those being written included */
	_Atomic bool ending;
	_Atomic uint64_t dropped;
	int left_ms; /* that full pipes get at the end, all together */
	bool failed; /* the last write failed: said once until it works again */
};

struct access_file *
access_file_new(int fd)
{
	struct access_file *f = calloc(1, sizeof(*f));

	if (!f) {
		close_fd(fd);
		return NULL;
	}
	atomic_init(&f->refs, 1);
	f->fd = fd;
	return f;
}

struct access_file *
access_file_ref(struct access_file *f)
{
	atomic_fetch_add_explicit(&f->refs, 1, memory_order_relaxed);
	return f;
}

void
access_file_unref(struct access_file **f)
{
	struct access_file *gone = steal_ptr(f);

	if (!gone || atomic_fetch_sub_explicit(&gone->refs, 1, memory_order_acq_rel) != 1)
		return;
	close_fd(gone->fd);
	free(gone);
}

static void
chunk_free(struct chunk *c)
{
	access_file_unref(&c->file);
	buf_clear(&c->lines);
	free(c);
}

static void
count_dropped(struct access_writer *w, uint64_t lines)
{
	atomic_fetch_add_explicit(&w->dropped, lines, memory_order_relaxed);
}

/* Whether a full pipe has room, or will never have any for us. */
static bool
wait_for_room(struct access_writer *w, int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};

	while (poll(&p, 1, BLOCKED_WAIT_MS) <= 0) {
		if (!atomic_load(&w->ending))
			continue;
		w->left_ms -= BLOCKED_WAIT_MS;
		if (w->left_ms <= 0)
			return false;
	}
	return true;
}

/* 0, or the errno that keeps the rest of the chunk from being written. */
static int
write_all(struct access_writer *w, int fd, struct buf *lines)
{
	while (buf_len(lines) > 0) {
		struct slice left = buf_slice(lines);
		ssize_t n = write(fd, left.p, left.n);

		if (n > 0)
			buf_consume(lines, (size_t)n);
		else if (n < 0 && errno == EAGAIN && wait_for_room(w, fd))
			continue;
		else if (n == 0 || errno != EINTR)
			return n == 0 ? EIO : errno;
	}
	return 0;
}

static uint64_t
count_lines(struct slice s)
{
	uint64_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += s.p[i] == '\n';
	return n;
}

static void
write_chunk(struct access_writer *w, struct chunk *c)
{
	int errnum = write_all(w, c->file->fd, &c->lines);

	if (errnum)
		count_dropped(w, count_lines(buf_slice(&c->lines)));
	if (errnum && !w->failed)
		log_error("access log cannot be written, lines are dropped", kv_i("errno", errnum));
	w->failed = errnum != 0;
}

static struct chunk *
take(struct access_writer *w)
{
	struct list *node;

	pthread_mutex_lock(&w->lock);
	while ((node = list_first(&w->chunks)) == NULL && !atomic_load(&w->ending))
		pthread_cond_wait(&w->wake, &w->lock);
	if (node)
		list_remove(node);
	pthread_mutex_unlock(&w->lock);
	return node ? list_entry(node, struct chunk, node) : NULL;
}

static void *
run(void *arg)
{
	struct access_writer *w = arg;
	struct chunk *c;

	while ((c = take(w)) != NULL) {
		size_t bytes = buf_len(&c->lines);

		write_chunk(w, c);
		chunk_free(c);
		pthread_mutex_lock(&w->lock);
		w->queued -= bytes;
		pthread_mutex_unlock(&w->lock);
	}
	return NULL;
}

struct access_writer *
access_writer_new(struct err *e)
{
	struct access_writer *w = calloc(1, sizeof(*w));
	int error;

	if (!w) {
		err_set(e, "out of memory");
		return NULL;
	}
	list_init(&w->chunks);
	w->left_ms = ACCESS_END_MS;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->wake, NULL);
	error = pthread_create(&w->thread, NULL, run, w);
	if (error == 0) {
		(void)pthread_setname_np(w->thread, "proxy-log");
		return w;
	}
	err_errno(e, error, "cannot start a thread");
	free(w);
	return NULL;
}

void
access_writer_free(struct access_writer **w)
{
	struct access_writer *gone = steal_ptr(w);

	if (!gone)
		return;
	pthread_mutex_lock(&gone->lock);
	atomic_store(&gone->ending, true);
	pthread_cond_signal(&gone->wake);
	pthread_mutex_unlock(&gone->lock);
	pthread_join(gone->thread, NULL);
	pthread_cond_destroy(&gone->wake);
	pthread_mutex_destroy(&gone->lock);
	free(gone);
}

/* Links the chunk. False: too much waits already. */
static bool
link_chunk(struct access_writer *w, struct chunk *c)
{
	size_t bytes = buf_len(&c->lines);
	bool fits;

	pthread_mutex_lock(&w->lock);
	fits = bytes <= ACCESS_QUEUE_MAX - w->queued;
	if (fits) {
		w->queued += bytes;
		list_append(&w->chunks, &c->node);
		pthread_cond_signal(&w->wake);
	}
	pthread_mutex_unlock(&w->lock);
	return fits;
}

void
access_writer_put(
	struct access_writer *w, struct access_file *file, struct buf *lines, uint64_t n_lines)
{
	struct chunk *c = calloc(1, sizeof(*c));

	if (!c) {
		count_dropped(w, n_lines);
		buf_reset(lines);
		return;
	}
	list_init(&c->node);
	c->file = access_file_ref(file);
	c->lines = *lines;
	buf_init(lines, lines->max);
	if (link_chunk(w, c))
		return;
	count_dropped(w, n_lines);
	chunk_free(c);
}

uint64_t
access_writer_dropped(const struct access_writer *w)
{
	return atomic_load_explicit(&w->dropped, memory_order_relaxed);
}
