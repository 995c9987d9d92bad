/*
 * The words of the configuration language: bytes in, tokens with their places out. The lexer
 * knows blanks, comments, quotes, continuation lines and the four marks of the language, and
 * nothing of directives. Its states are functions, each naming the state that follows; see lex.c.
 * It opens nothing and keeps slices into the caller's text.
 */
#ifndef CONF_LEX_H
#define CONF_LEX_H

#include "core/arena.h"
#include "core/slice.h"

#include <stdbool.h>
#include <stdint.h>

#define LEX_WORD_MAX 4096 /* bytes of one word: a path's PATH_MAX */

enum token_kind {
	TOKEN_NONE,
	TOKEN_WORD,
	TOKEN_ARROW, /* -> */
	TOKEN_OPEN,  /* { */
	TOKEN_CLOSE, /* } */
	TOKEN_END,   /* a newline or ; */
	TOKEN_EOF,
	TOKEN_BAD, /* the rest of its line was skipped */
};

struct word {
	struct slice text; /* quotes and escapes removed */
	uint32_t line, col;
};

struct token {
	enum token_kind kind;
	struct word word; /* the text of WORD; the place of every kind */
	char why[96];     /* BAD: what is wrong */
	bool opens;       /* BAD: the skipped rest of the line ended with a { */
};

struct lex;

/* A state: reads on, perhaps sets l->token, and returns the state that follows. */
struct lex_state {
	struct lex_state (*run)(struct lex *l);
};

struct lex {
	const char *at, *end;
	const char *line_start;
	uint32_t line;
	struct lex_state state;
	struct token token;
	struct arena *arena; /* for words with escapes; the caller's */
};

/* text stays the caller's and must outlive the tokens. Words with escapes live in arena. */
void lex_init(struct lex *l, struct slice text, struct arena *arena);
/* Reads the next token into l->token; after TOKEN_EOF it stays there. */
void lex_next(struct lex *l);
/* Whether only blanks stand before a token of the line that is being read. */
bool lex_first_on_line(const struct lex *l, const struct word *w);

#endif
