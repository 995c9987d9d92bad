/*
 * STATE/addresses: which address `address auto` gave to which container, so that it has the same
 * one after a reload, a restart, a reboot, and wherever its block stands in the file. Pure: text
 * in, text out. One line a container: NAME IPV4|- IPV6|- LEFT, where LEFT is when the name went out
 * of the file (seconds since 1970; 0: it is in it).
 */
#ifndef DAEMON_ADDRESS_BOOK_H
#define DAEMON_ADDRESS_BOOK_H

#include "conf/conf.h"
#include "core/buf.h"

#define ADDRESS_BOOK_MAX ((size_t)8 * 1024 * 1024) /* bytes of the text */

struct address_entry {
	char name[CONF_NAME_MAX + 1];
	struct addr v4, v6; /* family 0: none */
	uint64_t left_s;
};

struct address_book {
	struct address_entry **v; /* each stays where it is until it is removed */
	size_t n, cap;
	struct map *names; /* name -> entry */
};

/* 0, or -1: memory is short. */
int address_book_init(struct address_book *b);
void address_book_clear(struct address_book *b);
/* The entry of that name, or NULL. */
struct address_entry *address_book_find(const struct address_book *b, struct slice name);
/* The same; one that is not there is added, without addresses. NULL: memory is short. */
struct address_entry *address_book_get(struct address_book *b, const char *name);
void address_book_remove(struct address_book *b, struct address_entry *entry);
/* Adds what the text says; lines that say nothing sensible are passed over and counted. 0, or -1:
 * memory is short. */
int address_book_parse(struct slice text, struct address_book *b, size_t *ret_bad);
/* Appends the text, which parses back to the same. 0, or -1: it does not fit. */
int address_book_print(const struct address_book *b, struct buf *out);

#endif
