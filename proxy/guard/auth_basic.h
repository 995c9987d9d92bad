/*
 * HTTP basic authentication (RFC 7617), the part without passwords: what a request's Authorization
 * says, and the challenge that asks for it. Pure.
 */
#ifndef PROXY_AUTH_BASIC_H
#define PROXY_AUTH_BASIC_H

#include "core/buf.h"
#include "core/slice.h"

#define AUTH_BASIC_MAX 768 /* bytes of name and password; crypt(3) takes 512 of a password */
#define AUTH_PASSWORD_MAX 511

struct auth_basic {
	char bytes[AUTH_BASIC_MAX]; /* name and password lie here */
	struct slice name, password;
};

enum auth_basic_verdict {
	AUTH_BASIC_NONE,  /* nothing was said, or in another scheme */
	AUTH_BASIC_BAD,   /* not what RFC 7617 has */
	AUTH_BASIC_NAMED, /* a name and a password */
};

/* value: of the one Authorization field. Wipe ret when it is no longer needed. */
enum auth_basic_verdict auth_basic_parse(struct slice value, struct auth_basic *ret);
/* Appends the value of WWW-Authenticate. 0, or -1 when out is full. */
int auth_basic_challenge(const char *realm, struct buf *out);

#endif
