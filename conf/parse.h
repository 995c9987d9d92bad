/*
 * What the parser and the setters share: the parse in progress, the directive at hand, and how
 * errors are reported. Private to conf/.
 */
#ifndef CONF_PARSE_H
#define CONF_PARSE_H

#include "conf/conf.h"
#include "conf/lex.h"
#include "conf/names.h"
#include "conf/schema/schema.h"

/* One directive, as written. */
struct directive {
	const struct schema_row *row;
	const struct word *words;  /* words[0] is the name */
	size_t n;                  /* words before the arrow, the name included */
	const struct word *target; /* words behind the arrow */
	size_t n_target;
	bool has_arrow;
	bool has_block;
	bool first; /* nothing stands in front of it on its line */
	uint32_t ordinal;
	struct word after; /* the place where the directive ends */
};

/* A block that is open. */
struct scope {
	enum context context;
	uint32_t seen[SCHEMA_ROWS_MAX]; /* ordinal of the row's first directive here, or 0 */
	uint32_t ordinal;               /* of the directive whose block it is */
	bool first;                     /* that directive begins its line */
	struct word opened;             /* the place of its { */
};

#define SCOPES_MAX 4 /* top, site, route, and one to spare */

/* A container or certificate that is referred to, to be resolved when all is read. */
enum reference_kind {
	REFERENCE_ROUTE,
	REFERENCE_SERVER,
	REFERENCE_FORWARD,
	REFERENCE_CERTIFICATE,
	REFERENCE_LINK,
	REFERENCE_EGRESS,
};

struct reference {
	enum reference_kind kind;
	size_t site, route, forward; /* where it stands */
	size_t target; /* of the route, by index; of a link (forward): 0 from, 1 to; of what a
			  container (forward) is allowed: the index */
	struct conf_target *server; /* SERVER */
	uint32_t ordinal;
	uint32_t line, col;
};

/* What is known of a directive beyond its place. */
struct trace {
	uint32_t line, col; /* of its first argument, or of its name when there is none */
	bool failed;        /* an error was reported for it */
};

/* A block whose } stands so far left that it may be another block's. */
struct braces_suspect {
	uint32_t ordinal; /* of its directive; 0: none */
	uint32_t line, col;
};

/* A file that is being read; they stand on the C stack, the including one below. */
struct source_file {
	struct source_file *outer;
	uint32_t index; /* into places->files */
	unsigned depth;
	struct lex lex;
	bool held; /* lex.token was looked at and is still to be taken */

	/* for braces.c */
	struct slice text;
	size_t base;  /* p->depth around it */
	bool counted; /* excess is known */
	long excess;  /* { beyond } that no error was reported of */
	struct braces_suspect suspect;
	struct scope closed; /* the one that was closed last, when nothing has come since */
	uint32_t closed_line;
	bool has_closed;
};

struct parse {
	const struct conf_input *in;
	struct conf *conf;
	struct conf_errors *errs;
	uint32_t error_keys[CONF_ERRORS_MAX]; /* ordinal at which each was found: their order */
	bool stopped;                         /* too many errors, or no memory */

	struct conf_places *places;
	struct trace *traces; /* [ordinal - 1] */
	size_t n_traces;
	struct reference *references;
	size_t n_references;

	struct arena *arena; /* words of the directive at hand */
	struct word *words;
	size_t n_words, words_cap;
	struct source_file *file; /* the innermost of those that are open */
	size_t files_included;
	size_t bytes; /* of all files */

	struct scope scopes[SCOPES_MAX];
	size_t depth;                  /* index of the innermost open scope */
	size_t site, route, container; /* those whose block is open */
	size_t target;                 /* of the route, that is being read */

	struct names names;
};

/* The next token of the open file, which stays; and its end. */
const struct token *parse_peek(struct parse *p);
void parse_take(struct parse *p);

/* Reports an error at a word of the open file and returns -1. */
int parse_error(struct parse *p, const struct word *at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Reports an error at the first argument of a directive that was read before. Returns -1. */
int parse_error_ordinal(struct parse *p, uint32_t ordinal, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Reports an error at a place inside a directive that was read before. Returns -1. */
int parse_error_reference(struct parse *p, const struct reference *r, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Reports an error that belongs to no directive, at the start of the first file. Returns -1. */
int parse_error_file(struct parse *p, const char *msg);
/* Gives up for want of memory. Returns -1. */
int parse_no_memory(struct parse *p);
/* The word is more than the directive takes; or begins another one, and the ";" between them is
 * missing. Always -1. */
int parse_surplus(struct parse *p, const struct directive *d, const struct word *w);

/* Puts the errors into the order of the text. */
void parse_sort_errors(struct parse *p);
/* The name of a file by its index. */
const char *parse_file_name(const struct parse *p, uint32_t index);

#define PARSE_WHERE_MAX 320
/* "line 12", or "FILE:12" when that is another file than the one at hand. */
const char *parse_where(const struct parse *p, uint32_t ordinal, uint32_t from_ordinal,
	char out[static PARSE_WHERE_MAX]);
/* An error was reported for this directive; 0 (not written) never failed. */
bool parse_failed(const struct parse *p, uint32_t ordinal);

/* Adds a zeroed element to an array that began as NULL; the address of the array's pointer comes
 * first. NULL (and the parse stopped) when memory is short. */
void *parse_add(struct parse *p, void *array, size_t *n, size_t size);
/* A copy owned by the configuration; NULL (and the parse stopped) when memory is short. */
char *parse_dup(struct parse *p, struct slice s);
/* Refers to a container or certificate at this word. 0 or -1. */
int parse_refer(struct parse *p, enum reference_kind kind, const struct directive *d,
	const struct word *at);

/* For "%.*s" of a word in a message: as much as a reader wants to see. */
#define WORD_SHOWN 100
#define WORD_ARG(w) SLICE_ARG(slice_head((w)->text, WORD_SHOWN))

/* Resolves limits and references and checks whatever needs the whole file; errors are reported. */
void parse_check(struct parse *p);
/* The parts of it that are in check_upstream.c and check_net.c. */
void parse_check_upstreams(struct parse *p);
void parse_check_network(struct parse *p);
void parse_check_bridge(struct parse *p);
/* check_policy.c */
void parse_check_policy(struct parse *p);

#endif
