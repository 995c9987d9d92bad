/* Text in plain arrays, always NUL-terminated, cut where it does not fit. */
#ifndef LXC_TEXT_H
#define LXC_TEXT_H

#include "core/slice.h"

#include <stddef.h>

/* Copies. 0, or -1 when it was cut. */
int text_copy(char *out, size_t size, struct slice s);
/* As snprintf. 0, or -1 when it was cut. */
int text_print(char *out, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* As text_print, behind what is there. */
int text_add(char *out, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif
