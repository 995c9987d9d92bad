/* A table without chains: each head has one place, and who comes later takes it. */
#include "proxy/h2/h2_recall.h"

#include "proxy/h2/h2_head.h"

#include <string.h>

/* Where heads of different answers differ: behind the status line and the date. */
#define SAMPLE_FROM 56
#define SAMPLE_TO 184
#define SAMPLE_STEP 16

/* Only chooses the place, so that it need not be hard to foresee: whoever makes heads meet there
 * makes them be taken apart. Never 0. */
static uint32_t
mark_of(struct slice text)
{
	uint64_t mark = text.n < SAMPLE_TO ? text.n : 0;

	for (size_t at = SAMPLE_FROM; at + sizeof(uint64_t) <= text.n && at < SAMPLE_TO;
		at += SAMPLE_STEP) {
		uint64_t word;

		memcpy(&word, text.p + at, sizeof(word));
		mark = (mark ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	}
	return (uint32_t)(mark >> 32) | 1;
}

static size_t
place_of(uint32_t mark)
{
	return (mark >> 8) % H2_RECALL_SLOTS;
}

const struct h2_recalled *
h2_recall_find(const struct h2_recall *r, struct slice text)
{
	const struct h2_recalled *slot = &r->slots[place_of(mark_of(text))];

	if (slot->n_text == 0 || text.n < slot->n_text ||
		memcmp(text.p, slot->text, slot->n_text) != 0)
		return NULL;
	return slot;
}

/* The same bytes of the kept text. */
static uint8_t *
moved(const uint8_t *p, const char *from, char *to)
{
	return (uint8_t *)to + ((const char *)p - from);
}

static size_t
names_length(const struct h2_parted *as)
{
	size_t n = 0;

	for (size_t i = 0; i < as->n; i++) {
		if (!(as->nv[i].flags & NGHTTP2_NV_FLAG_NO_COPY_NAME))
			n += as->nv[i].namelen;
	}
	return n;
}

static void
keep_fields(struct h2_recalled *slot, struct slice text, const struct h2_parted *as)
{
	uint8_t *name = slot->names;

	for (size_t i = 0; i < as->n; i++) {
		nghttp2_nv *nv = &slot->nv[i];

		*nv = as->nv[i];
		nv->value = moved(nv->value, text.p, slot->text);
		if (nv->flags & NGHTTP2_NV_FLAG_NO_COPY_NAME)
			continue;
		memcpy(name, nv->name, nv->namelen);
		h2_lower_name(name, nv->namelen);
		nv->name = name;
		name += nv->namelen;
	}
}

void
h2_recall_keep(struct h2_recall *r, struct slice text, size_t n_head, const struct h2_parted *as)
{
	uint32_t mark = mark_of(text);
	struct h2_recalled *slot = &r->slots[place_of(mark)];

	if (slot->seen != mark) {
		slot->seen = mark;
		return;
	}
	if (n_head > H2_RECALL_TEXT_MAX || as->n > H2_RECALL_FIELDS_MAX ||
		names_length(as) > H2_RECALL_NAMES_MAX)
		return;
	memcpy(slot->text, text.p, n_head);
	slot->n_text = (uint16_t)n_head;
	slot->parted = (struct h2_parted){slot->nv, as->n, as->status};
	keep_fields(slot, text, as);
}
