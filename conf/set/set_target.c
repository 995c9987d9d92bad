/*
 * What stands behind an arrow: a container, a server elsewhere, or several of these with their
 * weights; a folder, a redirect, a status.
 */
#include "conf/setters.h"

#include "conf/parse.h"
#include "conf/suggest.h"
#include "conf/value.h"
#include "core/num.h"

#define HTTP_PORT 80
#define HTTPS_PORT 443
#define STATUS_MIN 200
#define STATUS_MAX 599

static int
read_path(struct parse *p, const struct word *w, struct slice path, struct conf_target *t)
{
	const char *why;

	if (path.n == 0)
		return 0;
	why = value_target_path(path);
	if (why)
		return parse_error(
			p, w, "the path \"%.*s\" %s", SLICE_ARG(slice_head(path, WORD_SHOWN)), why);
	t->path = parse_dup(p, path);
	return t->path ? 0 : -1;
}

int
word_read_container(struct parse *p, const struct word *w, char **ret_name, struct slice *ret_rest)
{
	size_t colon = slice_index(w->text, ':');
	struct slice name = slice_head(w->text, colon);
	const char *why = value_name(name);

	if (colon == w->text.n)
		return parse_error(p, w,
			"\"%.*s\" is not a target; a container is written with its port, as in "
			"wiki:80",
			WORD_ARG(w));
	if (why)
		return parse_error(p, w, "the container's name \"%.*s\" %s",
			SLICE_ARG(slice_head(name, WORD_SHOWN)), why);
	*ret_name = parse_dup(p, name);
	*ret_rest = slice_skip(w->text, colon + 1);
	return *ret_name ? 0 : -1;
}

static int
read_container(struct parse *p, const struct word *w, struct conf_target *t)
{
	struct slice rest = {0};
	size_t slash;

	t->type = CONF_TARGET_CONTAINER;
	if (word_read_container(p, w, &t->host, &rest) < 0)
		return -1;
	slash = slice_index(rest, '/');
	if (word_read_port(p, w, slice_head(rest, slash), &t->port) < 0)
		return -1;
	return read_path(p, w, slice_skip(rest, slash), t);
}

static int
read_container_target(
	struct parse *p, const struct directive *d, const struct word *w, struct conf_target *t)
{
	if (read_container(p, w, t) < 0)
		return -1;
	return parse_refer(p, REFERENCE_ROUTE, d, w);
}

/* ---- http://, https:// ---- */

/* The host is wrong. Always -1. */
static int
bad_http_host(struct parse *p, const struct word *w, struct slice authority, const char *why)
{
	struct slice host = slice_head(authority, slice_index(authority, ':'));
	struct slice rest = slice_skip(authority, host.n);

	if (rest.n > 1 && memchr(rest.p + 1, ':', rest.n - 1))
		return parse_error(p, w,
			"\"%.*s\" is not a host; an IPv6 address stands in brackets, as in "
			"http://[2001:db8::1]:80",
			SLICE_ARG(slice_head(authority, WORD_SHOWN)));
	return parse_error(
		p, w, "the host \"%.*s\" %s", SLICE_ARG(slice_head(host, WORD_SHOWN)), why);
}

/* "HOST" or "[ADDRESS6]" at the beginning of the authority; what follows goes to *ret_rest. */
static int
read_http_host(struct parse *p, const struct word *w, struct slice authority, struct conf_target *t,
	struct slice *ret_rest)
{
	struct slice host = slice_head(authority, slice_index(authority, ':'));
	const char *why;
	struct addr addr;

	if (authority.n && authority.p[0] == '[') {
		size_t end = slice_index(authority, ']');

		host = slice_skip(slice_head(authority, end), 1);
		if (end == authority.n || addr_parse(host, &addr) < 0 || addr.family != AF_INET6)
			return parse_error(p, w, "\"%.*s\" is not an IPv6 address in brackets",
				SLICE_ARG(slice_head(authority, WORD_SHOWN)));
		*ret_rest = slice_skip(authority, end + 1);
	} else {
		why = value_host(host);
		if (why)
			return bad_http_host(p, w, authority, why);
		*ret_rest = slice_skip(authority, host.n);
	}
	t->host = parse_dup(p, host);
	return t->host ? 0 : -1;
}

