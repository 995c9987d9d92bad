/*
 * The lexer. Its states:
 *
 *	file_start -> line_part            a byte order mark is refused here
 *	line_part  -> comment, quoted, plain, line_part, file_end    where a word could start
 *	comment    -> line_part            to the end of the line, never continued
 *	plain      -> line_part            a word, or the arrow
 *	quoted     -> line_part            "a word" with \" and \\ as its escapes
 *	bad        -> line_part            the rest of the line is skipped
 *	file_end   -> file_end
 */
#include "conf/lex.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static struct lex_state file_start(struct lex *l);
static struct lex_state line_part(struct lex *l);
static struct lex_state comment(struct lex *l);
static struct lex_state plain(struct lex *l);
static struct lex_state quoted(struct lex *l);
static struct lex_state file_end(struct lex *l);

#define STATE(function) ((struct lex_state){.run = (function)})

void
lex_init(struct lex *l, struct slice text, struct arena *arena)
{
	*l = (struct lex){
		.at = text.n ? text.p : "",
		.line = 1,
		.state = STATE(file_start),
		.arena = arena,
	};
	l->end = l->at + text.n;
	l->line_start = l->at;
}

void
lex_next(struct lex *l)
{
	l->token.kind = TOKEN_NONE;
	while (l->token.kind == TOKEN_NONE)
		l->state = l->state.run(l);
}

bool
lex_first_on_line(const struct lex *l, const struct word *w)
{
	for (uint32_t i = 0; i + 1 < w->col; i++)
		if (l->line_start[i] != ' ' && l->line_start[i] != '\t')
			return false;
	return true;
}

static bool
at_newline(const struct lex *l, const char *p)
{
	return p < l->end && (*p == '\n' || (*p == '\r' && p + 1 < l->end && p[1] == '\n'));
}

static void
place(const struct lex *l, const char *p, struct word *ret)
{
	ret->line = l->line;
	ret->col = (uint32_t)(p - l->line_start) + 1;
}

static void
emit(struct lex *l, enum token_kind kind, const char *from, struct slice text)
{
	l->token.kind = kind;
	l->token.word.text = text;
	place(l, from, &l->token.word);
}

/* Steps over the newline at l->at. */
static void
next_line(struct lex *l)
{
	l->at += *l->at == '\r' ? 2 : 1;
	l->line_start = l->at;
	l->line++;
}

/* Emits TOKEN_BAD at a byte and skips to the end of the line. */
static struct lex_state
bad(struct lex *l, const char *from, const char *why)
{
	char last = 0;

	emit(l, TOKEN_BAD, from, (struct slice){0});
	(void)snprintf(l->token.why, sizeof(l->token.why), "%s", why);
	for (l->at = from; l->at < l->end && *l->at != '\n'; l->at++)
		if (*l->at != ' ' && *l->at != '\t' && *l->at != '\r')
			last = *l->at;
	l->token.opens = last == '{';
	return STATE(line_part);
}

static struct lex_state
bad_control(struct lex *l, const char *from)
{
	char why[sizeof(l->token.why)];
	unsigned char c = (unsigned char)*from;

	if (c == 0)
		return bad(l, from, "a NUL byte; the file must be text");
	if (c == '\r')
		return bad(l, from,
			"a carriage return that no newline follows; end lines with LF or CR LF");
	(void)snprintf(why, sizeof(why), "control byte 0x%02x; the file must be text", c);
	return bad(l, from, why);
}

static bool
is_control(char c)
{
	unsigned char u = (unsigned char)c;

	return (u < 0x20 && u != '\t' && u != '\n') || u == 0x7f;
}

static bool
ends_word(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ';' || c == '{' ||
	       c == '}' || c == '"';
}

static struct lex_state
file_start(struct lex *l)
{
	size_t n = (size_t)(l->end - l->at);

	if (n >= 3 && memcmp(l->at, "\xef\xbb\xbf", 3) == 0)
		return bad(l, l->at, "a byte order mark; save the file as UTF-8 without one");
	if (n >= 2 && (memcmp(l->at, "\xff\xfe", 2) == 0 || memcmp(l->at, "\xfe\xff", 2) == 0)) {
		(void)bad(l, l->at, "a UTF-16 byte order mark; save the file as UTF-8");
		l->at = l->end;
		l->token.opens = false;
	}
	return STATE(line_part);
}

static struct lex_state
mark(struct lex *l, enum token_kind kind)
{
	emit(l, kind, l->at, slice_of(l->at, 1));
	l->at++;
	return STATE(line_part);
}

static struct lex_state
newline(struct lex *l)
{
	emit(l, TOKEN_END, l->at, (struct slice){0});
	next_line(l);
	return STATE(line_part);
}

