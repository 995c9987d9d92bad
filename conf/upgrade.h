/*
 * Which protocols, beside WebSocket, a request may ask its backend to switch to (RFC 9110 section
 * 7.8): at top level, in a site, in a route, the innermost one that says it.
 */
#ifndef CONF_UPGRADE_H
#define CONF_UPGRADE_H

#include "core/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONF_UPGRADES_MAX 8        /* protocols of one directive */
#define CONF_UPGRADE_NAME_MAX 32   /* bytes of one, its version included */
#define CONF_WEBSOCKET "websocket" /* allowed everywhere, and so in no list */

struct conf_upgrade {
	char **protocols; /* as written here: "tcp", "SPDY/3.1" */
	size_t n;         /* 0 where written: `upgrade off` */
	uint32_t ordinal; /* where written, else 0 */
	/* That of the innermost block that writes it; NULL: none does, or it says off. It is in the
	 * same configuration. */
	const struct conf_upgrade *from;
};

/* The protocol that is allowed here by that name, as the file spells it; NULL: none is. Case does
 * not count (RFC 9110 section 7.8). It belongs to the configuration. */
const char *conf_upgrade_find(const struct conf_upgrade *upgrade, struct slice protocol);
bool conf_upgrade_equal(const struct conf_upgrade *a, const struct conf_upgrade *b);
/* Fills in what is effective; outer is NULL for the top level. Neither may move afterwards. */
void conf_upgrade_inherit(struct conf_upgrade *upgrade, const struct conf_upgrade *outer);
void conf_upgrade_clear(struct conf_upgrade *upgrade);

#endif
