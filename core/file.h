/*
 * Whole small files: read with a maximum, written so that a crash leaves the old one or the new
 * one, never half of either.
 */
#ifndef CORE_FILE_H
#define CORE_FILE_H

#include "core/buf.h"
#include "core/err.h"

#include <sys/types.h>

/* Appends the file's bytes to b (b->max bounds it). Regular files, and /proc. 0 or -1. */
int file_read(const char *path, struct buf *b, struct err *e);
/* The same for an open descriptor, from its current offset. */
int file_read_fd(int fd, const char *name, struct buf *b, struct err *e);
/* Writes path.tmp beside it, fsync, rename, fsync of the folder. 0 or -1. */
int file_write_atomic(const char *path, struct slice bytes, mode_t mode, struct err *e);
/* mkdir -p with this mode for what is missing. 0 or -1. */
int file_mkdirs(const char *path, mode_t mode, struct err *e);
/* One write(2) to an existing file, no create, no truncate: for /proc/sys and /sys. 0 or -1. */
int file_poke(const char *path, const char *text, struct err *e);
/* Sets O_CLOEXEC and O_NONBLOCK on fd. 0 or -1. */
int fd_prepare(int fd, struct err *e);

#endif