static bool
at_continuation(const struct lex *l, const char *p)
{
	return *p == '\\' && (p + 1 == l->end || at_newline(l, p + 1));
}

static struct lex_state
continuation(struct lex *l)
{
	if (l->at + 1 == l->end)
		return bad(l, l->at, "a \\ continues this line, but the file ends here");
	l->at++;
	next_line(l);
	return STATE(line_part);
}

static struct lex_state
line_part(struct lex *l)
{
	while (l->at < l->end && (*l->at == ' ' || *l->at == '\t'))
		l->at++;
	if (l->at == l->end)
		return STATE(file_end);
	if (at_newline(l, l->at))
		return newline(l);
	if (at_continuation(l, l->at))
		return continuation(l);
	switch (*l->at) {
	case '#':
		return STATE(comment);
	case '"':
		return STATE(quoted);
	case ';':
		return mark(l, TOKEN_END);
	case '{':
		return mark(l, TOKEN_OPEN);
	case '}':
		return mark(l, TOKEN_CLOSE);
	default:
		return STATE(plain);
	}
}

static struct lex_state
comment(struct lex *l)
{
	while (l->at < l->end && *l->at != '\n') {
		if (*l->at == '\0' || (*l->at == '\r' && !at_newline(l, l->at)))
			return bad_control(l, l->at);
		l->at++;
	}
	/* A CRLF is seen whole by line_part. */
	if (l->at < l->end && l->at[-1] == '\r')
		l->at--;
	return STATE(line_part);
}

static struct lex_state
plain(struct lex *l)
{
	const char *from = l->at;
	struct slice text;

	while (l->at < l->end && !ends_word(*l->at) && !at_continuation(l, l->at)) {
		if (is_control(*l->at))
			return bad_control(l, l->at);
		l->at++;
	}
	if (l->at < l->end && *l->at == '\r' && !at_newline(l, l->at))
		return bad_control(l, l->at);
	if (l->at < l->end && *l->at == '"')
		return bad(l, l->at, "a quote inside a word; put the whole word in quotes");
	text = slice_of(from, (size_t)(l->at - from));
	if (text.n > LEX_WORD_MAX)
		return bad(l, from, "a word of more than 4096 bytes");
	emit(l, slice_eq_str(text, "->") ? TOKEN_ARROW : TOKEN_WORD, from, text);
	return STATE(line_part);
}

/* Steps to the closing quote of the word that begins at l->at. NULL, or why not. */
static const char *
find_closing_quote(struct lex *l, bool *ret_escapes)
{
	*ret_escapes = false;
	for (l->at++; l->at < l->end && *l->at != '\n' && *l->at != '"'; l->at++) {
		if (*l->at == '\\') {
			if (l->at + 1 == l->end || (l->at[1] != '"' && l->at[1] != '\\'))
				return "unknown escape; only \\\" and \\\\ are escapes in quotes";
			*ret_escapes = true;
			l->at++;
		}
	}
	if (l->at == l->end || *l->at != '"')
		return "the quote is not closed on this line";
	return NULL;
}

/* A copy with the escapes resolved, in the arena; NULL when it is full. */
static const char *
unescape(struct arena *arena, struct slice raw, size_t *ret_n)
{
	char *copy = arena_alloc(arena, raw.n + 1);
	size_t n = 0;

	if (!copy)
		return NULL;
	for (size_t i = 0; i < raw.n; i++) {
		if (raw.p[i] == '\\')
			i++;
		copy[n++] = raw.p[i];
	}
	*ret_n = n;
	return copy;
}

static struct lex_state
quoted(struct lex *l)
{
	const char *from = l->at;
	bool escapes;
	const char *why = find_closing_quote(l, &escapes);
	struct slice text;

	if (why)
		return bad(l, l->at < l->end && *l->at == '\\' ? l->at : from, why);
	text = slice_of(from + 1, (size_t)(l->at - from) - 1);
	l->at++;
	for (size_t i = 0; i < text.n; i++)
		if (is_control(text.p[i]))
			return bad_control(l, text.p + i);
	if (l->at < l->end && !at_continuation(l, l->at) && (!ends_word(*l->at) || *l->at == '"'))
		return bad(l, l->at, "a quoted word must be followed by a blank");
	if (text.n > LEX_WORD_MAX)
		return bad(l, from, "a word of more than 4096 bytes");
	if (escapes) {
		text.p = unescape(l->arena, text, &text.n);
		if (!text.p)
			return bad(l, from, "out of memory");
	}
	emit(l, TOKEN_WORD, from, text);
	return STATE(line_part);
}

static struct lex_state
file_end(struct lex *l)
{
	emit(l, TOKEN_EOF, l->at, (struct slice){0});
	return STATE(file_end);
}
