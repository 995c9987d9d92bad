/*
 * The thread that writes the access log. The loops hand it chunks of whole lines and never wait: a
 * disk that is full or slow, or a pipe that nobody reads, costs lines, which are counted, and
 * nothing else. One a process.
 */
#ifndef PROXY_ACCESS_WRITER_H
#define PROXY_ACCESS_WRITER_H

#include "core/buf.h"
#include "core/err.h"

#include <stdatomic.h>
#include <stdint.h>

#define ACCESS_QUEUE_MAX (4 * 1024 * 1024) /* bytes that wait to be written */
#define ACCESS_END_MS 1000                 /* a pipe that takes nothing gets this at the end */

/* An open log; each chunk for it holds it open. */
struct access_file {
	_Atomic uint32_t refs;
	int fd;
};

struct access_writer;

/* Takes fd over. NULL when memory is short; then fd is closed. */
struct access_file *access_file_new(int fd);
struct access_file *access_file_ref(struct access_file *f);
/* Closes it with the last reference; leaves NULL behind; *f may be NULL. */
void access_file_unref(struct access_file **f);

/* Starts the thread. NULL with e filled. */
struct access_writer *access_writer_new(struct err *e);
/* Writes what waits, as far as it can be written, and ends the thread. Leaves NULL behind; *w may
 * be NULL. */
void access_writer_free(struct access_writer **w);
/* From any thread: takes the n_lines lines over and leaves an empty buffer behind. Dropped and
 * counted when too much waits already. */
void access_writer_put(
	struct access_writer *w, struct access_file *file, struct buf *lines, uint64_t n_lines);
/* Lines that were never written. */
uint64_t access_writer_dropped(const struct access_writer *w);

#endif
