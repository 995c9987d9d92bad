/*
 * Which address each container with `address auto` gets. Pure: the configuration, the book of what
 * was given before, and what is known to be taken.
 *
 * A container keeps what the book says while that is an address of the bridge's network which the
 * file gives to nobody else. Otherwise it gets the one of its own LXC configuration (it is
 * adopted, or the book is lost), and otherwise a free one: the search begins at a hash of the name,
 * so that the same names get the same addresses on the next server, too.
 */
#ifndef DAEMON_ADDRESS_PLAN_H
#define DAEMON_ADDRESS_PLAN_H

#include "daemon/address_book.h"

#define ADDRESS_LEFT_S ((uint64_t)24 * 3600) /* a name's address waits so long for its return */
#define ADDRESS_WHERE_MAX 64

/* Addresses that somebody has who is not in the file, or has besides it. */
struct address_holder {
	char name[CONF_NAME_MAX + 1];  /* the container of that configuration; "": see where */
	char where[ADDRESS_WHERE_MAX]; /* of a machine that answers: its MAC address */
	bool several;                  /* more than one configuration has it */
};
struct address_taken {
	struct map *map; /* bytes of struct addr -> struct address_holder */
};

/* 0, or -1: memory is short. */
int address_taken_init(struct address_taken *t);
void address_taken_clear(struct address_taken *t);
/* NULL when nobody has it. */
const struct address_holder *address_taken_find(
	const struct address_taken *t, const struct addr *a);
/* Adds what the LXC configuration of the container says. 0, or -1: memory is short. */
int address_taken_config(struct address_taken *t, struct slice name, struct slice config);
/* A machine with that MAC address answers. 0, or -1. */
int address_taken_answer(struct address_taken *t, const struct addr *a, const char *mac);

/* An address that was picked now, and that nobody may answer for. */
struct address_pick {
	uint32_t container;
	struct addr addr;
};
struct address_picks {
	struct address_pick *v; /* the caller's to free */
	size_t n;
};

/* Brings the book in line with c: every container with `address auto` has an entry with an address
 * for each family that it asks for and the bridge has. Picks that turn out to be taken are added to
 * t by address_taken_answer, and this is called again. now_s: the wall clock. 0, or -1 with e
 * filled (with c's ordinal). ret->v is the caller's in both cases. */
int address_plan(const struct conf *c, struct address_book *b, const struct address_taken *t,
	uint64_t now_s, struct address_picks *ret, struct err *e);
/* Writes the book's addresses into c, which then has no automatic ones any more. */
void address_plan_apply(struct conf *c, const struct address_book *b);
/* Whether any container of c asks for one. */
bool address_plan_needed(const struct conf *c);

#endif
