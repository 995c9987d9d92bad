/*
 * An OCSP answer that handshakes hand out: immutable, counted by reference, shared by the threads.
 * And the form in which all of them are kept by the parent: id, length, DER, one behind the other.
 */
#ifndef PROXY_STAPLE_H
#define PROXY_STAPLE_H

#include "core/buf.h"
#include "core/slice.h"

#include <stdbool.h>
#include <stdint.h>

#define STAPLE_ID_SIZE 32 /* SHA-256 of the certificate */

struct staple {
	_Atomic uint32_t refs;
	int64_t this_ms, until_ms; /* wall */
	size_t n;
	unsigned char der[];
};

/* One reference; NULL when memory is short. */
struct staple *staple_new(struct slice der, int64_t this_ms, int64_t until_ms);
struct staple *staple_ref(struct staple *s);
/* Leaves NULL behind; *s may be NULL. */
void staple_unref(struct staple **s);

static inline struct slice
staple_der(const struct staple *s)
{
	return slice_of(s->der, s->n);
}

/* Appends one. 0, or -1 when there is no room; then nothing was appended. */
int staple_pack(const unsigned char id[static STAPLE_ID_SIZE], struct slice der, struct buf *out);
/* The DER of that id in what was packed; empty: it is not there. Believes nothing of the bytes. */
struct slice staple_find(struct slice packed, const unsigned char id[static STAPLE_ID_SIZE]);

#endif
