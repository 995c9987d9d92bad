/* The target behind an arrow: a container, a server elsewhere, a folder, a redirect, a status. */
#include "conf/setters.h"

#include "conf/parse.h"
#include "conf/suggest.h"
#include "conf/value.h"
#include "core/num.h"

#define HTTP_PORT 80
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
read_container_target(struct parse *p, const struct directive *d, struct conf_target *t)
{
	const struct word *w = &d->target[0];
	struct slice rest = {0};
	size_t slash;

	t->type = CONF_TARGET_CONTAINER;
	if (word_read_container(p, w, &t->host, &rest) < 0)
		return -1;
	slash = slice_index(rest, '/');
	if (word_read_port(p, w, slice_head(rest, slash), &t->port) < 0)
		return -1;
	if (read_path(p, w, slice_skip(rest, slash), t) < 0)
		return -1;
	return parse_refer(p, REFERENCE_ROUTE, d, w);
}

/* ---- http:// ---- */

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
			return parse_error(p, w, "the host \"%.*s\" %s",
				SLICE_ARG(slice_head(host, WORD_SHOWN)), why);
		*ret_rest = slice_skip(authority, host.n);
	}
	t->host = parse_dup(p, host);
	return t->host ? 0 : -1;
}

static int
read_http_target(struct parse *p, const struct directive *d, struct conf_target *t)
{
	const struct word *w = &d->target[0];
	struct slice rest = slice_skip(w->text, sizeof("http://") - 1);
	struct slice authority = slice_head(rest, slice_index(rest, '/'));
	struct slice port = {0};

	t->type = CONF_TARGET_HTTP;
	t->port = HTTP_PORT;
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

/* ---- dir, redirect, status ---- */

static int
read_dir_target(struct parse *p, const struct directive *d, struct conf_target *t)
{
	t->type = CONF_TARGET_DIR;
	return word_read_file(p, &d->target[1], &t->path);
}

static int
read_redirect_target(struct parse *p, const struct directive *d, struct conf_target *t)
{
	const struct word *code = &d->target[1], *url = &d->target[2];
	uint64_t n;

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
read_status_target(struct parse *p, const struct directive *d, struct conf_target *t)
{
	static const uint64_t range[2] = {STATUS_MIN, STATUS_MAX};
	uint64_t code;

	t->type = CONF_TARGET_STATUS;
	if (word_read_number(p, &d->target[1], range, &code) < 0)
		return -1;
	t->code = (uint16_t)code;
	return 0;
}

/* The targets that begin with a word, and those that are one word. */
struct target_form {
	enum conf_target_type type;
	size_t words;
	int (*read)(struct parse *p, const struct directive *d, struct conf_target *t);
	const char *shape;
};

static const struct target_form forms[] = {
	{CONF_TARGET_CONTAINER, 1, read_container_target, "CONTAINER:PORT[/PATH]"},
	{CONF_TARGET_HTTP, 1, read_http_target, "http://HOST[:PORT][/PATH]"},
	{CONF_TARGET_DIR, 2, read_dir_target, "dir FOLDER"},
	{CONF_TARGET_REDIRECT, 3, read_redirect_target, "redirect CODE URL"},
	{CONF_TARGET_STATUS, 2, read_status_target, "status CODE"},
};

/* What kind of target the first word announces; -1 with the error reported. */
static int
target_type(struct parse *p, const struct word *w)
{
	int type = schema_word_value("target", w->text);
	const char *near;

	if (type >= 0)
		return type;
	if (slice_starts(w->text, SLICE_LIT("http://")))
		return CONF_TARGET_HTTP;
	if (slice_index(w->text, '/') < slice_index(w->text, ':') || w->text.p[0] == '/')
		return parse_error(p, w,
			"\"%.*s\" is not a target; a folder is written: dir FOLDER", WORD_ARG(w));
	for (size_t i = 0; i + 2 < w->text.n; i++)
		if (memcmp(w->text.p + i, "://", 3) == 0)
			return parse_error(p, w, "\"%.*s\" is not a target; only http:// is known",
				WORD_ARG(w));
	near = slice_index(w->text, ':') == w->text.n ? suggest_word("target", w->text) : NULL;
	if (near)
		return parse_error(
			p, w, "unknown target \"%.*s\"; did you mean \"%s\"?", WORD_ARG(w), near);
	return CONF_TARGET_CONTAINER;
}

int
directive_read_target(struct parse *p, const struct directive *d, struct conf_target *ret)
{
	const struct word *first = &d->target[0];
	const struct target_form *form;
	int type;

	if (first->text.n == 0)
		return parse_error(p, first, "the target is empty");
	type = target_type(p, first);
	if (type < 0)
		return -1;
	form = &forms[type];
	if (d->n_target < form->words)
		return parse_error(p, first, "the target is not complete; write: %s", form->shape);
	if (d->n_target > form->words)
		return parse_error(p, &d->target[form->words],
			"\"%.*s\" is one word too many; write: %s",
			WORD_ARG(&d->target[form->words]), form->shape);
	return form->read(p, d, ret);
}
