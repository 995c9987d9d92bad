/* OCSP answers as the threads share them, and as they are kept. */
#include "proxy/tls/staple.h"

#include "core/own.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define PACKED_HEAD_SIZE (STAPLE_ID_SIZE + 4) /* the length: 32 bits, little endian */

struct staple *
staple_new(struct slice der, int64_t this_ms, int64_t until_ms)
{
	struct staple *s = malloc(sizeof(*s) + der.n);

	if (!s)
		return NULL;
	atomic_init(&s->refs, 1);
	s->this_ms = this_ms;
	s->until_ms = until_ms;
	s->n = der.n;
	memcpy(s->der, der.p, der.n);
	return s;
}

struct staple *
staple_ref(struct staple *s)
{
	atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
	return s;
}

void
staple_unref(struct staple **s)
{
	struct staple *gone = steal_ptr(s);

	if (gone && atomic_fetch_sub_explicit(&gone->refs, 1, memory_order_acq_rel) == 1)
		free(gone);
}

int
staple_pack(const unsigned char id[static STAPLE_ID_SIZE], struct slice der, struct buf *out)
{
	unsigned char *to = (unsigned char *)buf_reserve(out, PACKED_HEAD_SIZE + der.n);

	if (!to)
		return -1;
	memcpy(to, id, STAPLE_ID_SIZE);
	for (unsigned i = 0; i < 4; i++)
		to[STAPLE_ID_SIZE + i] = (unsigned char)(der.n >> (8 * i));
	memcpy(to + PACKED_HEAD_SIZE, der.p, der.n);
	buf_commit(out, PACKED_HEAD_SIZE + der.n);
	return 0;
}

struct slice
staple_find(struct slice packed, const unsigned char id[static STAPLE_ID_SIZE])
{
	while (packed.n >= PACKED_HEAD_SIZE) {
		const unsigned char *head = (const unsigned char *)packed.p;
		size_t n = 0;

		for (unsigned i = 0; i < 4; i++)
			n |= (size_t)head[STAPLE_ID_SIZE + i] << (8 * i);
		packed = slice_skip(packed, PACKED_HEAD_SIZE);
		if (n > packed.n)
			break;
		if (memcmp(head, id, STAPLE_ID_SIZE) == 0)
			return slice_head(packed, n);
		packed = slice_skip(packed, n);
	}
	return SLICE_LIT("");
}
