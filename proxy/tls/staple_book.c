/* The book of OCSP answers. A certificate that stands in the file twice has two entries alike. */
#include "proxy/tls/staple_book.h"

#include "core/log.h"
#include "core/memfd.h"
#include "core/msg.h"
#include "core/own.h"
#include "proxy/tls/ocsp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *
staple_state_word(enum staple_state state)
{
	static const char *const words[] = {
#define STAPLE_STATE_WORD(id, word, meaning) [STAPLE_##id] = (word),
		STAPLE_STATE_TABLE(STAPLE_STATE_WORD)
#undef STAPLE_STATE_WORD
	};

	return words[state];
}

enum staple_state
staple_state_of(const struct conf *c, const struct tls_certificate *of)
{
	struct ocsp_url url;

	if (ocsp_responder(of, 0, &url) < 0)
		return STAPLE_NONE;
	if (c->tls.no_ocsp)
		return STAPLE_OFF;
	return ocsp_issuer(of) ? STAPLE_WAITING : STAPLE_NO_ISSUER;
}

/* A client that knows must-staple refuses the certificate without an answer. */
void
staple_notes(
	enum staple_state state, bool stapled, const struct tls_certificate *of, struct buf *notes)
{
	const char *line_break = buf_len(notes) ? "\n" : "";
	const char *why = NULL;

	switch (state) {
	case STAPLE_OFF:
		why = "and `ocsp off` forbids it";
		break;
	case STAPLE_NONE:
		why = "and names no responder that is reached by http";
		break;
	case STAPLE_NO_ISSUER:
		why = "and its chain file lacks the issuer";
		break;
	case STAPLE_FAILED:
		why = stapled ? NULL : "and there is none";
		break;
	case STAPLE_REVOKED:
		(void)!buf_printf(notes, "%sis revoked, says its OCSP responder", line_break);
		return;
	case STAPLE_WAITING:
	case STAPLE_GOOD:
		break;
	}
	if (why && of->must_staple)
		(void)!buf_printf(
			notes, "%sdemands an OCSP answer (must-staple), %s", line_break, why);
}

int
staple_book_restore(struct staple_book *b, int fd, struct err *e)
{
	memfd_unmap(&b->kept);
	return memfd_map(fd, OCSP_KEPT_MAX, &b->kept, e);
}

static const struct staple_entry *
book_find(
	const struct staple_entry *entries, size_t n, const unsigned char id[static STAPLE_ID_SIZE])
{
	for (size_t i = 0; i < n; i++)
		if (memcmp(entries[i].id, id, STAPLE_ID_SIZE) == 0)
			return &entries[i];
	return NULL;
}

const struct staple_entry *
staple_book_find(const struct staple_book *b, const unsigned char id[static STAPLE_ID_SIZE])
{
	return book_find(b->entries, b->n, id);
}

static struct staple *
book_unpack(const struct staple_book *b, const struct tls_certificate *of, int64_t now_ms)
{
	struct slice der = staple_find(b->kept.bytes, of->id);
	struct ocsp_answer answer;

	if (der.n == 0 || ocsp_judge(of, der, now_ms, &answer) != OCSP_SAYS_GOOD)
		return NULL;
	return staple_new(der, answer.this_ms, answer.until_ms);
}

static void
book_fill(struct staple_book *b, struct staple_entry *to, const struct conf *c,
	const struct tls_certificate *of, int64_t now_ms)
{
	const struct staple_entry *old = book_find(b->entries, b->n, of->id);

	memcpy(to->id, of->id, STAPLE_ID_SIZE);
	to->state = staple_state_of(c, of);
	if (to->state != STAPLE_WAITING)
		return;
	if (old && old->state >= STAPLE_WAITING) {
		*to = *old;
		if (old->staple)
			to->staple = staple_ref(old->staple);
		return;
	}
	to->staple = book_unpack(b, of, now_ms);
	if (to->staple)
		to->state = STAPLE_GOOD;
}

static void
book_free_entries(struct staple_entry *entries, size_t n)
{
	for (size_t i = 0; i < n; i++)
		staple_unref(&entries[i].staple);
	free(entries);
}

void
staple_book_adopt(struct staple_book *b, const struct generation *g, int64_t now_ms)
{
	size_t n = g->conf->n_certificates;
	struct staple_entry *entries = calloc(n + 1, sizeof(*entries));

	/* Without a book the threads would go on with answers of certificates that are gone. */
	if (!entries)
		abort();
	for (size_t i = 0; i < n; i++)
		book_fill(b, &entries[i], g->conf, &g->certificates[i], now_ms);
	book_free_entries(b->entries, b->n);
	b->entries = entries;
	b->n = n;
	memfd_unmap(&b->kept); /* what it had is in use, or of no use */
}

static void
book_update(
	struct staple_entry *of, enum staple_state state, struct staple *staple, const char *why)
{
	of->state = state;
	(void)snprintf(of->why, sizeof(of->why), "%s", why);
	if (state == STAPLE_FAILED)
		return; /* what is there stays until its time is over */
	staple_unref(&of->staple);
	if (staple)
		of->staple = staple_ref(staple);
}

bool
staple_book_set(struct staple_book *b, const unsigned char id[static STAPLE_ID_SIZE],
	enum staple_state state, struct staple *staple, const char *why)
{
	bool found = false;

	for (size_t i = 0; i < b->n; i++) {
		if (memcmp(b->entries[i].id, id, STAPLE_ID_SIZE) != 0)
			continue;
		book_update(&b->entries[i], state, staple, why);
		found = true;
	}
	staple_unref(&staple);
	return found;
}

static uint32_t
book_pack(const struct staple_book *b, struct buf *out)
{
	uint32_t n = 0;

	for (size_t i = 0; i < b->n; i++) {
		const struct staple_entry *of = &b->entries[i];

		if (of->staple && book_find(b->entries, i, of->id) == NULL)
			n += staple_pack(of->id, staple_der(of->staple), out) == 0;
	}
	return n;
}

void
staple_book_send(const struct staple_book *b, struct chan *to)
{
	_cleanup_(buf_clear) struct buf packed;
	_fd_ int fd = -1;
	struct msg_out m;
	struct err e = {0};
	uint32_t n;

	buf_init(&packed, OCSP_KEPT_MAX);
	n = book_pack(b, &packed);
	fd = memfd_new("ocsp-answers", buf_slice(&packed), &e);
	if (fd < 0 || msg_out_init(&m, MSG_OCSP_ANSWERS, ROLE_PARENT) < 0) {
		log_err("OCSP answers cannot be kept", &e);
		return;
	}
	msg_put_u32(&m, n);
	msg_put_fd(&m, fd);
	(void)chan_send(to, &m);
}

void
staple_book_clear(struct staple_book *b)
{
	book_free_entries(b->entries, b->n);
	memfd_unmap(&b->kept);
	*b = (struct staple_book){0};
}
