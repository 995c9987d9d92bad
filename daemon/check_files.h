/*
 * What a configuration says about files that only the machine can answer: certificates, keys,
 * folders, the group of the control socket. Reads, changes nothing.
 */
#ifndef DAEMON_CHECK_FILES_H
#define DAEMON_CHECK_FILES_H

#include "conf/conf.h"

#include <sys/types.h>

#define CHECK_KEY_TYPE_MAX 16
#define CHECK_CERTIFICATE_MAX (1024 * 1024) /* bytes of a chain or a key file */

/* Whether a key belongs to its certificate, and of which type it is; proxy_check_certificate, or
 * NULL to leave that to
 * the proxy, which refuses the offer (so that the parent never parses a certificate). */
typedef int check_certificate_fn(const struct conf *c, size_t index, const struct slice pem[2],
	char ret_type[CHECK_KEY_TYPE_MAX], struct err *e);

/* Whether these may issue client certificates; proxy_check_client_ca, or NULL likewise. */
typedef int check_client_ca_fn(struct slice pem, struct err *e);

/* Who knows certificates; NULL: the proxy looks at them later. */
struct check_tls {
	check_certificate_fn *certificate;
	check_client_ca_fn *client_ca;
	int (*authorities)(struct slice pem, struct err *e); /* of https:// targets */
};

/* Appends what is wrong to errs, with the ordinals of c as they are. 0, or -1 when something
 * is. */
int check_files(const struct conf *c, const struct check_tls *tls, struct conf_errors *errs);
/* The file of these authorities: as written, or where the system has its own. NULL with e filled:
 * it has none. */
const char *check_authority_file(const struct conf_authority *a, struct err *e);

#define CHECK_NO_GROUP ((gid_t)-1)

/* The gid that may use the control socket, CHECK_NO_GROUP when the file names none. 0, or -1 with
 * e filled. */
int check_control_group(const struct conf *c, gid_t *ret, struct err *e);

#endif
