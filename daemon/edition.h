/*
 * An edition: one generation of the configuration as the parent holds it, its canonical text and
 * everything else that an offer carries, in descriptors, so that a child that is started later gets
 * exactly the same, whatever has become of the files. What two editions share is shared.
 */
#ifndef DAEMON_EDITION_H
#define DAEMON_EDITION_H

#include "conf/conf.h"
#include "daemon/listening.h"
#include "daemon/load.h"
#include "daemon/roots.h"

struct edition_certificate {
	uint32_t ordinal;
	int chain_fd, key_fd; /* sealed */
};

/* Whom a site lets issue its clients' certificates. */
struct edition_client_ca {
	uint32_t ordinal;
	int fd; /* sealed */
};

struct edition_passwords {
	uint32_t ordinal; /* of the first directive that names the file */
	int fd;           /* sealed */
};

/* A sealed file and where it was read from. */
struct edition_file {
	char *path;
	int fd;
};

struct edition {
	uint64_t number;
	struct conf *conf; /* parsed from the canonical text: its ordinals are the children's */
	struct conf_places *places; /* of the user's files */
	uint32_t *source;           /* canonical ordinal → the user's */
	size_t n_source;
	int text_fd; /* sealed */
	struct edition_certificate *certificates;
	size_t n_certificates;
	struct edition_client_ca *client_cas;
	size_t n_client_cas;
	int *page_fds; /* [index into conf.all_pages], sealed */
	size_t n_pages;
	int *authority_fds; /* sealed, in the order of conf.authorities */
	size_t n_authorities;
	struct edition_passwords *passwords;
	size_t n_passwords;
	int *block_list_fds; /* sealed, in the order of conf.blocks.lists */
	size_t n_block_lists;
	struct listening_set listeners;
	struct root_set roots;
	struct edition_file *files; /* all that was sealed, for the program that takes our place */
	size_t n_files;
	bool is_handed;               /* there is nothing in it but what such a program was given */
	const struct edition *handed; /* while it is prepared: that one, or NULL */
	int access_fd;                /* the access log, -1: none */
	uint32_t threads;             /* of the proxy */
};

/* PARSE: takes the file's configuration and places out of l. NULL with e filled. */
struct edition *edition_new(struct load *l, uint64_t number, struct err *e);
/* The same of a canonical text that was handed over (duplicated): places are those of the text. */
struct edition *edition_from_text(int text_fd, uint64_t number, struct err *e);
/* One that has nothing yet. NULL: memory is short. */
struct edition *edition_new_empty(void);
/* PREPARE: binds, reads and mounts what is NEW beside `current` (may be NULL). roots_folder: see
 * roots_prepare. 0, or -1 with e filled (with its place); then free it. */
int edition_prepare(
	struct edition *g, const struct edition *current, const char *roots_folder, struct err *e);
/* Opens the access log (again). 0 or -1 with e filled; the old one stays then. */
int edition_open_access_log(struct edition *g, struct err *e);
/* DROP: gives back all that no other edition shares. */
void edition_free(struct edition **g);
/* Turns e's ordinal of the canonical text into a place in the user's files. */
void edition_place(const struct edition *g, struct err *e);
/* Whether an ordinary user can run this: without bridge, forward and container. 0, or -1 with e
 * filled. */
int edition_check_user(const struct edition *g, struct err *e);
/* Whether this change needs a restart of the daemon: state, lxc-path, threads, control. 0, or -1
 * with e filled. */
int edition_check_change(const struct edition *from, const struct edition *to, struct err *e);

#endif
