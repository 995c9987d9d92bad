/*
 * Writing the configuration language: words that are quoted where they must be, lines, blocks,
 * and for each line the ordinal of the directive that it comes from. A writer that has failed
 * (text too large, no memory) swallows what follows, so that only its end is checked. Private to
 * conf/.
 */
#ifndef CONF_WRITE_H
#define CONF_WRITE_H

#include "core/buf.h"

#include <stdbool.h>
#include <stdint.h>

struct writer {
	struct buf *out;
	uint32_t *source; /* [ordinal of the line - 1]: the ordinal it comes from; malloc'd */
	size_t n;
	unsigned depth;
	bool failed;
};

/* Begins the line of a directive, and ends it. */
void writer_begin(struct writer *w, uint32_t ordinal, const char *name);
void writer_end(struct writer *w);
/* Ends the line of a directive by opening its block, and closes that. */
void writer_open(struct writer *w);
void writer_close(struct writer *w);
/* Text as it is. */
void writer_raw(struct writer *w, const char *text);
/* The rest put a blank in front. */
void writer_word(struct writer *w, const char *text);
void writer_number(struct writer *w, uint64_t n);
void writer_size(struct writer *w, uint64_t bytes);
void writer_time(struct writer *w, uint64_t ms);
/* "80" or "80-90", without a blank. */
void writer_ports(struct writer *w, uint16_t low, uint16_t high);
/* Appends a word to any buffer. 0 or -1. */
int writer_append_word(struct buf *out, struct slice s);

#endif
