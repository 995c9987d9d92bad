/*
 * The kinds of values that a configuration holds: names, hosts, paths, URLs. Each function says
 * what is wrong with a text, as the end of a sentence that begins with that text, or NULL when it
 * is right. Pure; numbers and addresses are core's.
 */
#ifndef CONF_VALUE_H
#define CONF_VALUE_H

#include "core/slice.h"

#include <stdbool.h>
#include <stddef.h>

/* The name of a container or certificate. */
const char *value_name(struct slice s);
/* The name of a network interface. */
const char *value_interface(struct slice s);
/* A site's host: a name, "*", or "*." and a name. */
const char *value_site_host(struct slice s);
/* A host name or an IPv4 address. */
const char *value_host(struct slice s);
/* An absolute path of the file system. */
const char *value_file(struct slice s);
/* A relative path inside a container, without "." and "..". */
const char *value_inner_path(struct slice s);
/* The name of an index: of one file, that is not hidden. */
const char *value_index(struct slice s);
/* A file to try: "/FILE", a path below the folder, or "$path" and what stands behind it. */
const char *value_try(struct slice s);
/* The name of a header or cookie: a token (RFC 9110 section 5.6.2). */
const char *value_token(struct slice s);
/* A protocol of Upgrade: a token, or two with a slash between (RFC 9110 section 7.8). */
const char *value_protocol(struct slice s);
/* The path of a target. */
const char *value_target_path(struct slice s);
/* The path of a route: a target's, in the only spelling that it may have. */
const char *value_route_path(struct slice s);
/* Where a redirect leads: http://…, https://… or /…. */
const char *value_redirect(struct slice s);
/* A list of CPUs: "0,1", "0-3,6". */
const char *value_cpus(struct slice s);
/* A user group's name. */
const char *value_group(struct slice s);
/* A name of a template or of a distribution's release. */
const char *value_word(struct slice s);

#endif
