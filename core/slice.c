/*
 * What of slices is too long to stand in the header. Everything here is pure; only slice_dup
 * allocates.
 */
#include "core/slice.h"

#include <stdint.h>
#include <stdlib.h>

static unsigned char
lower(char c)
{
	unsigned char u = (unsigned char)c;

	return u >= 'A' && u <= 'Z' ? (unsigned char)(u | 0x20) : u;
}

bool
slice_ieq(struct slice a, struct slice b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++) {
		if (lower(a.p[i]) != lower(b.p[i]))
			return false;
	}
	return true;
}

bool
slice_istarts(struct slice s, struct slice prefix)
{
	return s.n >= prefix.n && slice_ieq(slice_head(s, prefix.n), prefix);
}

char *
slice_dup(struct slice s)
{
	char *copy;

	if (s.n == SIZE_MAX)
		return NULL;
	copy = malloc(s.n + 1);
	if (!copy)
		return NULL;
	if (s.n)
		memcpy(copy, s.p, s.n);
	copy[s.n] = '\0';
	return copy;
}
