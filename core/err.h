/*
 * An error as a value: where it happened and what would be right. Functions return 0 or -1 with
 * a filled struct err; it is written only on failure. Nothing is owned: plain arrays, cut with
 * "..." when too long.
 */
#ifndef CORE_ERR_H
#define CORE_ERR_H

#include <stddef.h>
#include <stdint.h>

#define ERR_FILE_MAX 256
#define ERR_MSG_MAX 512

struct err {
	char file[ERR_FILE_MAX]; /* "" when the error is in no file */
	uint32_t line;           /* 1 based, 0 = unknown */
	uint32_t col;            /* bytes, 1 based, 0 = unknown */
	uint32_t ordinal;        /* the directive's number in the canonical text, 0 = unknown */
	char msg[ERR_MSG_MAX];
};

/* Fills e (may be NULL) without a place. Always returns -1. */
int err_set(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* As err_set, with ": " and strerror(errnum) appended. Always returns -1. */
int err_errno(struct err *e, int errnum, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Fills e with a place in a file. Always returns -1. */
int err_at(struct err *e, const char *file, uint32_t line, uint32_t col, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
/* Fills e with the number of the directive at fault. Always returns -1. */
int err_ordinal(struct err *e, uint32_t ordinal, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Puts "CONTEXT: " in front of e's message. Always returns -1. */
int err_prefix(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Writes "file:line:col: msg" (parts that are unknown left out) into out, NUL-terminated. */
void err_print(const struct err *e, char *out, size_t out_size);

#endif
