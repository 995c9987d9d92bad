/*
 * The password files that `auth basic` names: one user a line, NAME:HASH, as htpasswd and mkpasswd
 * write them. Pure: bytes in, users out. Only hashes that take an attacker long are accepted.
 */
#ifndef CONF_HTPASSWD_H
#define CONF_HTPASSWD_H

#include "core/err.h"
#include "core/slice.h"

#include <stddef.h>

#define HTPASSWD_SIZE_MAX ((size_t)1024 * 1024) /* of a file */
#define HTPASSWD_USERS_MAX 16384
#define HTPASSWD_NAME_MAX 255
#define HTPASSWD_HASH_MAX 383 /* CRYPT_OUTPUT_SIZE less its NUL */

struct htpasswd_user {
	const char *name;
	const char *hash;
};

struct htpasswd {
	char *text; /* what the users' names and hashes lie in */
	size_t size;
	struct htpasswd_user *users; /* in the order of their names */
	size_t n;
	const char *first_hash; /* that of the file's first user */
};

/* Parses a whole file. 0, or -1 with e filled: "FILE:LINE: what is wrong". */
int htpasswd_parse(struct slice text, const char *file, struct htpasswd *ret, struct err *e);
/* Wipes and frees. */
void htpasswd_clear(struct htpasswd *h);
/* The user's hash, or NULL. */
const char *htpasswd_find(const struct htpasswd *h, struct slice name);

#endif