static int
read_http_target(
	struct parse *p, const struct directive *d, const struct word *w, struct conf_target *t)
{
	bool tls = slice_starts(w->text, SLICE_LIT("https://"));
	struct slice rest = slice_skip(w->text, tls ? 8 : 7);
	struct slice authority = slice_head(rest, slice_index(rest, '/'));
	struct slice port = {0};

	t->type = tls ? CONF_TARGET_HTTPS : CONF_TARGET_HTTP;
	(void)d;
	t->port = tls ? HTTPS_PORT : HTTP_PORT;
	if (slice_index(authority, '@') < authority.n)
		return parse_error(p, w, "a target has no user or password");
	if (read_http_host(p, w, authority, t, &port) < 0)
		return -1;
	if (port.n && port.p[0] != ':')
		return parse_error(p, w, "only a port may follow the address in brackets");
	if (port.n && word_read_port(p, w, slice_skip(port, 1), &t->port) < 0)
		return -1;
	return read_path(p, w, slice_skip(rest, authority.n), t);
}

/* ---- unix: ---- */

/* The file and, behind a colon, the path; the Host of a request without one is localhost. */
static int
read_unix_target(
	struct parse *p, const struct directive *d, const struct word *w, struct conf_target *t)
{
	struct slice rest = slice_skip(w->text, sizeof("unix:") - 1);
	struct slice file = slice_head(rest, slice_index(rest, ':'));
	const char *why = value_file(file);

	(void)d;
	t->type = CONF_TARGET_UNIX;
	if (!why && file.n > CONF_SOCKET_MAX)
		why = "is longer than 107 bytes, which no socket's path may be";
	if (why)
		return parse_error(p, w, "the socket \"%.*s\" %s",
			SLICE_ARG(slice_head(file, WORD_SHOWN)), why);
	t->socket = parse_dup(p, file);
	t->host = parse_dup(p, SLICE_LIT("localhost"));
	if (!t->socket || !t->host)
		return -1;
	if (file.n < rest.n && file.n + 1 == rest.n)
		return parse_error(p, w, "the path behind the colon is missing");
	return read_path(p, w, slice_skip(rest, file.n + 1), t);
}

/* ---- dir, redirect, status ---- */

static int
read_dir_target(
	struct parse *p, const struct directive *d, const struct word *w, struct conf_target *t)
{
	(void)d;
	t->type = CONF_TARGET_DIR;
	return word_read_file(p, &w[1], &t->path);
}

static int
read_redirect_target(
	struct parse *p, const struct directive *d, const struct word *w, struct conf_target *t)
{
	const struct word *code = &w[1], *url = &w[2];
	uint64_t n;

	(void)d;
	t->type = CONF_TARGET_REDIRECT;
	if (num_parse(code->text, 301, 308, &n) < 0 || (n > 303 && n < 307))
		return parse_error(p, code,
			"\"%.*s\" is not the code of a redirect; there are 301, 302, 303, 307 and "
			"308",
			WORD_ARG(code));
	t->code = (uint16_t)n;
	return word_read_checked(p, url, value_redirect(url->text), &t->path);
}

static int
read_status_target(
	struct parse *p, const struct directive *d, const struct word *w, struct conf_target *t)
{
	static const uint64_t range[2] = {STATUS_MIN, STATUS_MAX};
	uint64_t code;

	(void)d;
	t->type = CONF_TARGET_STATUS;
	if (word_read_number(p, &w[1], range, &code) < 0)
		return -1;
	t->code = (uint16_t)code;
	return 0;
}

/* The targets that begin with a word, and those that are one word. */
struct target_form {
	enum conf_target_type type;
	size_t words;
	int (*read)(struct parse *p, const struct directive *d, const struct word *w,
		struct conf_target *t);
	const char *shape;
};

