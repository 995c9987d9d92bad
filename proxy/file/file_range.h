/*
 * The Range field of a request for a file (RFC 9110 section 14.2): which parts of it are sent.
 * Pure. Parts that overlap or touch are made one, so that what is sent is never much more than the
 * file itself; others are what was asked for, however near, since few clients look whether theirs
 * were joined.
 */
#ifndef PROXY_FILE_RANGE_H
#define PROXY_FILE_RANGE_H

#include "core/slice.h"

#include <stdint.h>

#define FILE_RANGES_MAX 16 /* of one request; who wants more gets the whole file */

struct file_part {
	uint64_t start, length; /* length > 0 */
};

enum file_range {
	FILE_RANGE_NONE,    /* malformed, of another unit, or too many: the whole file */
	FILE_RANGE_PARTS,   /* in the order of the request */
	FILE_RANGE_OUTSIDE, /* none of them is in the file */
};

enum file_range file_range_parse(struct slice value, uint64_t size,
	struct file_part ret[static FILE_RANGES_MAX], size_t *ret_n);

#endif
