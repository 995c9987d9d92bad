/*
 * What two texts of a table differ in, set by set and chain by chain. Pure. The order of elements
 * does not count, nor the time that an element has left; the order of rules does.
 */
#ifndef ROUTER_TEXT_DIFF_H
#define ROUTER_TEXT_DIFF_H

#include "core/buf.h"
#include "core/err.h"

#include <stdbool.h>

/* Appends the difference: under the first line of each set and chain that differs, "-" and a line
 * that only `wanted` has, "+" and one that only `found` has. Nothing when they say the same;
 * *ret_same tells. 0, or -1 with e filled (memory, or the text's maximum). */
int text_diff(
	struct slice wanted, struct slice found, struct buf *out, bool *ret_same, struct err *e);

#endif
