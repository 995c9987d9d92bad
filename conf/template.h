/*
 * The value of a header rule: text with variables, compiled once when the configuration is parsed.
 * Pure. What a variable stands for is known to the proxy alone; its name and meaning are nginx's.
 *
 *	"$host:$server_port"    two variables and a literal
 *	"${host}s"              braces where the name's end would not be seen
 *	"$$5"                   a dollar
 */
#ifndef CONF_TEMPLATE_H
#define CONF_TEMPLATE_H

#include "core/err.h"
#include "core/slice.h"

#include <stddef.h>
#include <stdint.h>

#define TEMPLATE_PARTS_MAX 64
#define TEMPLATE_HTTP_NAME_MAX 64 /* of the NAME in $http_NAME */

/* X(id, name, meaning) */
/* clang-format off */
#define TEMPLATE_VARIABLE_TABLE(X) \
	X(HOST, "host", "the request's host in lower case, without its port") \
	X(HTTP_HOST, "http_host", "the Host field as sent") \
	X(REMOTE_ADDR, "remote_addr", "the client's address") \
	X(REMOTE_PORT, "remote_port", "the client's port; empty when a trusted peer named the client") \
	X(SERVER_PORT, "server_port", "the listener's port") \
	X(SCHEME, "scheme", "http or https") \
	X(REQUEST_URI, "request_uri", "path and query as sent") \
	X(URI, "uri", "the path decoded, as routes are matched with it") \
	X(ARGS, "args", "the query") \
	X(REQUEST_METHOD, "request_method", "the method") \
	X(PROXY_ADD_X_FORWARDED_FOR, "proxy_add_x_forwarded_for", \
	  "the X-Forwarded-For that came, with the peer's address behind it") \
	X(REQUEST_ID, "request_id", "the request's id, which X-Request-Id tells the backend") \
	X(SERVER_NAME, "server_name", "the site's first host")
/* clang-format on */

enum template_variable {
	TEMPLATE_TEXT,       /* the bytes of the value themselves */
	TEMPLATE_HTTP_FIELD, /* $http_NAME: a field of the request, whose name the bytes are */
#define TEMPLATE_VARIABLE_ENUM(id, name, meaning) TEMPLATE_##id,
	TEMPLATE_VARIABLE_TABLE(TEMPLATE_VARIABLE_ENUM)
#undef TEMPLATE_VARIABLE_ENUM
		TEMPLATE_VARIABLE_COUNT
};

/* A run of the value: bytes [at, at + n) of it. */
struct template_part {
	uint8_t variable; /* enum template_variable */
	uint16_t at, n;
};

/* Compiles the value into parts[0, *ret_n). 0, or -1 with e's message: what is wrong with it, and
 * what would be right. */
int template_parse(struct slice value, struct template_part parts[static TEMPLATE_PARTS_MAX],
	size_t *ret_n, struct err *e);
/* "host"; NULL for TEXT and HTTP_FIELD. */
const char *template_variable_name(enum template_variable variable);
const char *template_variable_meaning(enum template_variable variable);

#endif
