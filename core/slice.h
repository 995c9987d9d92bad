/*
 * A slice: bytes with a length, owned by somebody else. Text from outside is always a slice,
 * never a guess about a final NUL.
 */
#ifndef CORE_SLICE_H
#define CORE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct slice {
	const char *p; /* may be NULL only when n is 0 */
	size_t n;
};

/* For printf's "%.*s": SLICE_ARG(s). A slice longer than INT_MAX is cut. */
#define SLICE_ARG(s) (int)((s).n > 0x7fffffff ? 0x7fffffff : (s).n), ((s).p ? (s).p : "")

/* A slice of a string literal. */
#define SLICE_LIT(literal) ((struct slice){.p = "" literal, .n = sizeof(literal) - 1})

/* The slice of a C string; NULL gives the empty slice. */
static inline struct slice
slice_str(const char *s)
{
	return (struct slice){.p = s, .n = s ? strlen(s) : 0};
}

static inline struct slice
slice_of(const void *p, size_t n)
{
	return (struct slice){.p = p, .n = n};
}

/* s without its first n bytes; n beyond the end gives the empty slice at the end. */
static inline struct slice
slice_skip(struct slice s, size_t n)
{
	if (n > s.n)
		n = s.n;
	/* NULL + 0 is undefined in C, and NULL is allowed for the empty slice. */
	return (struct slice){.p = n ? s.p + n : s.p, .n = s.n - n};
}

/* The first n bytes of s; n beyond the end gives all of s. */
static inline struct slice
slice_head(struct slice s, size_t n)
{
	return (struct slice){.p = s.p, .n = n < s.n ? n : s.n};
}

/* Byte for byte equal. */
static inline bool
slice_eq(struct slice a, struct slice b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* Equal but for the case of ASCII letters. */
bool slice_ieq(struct slice a, struct slice b);

static inline bool
slice_eq_str(struct slice a, const char *s)
{
	return slice_eq(a, slice_str(s));
}

static inline bool
slice_starts(struct slice s, struct slice prefix)
{
	return s.n >= prefix.n && slice_eq(slice_head(s, prefix.n), prefix);
}

bool slice_istarts(struct slice s, struct slice prefix);

static inline bool
slice_ends(struct slice s, struct slice suffix)
{
	return s.n >= suffix.n && slice_eq(slice_skip(s, s.n - suffix.n), suffix);
}

/* Index of the first byte c, or s.n when there is none. */
static inline size_t
slice_index(struct slice s, char c)
{
	const char *at = s.n ? memchr(s.p, c, s.n) : NULL;

	return at ? (size_t)(at - s.p) : s.n;
}

/* s without the blanks and tabs (OWS, RFC 9110 section 5.6.3) at both ends. */
static inline struct slice
slice_trim(struct slice s)
{
	while (s.n && (s.p[0] == ' ' || s.p[0] == '\t')) {
		s.p++;
		s.n--;
	}
	while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}
/* A NUL-terminated copy, owned by the caller (free); NULL when memory is short. */
char *slice_dup(struct slice s);

#endif
