/*
 * The configuration file and what it includes, read from disk and parsed. The texts are kept, so
 * that errors can be shown with their line. This is the only place that opens configuration
 * files.
 */
#ifndef DAEMON_LOAD_H
#define DAEMON_LOAD_H

#include "conf/conf.h"
#include "core/buf.h"

#include <sys/types.h>

/* A file as it was read. */
struct load_text {
	char *name;
	char *parent; /* the file that includes it; NULL: the first */
	char *bytes;
	size_t size;
	dev_t device;
	ino_t inode;
};

struct load {
	struct conf *conf;
	struct conf_places *places;
	struct load_text *texts;
	size_t n_texts;
	size_t total; /* bytes of all texts */
};

/* Reads and parses. 0, or -1 with errs->n >= 1; the texts are there in both cases, so that the
 * errors can be printed. ret is to be cleared in both cases. */
int load_file(const char *path, struct load *ret, struct conf_errors *errs);
/* Frees all; may be called twice. */
void load_clear(struct load *l);
/* Gives errors that name their directive its place; one that names a file or folder of the
 * directive, the place of that word. Puts them into the order of the text. */
void load_place_errors(const struct load *l, struct conf_errors *errs);
/* Appends each error with its line and a caret. 0 or -1. */
int load_print_errors(const struct load *l, const struct conf_errors *errs, struct buf *out);
/* Appends each error as "file:line:col: text", one a line. 0 or -1. */
int load_print_lines(const struct conf_errors *errs, struct buf *out);
/* Adds an error behind those that are there, up to CONF_ERRORS_MAX. */
void load_add_error(struct conf_errors *errs, const struct err *e);

#endif
