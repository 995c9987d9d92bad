/*
 * Access by address: the rules of `access`, pure. The first rule that matches decides; a client
 * that none matches is treated unlike the last rule, so a list of allows keeps everyone else out
 * and a list of denies lets everyone else in.
 */
#ifndef PROXY_ACCESS_H
#define PROXY_ACCESS_H

#include "conf/guard.h"

/* Whether the client may come in. Allocates nothing; linear in the rules of the block. */
bool access_allowed(const struct conf_guard *guard, const struct addr *client);

#endif
