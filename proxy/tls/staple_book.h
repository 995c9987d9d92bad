/*
 * What is known of each certificate's OCSP answer: the main thread's book, out of which threads,
 * the parent and operators are told.
 */
#ifndef PROXY_STAPLE_BOOK_H
#define PROXY_STAPLE_BOOK_H

#include "conf/conf.h"
#include "core/chan.h"
#include "core/memfd.h"
#include "proxy/generation.h"
#include "proxy/tls/staple.h"

#define STAPLE_WHY_MAX 128

/* X(id, word for operators, meaning) */
#define STAPLE_STATE_TABLE(X)                                                                      \
	X(OFF, "off", "the file says `ocsp off`")                                                  \
	X(NONE, "none", "the certificate names no responder that is reached by http")              \
	X(NO_ISSUER, "no issuer", "the chain file does not hold the issuer")                       \
	X(WAITING, "waiting", "there is no answer yet")                                            \
	X(GOOD, "stapled", "handshakes carry an answer")                                           \
	X(FAILED, "failed", "the last question had no usable answer")                              \
	X(REVOKED, "revoked", "the responder says that the certificate is revoked")

enum staple_state {
#define STAPLE_STATE_ENUM(id, word, meaning) STAPLE_##id,
	STAPLE_STATE_TABLE(STAPLE_STATE_ENUM)
#undef STAPLE_STATE_ENUM
};

struct staple_entry {
	unsigned char id[STAPLE_ID_SIZE];
	enum staple_state state;
	struct staple *staple;    /* NULL: none */
	char why[STAPLE_WHY_MAX]; /* of FAILED */
};

struct staple_book {
	struct staple_entry *entries; /* one a certificate of the generation */
	size_t n;
	struct memfd_map kept; /* what the parent had kept: not believed, only looked into */
};

const char *staple_state_word(enum staple_state state);
/* What is certain before anybody is asked: WAITING means that somebody is to be. */
enum staple_state staple_state_of(const struct conf *c, const struct tls_certificate *of);
/* Appends what an operator should know of a certificate in this state, one a line. */
void staple_notes(
	enum staple_state state, bool stapled, const struct tls_certificate *of, struct buf *notes);

/* Takes what the parent had kept. 0 or -1 with e filled. */
int staple_book_restore(struct staple_book *b, int fd, struct err *e);
/* The certificates of a generation take the place of those before. Answers stay; one that is
 * missing is looked for in what was kept, and believed when it is good at now_ms (wall). */
void staple_book_adopt(struct staple_book *b, const struct generation *g, int64_t now_ms);
/* News of a certificate: takes the reference over. False: it is not in the book any more. */
bool staple_book_set(struct staple_book *b, const unsigned char id[static STAPLE_ID_SIZE],
	enum staple_state state, struct staple *staple, const char *why);
/* The first entry of that certificate, or NULL. */
const struct staple_entry *staple_book_find(
	const struct staple_book *b, const unsigned char id[static STAPLE_ID_SIZE]);
/* Sends the parent all answers to keep; those without room are left out. */
void staple_book_send(const struct staple_book *b, struct chan *to);
void staple_book_clear(struct staple_book *b);

#endif