static const struct target_form forms[] = {
	{CONF_TARGET_CONTAINER, 1, read_container_target, "CONTAINER:PORT[/PATH]"},
	{CONF_TARGET_HTTP, 1, read_http_target, "http://HOST[:PORT][/PATH]"},
	{CONF_TARGET_HTTPS, 1, read_http_target, "https://HOST[:PORT][/PATH]"},
	{CONF_TARGET_UNIX, 1, read_unix_target, "unix:/FILE[:/PATH]"},
	{CONF_TARGET_DIR, 2, read_dir_target, "dir FOLDER"},
	{CONF_TARGET_REDIRECT, 3, read_redirect_target, "redirect CODE URL"},
	{CONF_TARGET_STATUS, 2, read_status_target, "status CODE"},
};

/* The kind of target that the first word's beginning announces, or -1. */
static int
target_scheme(const struct word *w)
{
	if (slice_starts(w->text, SLICE_LIT("http://")))
		return CONF_TARGET_HTTP;
	if (slice_starts(w->text, SLICE_LIT("https://")))
		return CONF_TARGET_HTTPS;
	/* A container may be called unix; its port is a number. */
	if (slice_starts(w->text, SLICE_LIT("unix:")) &&
		(w->text.n == 5 || w->text.p[5] < '0' || w->text.p[5] > '9'))
		return CONF_TARGET_UNIX;
	return -1;
}

/* http: or https: and no address behind two slashes. A container may be called so; its port is a
 * number. */
static bool
forgets_slashes(struct slice s)
{
	size_t n = slice_starts(s, SLICE_LIT("https:"))  ? sizeof("https:") - 1
		   : slice_starts(s, SLICE_LIT("http:")) ? sizeof("http:") - 1
							 : 0;

	return n > 0 && (s.n == n || s.p[n] < '0' || s.p[n] > '9');
}

/* A word that can't be the name of a container: -1 with the error reported. */
static int
check_shape_of_target(struct parse *p, const struct word *w)
{
	if (slice_index(w->text, '/') < slice_index(w->text, ':') || w->text.p[0] == '/')
		return parse_error(p, w,
			"\"%.*s\" is not a target; a folder is written: dir FOLDER", WORD_ARG(w));
	if (memmem(w->text.p, w->text.n, "://", 3))
		return parse_error(p, w,
			"\"%.*s\" is not a target; only http:// and https:// are known",
			WORD_ARG(w));
	if (forgets_slashes(w->text))
		return parse_error(p, w,
			"\"%.*s\" is not a target; two slashes follow the colon of http:// and "
			"https://",
			WORD_ARG(w));
	return 0;
}

/* What kind of target the first word announces; -1 with the error reported. */
static int
target_type(struct parse *p, const struct word *w)
{
	int type = schema_word_value("target", w->text);
	const char *near;

	if (type < 0)
		type = target_scheme(w);
	if (type >= 0)
		return type;
	if (check_shape_of_target(p, w) < 0)
		return -1;
	near = slice_index(w->text, ':') == w->text.n ? suggest_word("target", w->text) : NULL;
	if (near)
		return parse_error(
			p, w, "unknown target \"%.*s\"; did you mean \"%s\"?", WORD_ARG(w), near);
	return CONF_TARGET_CONTAINER;
}

/* A target that stands alone: all the words are its own. */
static int
read_alone(struct parse *p, const struct directive *d, int type, struct conf_target *ret)
{
	const struct target_form *form = &forms[type];
	const struct word *first = &d->target[0];

	if (d->n_target < form->words)
		return parse_error(p, first, "the target is not complete; write: %s", form->shape);
	if (d->n_target > form->words)
		return parse_error(p, &d->target[form->words],
			"\"%.*s\" is one word too many; write: %s",
			WORD_ARG(&d->target[form->words]), form->shape);
	return form->read(p, d, first, ret);
}

/* ---- several targets ---- */

static bool
same_path(const struct conf_target *a, const struct conf_target *b)
{
	return a->path && b->path ? strcmp(a->path, b->path) == 0 : a->path == b->path;
}

