/*
 * Answers' heads that were taken apart before. Under load the same head is sent again and again, at
 * most its Date changes once a second; to compare 300 bytes costs a tenth of taking them apart. A
 * head is kept when it has come twice in a row, so that heads which never come again, as those with
 * a cookie of their own, cost a look and nothing more. One thread's own.
 */
#ifndef PROXY_H2_RECALL_H
#define PROXY_H2_RECALL_H

#include "core/slice.h"

#include <nghttp2/nghttp2.h>

#define H2_RECALL_SLOTS 16
#define H2_RECALL_TEXT_MAX 512 /* bytes of a head that is kept */
#define H2_RECALL_FIELDS_MAX 16
#define H2_RECALL_NAMES_MAX 256 /* bytes of names that do not live for ever */

/* A head as HPACK takes it. */
struct h2_parted {
	const nghttp2_nv *nv;
	size_t n;
	uint16_t status;
};

struct h2_recalled {
	struct h2_parted parted;
	nghttp2_nv nv[H2_RECALL_FIELDS_MAX]; /* values stand in text, names in lower case */
	uint16_t n_text;                     /* with its empty line; 0: nothing is kept here */
	uint32_t seen;                       /* of the head that came here last */
	char text[H2_RECALL_TEXT_MAX];
	uint8_t names[H2_RECALL_NAMES_MAX];
};

struct h2_recall {
	struct h2_recalled slots[H2_RECALL_SLOTS];
};

/* The head that text begins with, or NULL. It is valid until the next call of h2_recall_keep. */
const struct h2_recalled *h2_recall_find(const struct h2_recall *r, struct slice text);
/* The head of n_head bytes was not found, and is `as`. Values of as->nv stand in text, and
 * names, in any case, but those that live for ever, which are flagged not to be copied. */
void h2_recall_keep(
	struct h2_recall *r, struct slice text, size_t n_head, const struct h2_parted *as);

#endif
