/*
 * What a new configuration keeps of the one that runs, what is new, and what goes: the parts that
 * somebody must open, create or close. Pure; who reloads acts on it.
 */
#ifndef CONF_DIFF_H
#define CONF_DIFF_H

#include "conf/conf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum conf_diff_kind {
	CONF_DIFF_LISTEN,      /* key: one socket's address, "0.0.0.0:80"; index into listens */
	CONF_DIFF_CERTIFICATE, /* key: its name, and " second" for the second of a name */
	CONF_DIFF_ROOT,        /* key: the folder of `dir` routes; index: ordinal of the first */
	CONF_DIFF_CONTAINER,   /* key: its name; index into containers */
	CONF_DIFF_FORWARD,     /* key: "tcp 6000-6010"; index into forwards */
};

enum conf_verdict { CONF_KEEP, CONF_NEW, CONF_DROP };

struct conf_diff_item {
	enum conf_diff_kind kind;
	enum conf_verdict verdict;
	bool changed; /* KEEP, and something else than the key differs (a listener's mode) */
	char *key;
	uint32_t old_index; /* KEEP and DROP */
	uint32_t new_index; /* KEEP and NEW */
	struct addr addr;   /* LISTEN: never of family 0; `listen 80` makes two items */
};

struct conf_diff {
	struct conf_diff_item *items; /* those of the new one in its order, then what goes */
	size_t n;
};

/* Compares; old may be NULL: then all is NEW. NULL when memory is short. */
struct conf_diff *conf_diff_new(const struct conf *old, const struct conf *new);
/* Leaves NULL behind; *d may be NULL. */
void conf_diff_free(struct conf_diff **d);
/* How many of a kind got this verdict. */
size_t conf_diff_count(
	const struct conf_diff *d, enum conf_diff_kind kind, enum conf_verdict verdict);
/* Fills an empty out with what is not as it was, for the log of a reload: "listen 1 new, container
 * 2 changed 1 dropped", or "nothing". 0, or -1 when out is full. */
int conf_diff_print(const struct conf_diff *d, struct buf *out);

#endif
