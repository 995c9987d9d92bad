/*
 * Whether answers are compressed on their way, and how hard: at top level, in a site, in a route,
 * the innermost one that says it.
 */
#ifndef CONF_COMPRESS_H
#define CONF_COMPRESS_H

#include <stdbool.h>
#include <stdint.h>

struct conf_compress {
	bool on;          /* effective */
	uint8_t level;    /* 1 to 9; 0: not written, each coding has its own */
	uint32_t ordinal; /* where written, else 0 */
};

bool conf_compress_equal(const struct conf_compress *a, const struct conf_compress *b);
/* Fills in what is effective; outer is NULL for the top level. */
void conf_compress_inherit(struct conf_compress *compress, const struct conf_compress *outer);

#endif
