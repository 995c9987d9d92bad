/*
 * A bounded first-in, first-out store of bytes: blocks of memory up to one limit, then an unlinked
 * file up to another. The file has no name at any time, so nothing is left behind however the
 * process ends; it is used as a ring, so that it never grows beyond its limit.
 *
 * With `keep` what was read is kept and can be read again from the beginning.
 */
#ifndef PROXY_SPOOL_H
#define PROXY_SPOOL_H

#include "proxy/conn/block.h"

#include <stdbool.h>
#include <stdint.h>

struct spool_block {
	struct spool_block *next;
	uint32_t start, end; /* what is unread; start is 0 again after spool_rewind */
	char data[];
};

#define SPOOL_BLOCK_BYTES (BLOCK_SIZE - sizeof(struct spool_block))

struct spool {
	struct block_pool *pool;
	int folder; /* where the file is made; -1: nowhere */
	bool keep;
	uint64_t memory_max, file_max;         /* bytes of payload; 0: none */
	struct spool_block *first, *last, *at; /* at: the one that is read; NULL: none has more */
	uint64_t in_memory;                    /* bytes held in blocks */
	int file;                              /* -1: none yet */
	uint64_t file_at, file_end; /* the unread bytes' places, as if the ring had no end */
	char *window;               /* a block with a copy of the file's next bytes, or NULL */
	uint32_t window_start, window_end;
	bool failed; /* the file could not be written: it takes no more */
	int error;   /* errno of its last failure */
};

enum spool_result {
	SPOOL_OK,
	SPOOL_FULL,   /* more than there is room for; nothing was appended */
	SPOOL_FILE,   /* the file cannot be made, written or read: ->error; nothing was appended */
	SPOOL_MEMORY, /* memory is short; the spool is fit to be cleared only */
};

struct spool_limits {
	uint64_t memory, file;
};

/* Allocates nothing. folder stays the caller's, and open as long as the spool is used. */
void spool_init(
	struct spool *s, struct block_pool *pool, int folder, const struct spool_limits *limits);
/* Gives everything back; s may be used again as after spool_init. */
void spool_clear(struct spool *s);

/* How many bytes can be appended now. */
uint64_t spool_room(const struct spool *s);
/* How many bytes were not read yet. */
uint64_t spool_unread(const struct spool *s);
static inline bool
spool_has_file(const struct spool *s)
{
	return s->file >= 0;
}

/* All of the bytes, or none. */
enum spool_result spool_append(struct spool *s, struct slice bytes);
/* The next unread bytes that stand together; empty when there are none. They stay in place until
 * they are consumed. OK, FILE or MEMORY. */
enum spool_result spool_peek(struct spool *s, struct slice *ret);
/* n bytes of what spool_peek gave were read. */
void spool_consume(struct spool *s, size_t n);
/* With keep: everything is unread again. */
void spool_rewind(struct spool *s);
/* Drops what was read; from now on reading drops. */
void spool_stop_keeping(struct spool *s);

#endif