/* A request goes to any of them, so they must all mean the same by it, and each stands once. */
static int
check_beside(struct parse *p, const struct conf_route *route, const struct word *w)
{
	size_t last = conf_route_targets(route) - 1;
	const struct conf_target *t = conf_route_target(route, last);

	for (size_t i = 0; i < last; i++)
		if (conf_target_is_same_server(t, conf_route_target(route, i)))
			return parse_error(
				p, w, "the target \"%.*s\" stands here twice", WORD_ARG(w));
	if (!same_path(t, &route->target))
		return parse_error(p, w,
			"the targets of a route have the same path; the first one has %s%s",
			route->target.path ? "the path " : "none",
			route->target.path ? route->target.path : "");
	return 0;
}

/* One server of several; w is its first word. The number of words it takes, or -1. */
static int
read_server(
	struct parse *p, const struct directive *d, const struct word *w, struct conf_route *route)
{
	struct conf_target *t = &route->target;
	int type = w->text.n ? target_type(p, w) : parse_error(p, w, "the target is empty");

	if (type < 0)
		return -1;
	if (!conf_target_is_server(&(struct conf_target){.type = (enum conf_target_type)type}))
		return parse_error(p, w, "\"%.*s\" can't stand beside other targets", WORD_ARG(w));
	p->target = w == d->target ? 0 : 1 + route->n_more;
	if (p->target == CONF_TARGETS_MAX)
		return parse_error(p, w, "a route has at most %d targets", CONF_TARGETS_MAX);
	if (p->target > 0)
		t = parse_add(p, &route->more, &route->n_more, sizeof(*t));
	if (!t)
		return -1;
	t->weight = 1;
	if (forms[type].read(p, d, w, t) < 0 || check_beside(p, route, w) < 0)
		return -1;
	return 1;
}

/* `weight N` behind a target. The number of words it takes, or -1. */
static int
read_weight(
	struct parse *p, const struct directive *d, const struct word *w, struct conf_route *route)
{
	static const uint64_t range[2] = {1, CONF_WEIGHT_MAX};
	struct conf_target *t = route->n_more ? &route->more[route->n_more - 1] : &route->target;
	size_t left = d->n_target - (size_t)(w - d->target);
	uint64_t weight;

	if (left == 0 || !slice_eq_str(w->text, "weight"))
		return 0;
	if (left == 1)
		return parse_error(p, w, "the number of \"weight\" is missing");
	if (word_read_number(p, w + 1, range, &weight) < 0)
		return -1;
	if (d->n_target == 3)
		return parse_error(p, w, "a weight needs a second target");
	t->weight = (uint16_t)weight;
	return 2;
}

static int
read_servers(struct parse *p, const struct directive *d, struct conf_route *route)
{
	size_t at = 0;

	while (at < d->n_target) {
		int taken = read_server(p, d, &d->target[at], route);

		if (taken < 0)
			return -1;
		at += (size_t)taken;
		taken = read_weight(p, d, &d->target[at], route);
		if (taken < 0)
			return -1;
		at += (size_t)taken;
	}
	return 0;
}

int
directive_read_targets(struct parse *p, const struct directive *d, struct conf_route *route)
{
	const struct word *first = &d->target[0];
	int type;

	if (first->text.n == 0)
		return parse_error(p, first, "the target is empty");
	type = target_type(p, first);
	if (type < 0)
		return -1;
	return conf_target_is_server(&(struct conf_target){.type = (enum conf_target_type)type})
		       ? read_servers(p, d, route)
		       : read_alone(p, d, type, &route->target);
}

int
directive_read_server(
	struct parse *p, const struct directive *d, const struct word *w, struct conf_target *ret)
{
	int type = target_type(p, w);

	if (type < 0)
		return -1;
	if (type == CONF_TARGET_HTTP || type == CONF_TARGET_HTTPS)
		return read_http_target(p, d, w, ret);
	if (type == CONF_TARGET_UNIX)
		return read_unix_target(p, d, w, ret);
	if (type != CONF_TARGET_CONTAINER)
		return parse_error(p, w,
			"here stands a server; write: wiki:80/check, http://HOST:PORT/check, "
			"https://HOST/check or unix:/FILE.sock:/check");
	if (read_container(p, w, ret) < 0 || parse_refer(p, REFERENCE_SERVER, d, w) < 0)
		return -1;
	p->references[p->n_references - 1].server = ret;
	return 0;
}
