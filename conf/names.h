/*
 * What is already taken while a file is read: names, hosts, routes, addresses, each to the number
 * that stands for it. Hashed, so that ten thousand routes cost ten thousand look-ups.
 */
#ifndef CONF_NAMES_H
#define CONF_NAMES_H

#include "core/map.h"
#include "core/slice.h"

#include <stdint.h>

enum name_kind {
	NAME_HOST,        /* of a site -> the site directive's ordinal */
	NAME_ROUTE,       /* a prefix, owner: the site's index -> ordinal */
	NAME_ROUTE_EXACT, /* `=`, owner: the site's index -> ordinal */
	NAME_CONTAINER,   /* -> index */
	NAME_CERTIFICATE, /* -> index */
	NAME_MOUNT,       /* a target, owner: the container's index -> ordinal */
	NAME_ADDRESS,     /* of a container -> ordinal of its address directive */
	NAME_KIND_COUNT
};

struct name {
	enum name_kind kind;
	size_t owner; /* 0 where names are one for the whole file */
	struct slice text;
};

struct names {
	struct map *maps[NAME_KIND_COUNT];
};

/* 0, or -1 when memory is short. */
int names_init(struct names *names);
void names_clear(struct names *names);
/* Takes a name for a number. 0; or 1 when it is taken, with the number that has it; or -1 when
 * memory is short. */
int names_take(struct names *names, struct name name, uint32_t number, uint32_t *ret_taken);
/* The number, or -1. */
int64_t names_find(const struct names *names, struct name name);

#endif
