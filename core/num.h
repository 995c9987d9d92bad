/*
 * Numbers from outside: each kind is parsed by one function, with a range; what does not parse
 * is an error, never a default. All return 0 and write *ret, or return -1 and leave it alone.
 */
#ifndef CORE_NUM_H
#define CORE_NUM_H

#include "core/slice.h"

#include <stddef.h>
#include <stdint.h>

/* Decimal digits only: no sign, no blank, no empty text; within [min, max]. */
int num_parse(struct slice s, uint64_t min, uint64_t max, uint64_t *ret);
/* Hexadecimal digits only, 1 to 16 of them. */
int num_parse_hex(struct slice s, uint64_t *ret);
/* A size: digits and optionally K, M or G (powers of 1024, upper case only). Bytes. */
int num_parse_size(struct slice s, uint64_t min, uint64_t max, uint64_t *ret);
/* A time: digits and one of ms, s, m, h, d (lower case only, the unit is mandatory).
 * Milliseconds. */
int num_parse_time(struct slice s, uint64_t min_ms, uint64_t max_ms, uint64_t *ret_ms);
/* A rate: digits, a slash and one of s, m, h, as in 20/s. How often in how many milliseconds. */
int num_parse_rate(struct slice s, uint64_t max, uint64_t *ret_count, uint64_t *ret_period_ms);
/* "6000" or "6000-6010"; 1 to 65535, low <= high. */
int num_parse_ports(struct slice s, uint16_t *ret_low, uint16_t *ret_high);

/* The shortest text that parses back to the same value; out holds at least NUM_TEXT_MAX. */
#define NUM_TEXT_MAX 24
const char *num_print_size(uint64_t bytes, char out[static NUM_TEXT_MAX]);
const char *num_print_rate(uint64_t count, uint64_t period_ms, char out[static NUM_TEXT_MAX]);
const char *num_print_time(uint64_t ms, char out[static NUM_TEXT_MAX]);

#endif
