/* Paths from the backend's prefix to the route's, and the fields that hold them. */
#include "proxy/http/rewrite.h"

#include "proxy/http/http_head.h"

/* ---- paths ---- */

static struct slice
without_slash(struct slice path)
{
	return slice_ends(path, SLICE_LIT("/")) ? slice_head(path, path.n - 1) : path;
}

/* Whether the path is the prefix (without its last '/') or lies below it. */
static bool
is_under(struct slice path, struct slice prefix)
{
	return slice_starts(path, prefix) && (path.n == prefix.n || path.p[prefix.n] == '/');
}

/* Where query and fragment begin. */
static size_t
path_length(struct slice s)
{
	size_t n = 0;

	while (n < s.n && s.p[n] != '?' && s.p[n] != '#')
		n++;
	return n;
}

struct slice
rewrite_prefix(struct slice route, struct slice target)
{
	route = without_slash(route);
	target = without_slash(target);
	return slice_head(route, slice_eq(route, target) ? 0 : route.n);
}

/* A path that a browser would take for another host (RFC 3986 section 4.2; WHATWG URL takes '\'
 * for '/'). */
static bool
names_a_host(struct slice path)
{
	return path.n > 1 && path.p[0] == '/' && (path.p[1] == '/' || path.p[1] == '\\');
}

static int
append_mapped(struct slice prefix, struct slice rest, struct buf *out)
{
	size_t before = buf_len(out);
	struct slice result;

	if (buf_append_slice(out, prefix) < 0 ||
		(prefix.n == 0 && (rest.n == 0 || rest.p[0] != '/') &&
			buf_append_byte(out, '/') < 0) ||
		buf_append_slice(out, rest) < 0)
		return -1;
	result = slice_skip(buf_slice(out), before);
	if (!names_a_host(result))
		return 1;
	out->end = out->start + before;
	return 0;
}

int
rewrite_path(const struct rewrite *w, struct slice path, struct buf *out)
{
	struct slice bare = slice_head(path, path_length(path));
	struct slice route = without_slash(w->route), target = without_slash(w->target);

	if (bare.n == 0 || bare.p[0] != '/' || names_a_host(bare))
		return 0;
	if (w->exact)
		return slice_eq(bare, w->target)
			       ? append_mapped(w->route, slice_skip(path, bare.n), out)
			       : 0;
	if (!is_under(bare, target))
		return 0;
	/* A backend that knows its prefix (X-Forwarded-Prefix) says it itself. */
	if (route.n > target.n && is_under(bare, route))
		return 0;
	return append_mapped(route, slice_skip(path, target.n), out);
}

/* ---- references ---- */

struct reference {
	struct slice scheme; /* "http:", or empty in "//host/a" */
	struct slice authority;
	struct slice path; /* with query and fragment */
};

/* Splits "http://host/path". False for what has no host, or another scheme. */
static bool
split(struct slice s, struct reference *ret)
{
	size_t n = 0;

	if (slice_istarts(s, SLICE_LIT("http://")))
		n = sizeof("http:") - 1;
	else if (slice_istarts(s, SLICE_LIT("https://")))
		n = sizeof("https:") - 1;
	else if (!slice_starts(s, SLICE_LIT("//")))
		return false;
	ret->scheme = slice_head(s, n);
	s = slice_skip(s, n + 2);
	for (n = 0; n < s.n && s.p[n] != '/' && s.p[n] != '?' && s.p[n] != '#' && s.p[n] != '\\';)
		n++;
	ret->authority = slice_head(s, n);
	ret->path = slice_skip(s, n);
	return true;
}

static uint16_t
default_port(struct slice scheme)
{
	return slice_ieq(scheme, SLICE_LIT("https:")) ? 443 : 80;
}

static bool
same_authority(struct slice a, struct slice b, uint16_t standard)
{
	struct slice host_a, host_b;
	uint16_t port_a, port_b;

	if (http_host_split(a, &host_a, &port_a) < 0 || http_host_split(b, &host_b, &port_b) < 0)
		return false;
	return slice_ieq(host_a, host_b) &&
	       (port_a ? port_a : standard) == (port_b ? port_b : standard);
}

/* Whether this is the backend itself: its address, the Host that it was told, or the target's name
 * and port. */
static bool
is_backend(const struct rewrite *w, const struct reference *r)
{
	uint16_t standard = default_port(r->scheme), port;
	struct slice host, name = w->name;

	if (same_authority(r->authority, w->address, standard) ||
		(w->sent.n > 0 && same_authority(r->authority, w->sent, standard)))
		return true;
	if (http_host_split(r->authority, &host, &port) < 0)
		return false;
	if (host.n > 2 && host.p[0] == '[')
		host = slice_of(host.p + 1, host.n - 2);
	return name.n > 0 && slice_ieq(host, name) && (port ? port : standard) == w->port;
}

/* A URL without a path means the root. */
static struct slice
path_or_root(struct slice path)
{
	return path.n ? path : SLICE_LIT("/");
}

/* The client's own host: scheme and host stay, the path becomes another. */
static int
rewrite_own(const struct rewrite *w, struct slice whole, const struct reference *r, struct buf *out)
{
	size_t before = buf_len(out);
	int ret;

	if (buf_append_slice(out, slice_head(whole, whole.n - r->path.n)) < 0)
		return -1;
	ret = rewrite_path(w, path_or_root(r->path), out);
	if (ret <= 0)
		out->end = out->start + before;
	return ret;
}

/* The backend's own address, which means nothing to the client: the path alone is left, also of one
 * that has the client's prefix already. */
static int
rewrite_backend(const struct rewrite *w, struct slice path, struct buf *out)
{
	int ret = rewrite_path(w, path, out);

	if (ret != 0 || w->exact || names_a_host(path) || path.p[0] != '/' ||
		!is_under(slice_head(path, path_length(path)), without_slash(w->route)))
		return ret;
	return buf_append_slice(out, path) < 0 ? -1 : 1;
}

int
rewrite_reference(const struct rewrite *w, struct slice reference, struct buf *out)
{
	struct reference r;

	if (!split(reference, &r))
		return rewrite_path(w, reference, out);
	if (same_authority(r.authority, w->host, default_port(r.scheme)))
		return rewrite_own(w, reference, &r, out);
	return is_backend(w, &r) ? rewrite_backend(w, path_or_root(r.path), out) : 0;
}

int
rewrite_refresh(const struct rewrite *w, struct slice value, struct buf *out)
{
	static const char key[] = "url=";
	size_t before = buf_len(out), at = slice_index(value, ';');
	int ret;

	for (at++; at < value.n && (value.p[at] == ' ' || value.p[at] == '\t'); at++)
		;
	if (!slice_istarts(slice_skip(value, at), slice_str(key)))
		return 0;
	at += sizeof(key) - 1;
	if (buf_append_slice(out, slice_head(value, at)) < 0)
		return -1;
	ret = rewrite_reference(w, slice_skip(value, at), out);
	if (ret <= 0)
		out->end = out->start + before;
	return ret;
}

/* ---- cookies ---- */

/* "; Path=/a" without the ';' into its name and value, both trimmed. */
static struct slice
attribute_value(struct slice attribute, struct slice *ret_name)
{
	size_t equals = slice_index(attribute, '=');

	*ret_name = slice_trim(slice_head(attribute, equals));
	return slice_trim(slice_skip(attribute, equals + 1));
}

/* `header request Host $host` says the client's own name, only without its port. */
static bool
is_clients(const struct rewrite *w, struct slice domain)
{
	struct slice host;
	uint16_t port;

	return http_host_split(w->host, &host, &port) == 0 && slice_ieq(domain, host);
}

/* A cookie for the backend's own name reaches no client; without a Domain it belongs to the host
 * that the client knows. */
static bool
is_backend_domain(const struct rewrite *w, struct slice domain)
{
	struct slice sent;
	uint16_t port;

	if (slice_starts(domain, SLICE_LIT(".")))
		domain = slice_skip(domain, 1);
	if (w->sent.n > 0 && http_host_split(w->sent, &sent, &port) == 0 &&
		slice_ieq(domain, sent) && !is_clients(w, domain))
		return true;
	return w->name.n > 0 && slice_ieq(domain, w->name);
}

/* One attribute, its ';' included: as it is, rewritten, or left out. 1 when it has changed. */
static int
put_attribute(const struct rewrite *w, struct slice attribute, bool fixed, struct buf *out)
{
	size_t before = buf_len(out);
	struct slice name, value = attribute_value(slice_skip(attribute, 1), &name);
	int ret = 0;

	if (slice_ieq(name, SLICE_LIT("domain")) && is_backend_domain(w, value))
		return 1;
	if (!fixed && slice_ieq(name, SLICE_LIT("path"))) {
		if (buf_append_str(out, "; Path=") < 0)
			return -1;
		ret = rewrite_path(w, value, out);
		if (ret != 0)
			return ret;
		out->end = out->start + before;
	}
	return buf_append_slice(out, attribute);
}

int
rewrite_cookie(const struct rewrite *w, struct slice value, struct buf *out)
{
	size_t before = buf_len(out), n = slice_index(value, ';');
	/* Browsers take a __Host- cookie with the path "/" only. */
	bool fixed = slice_istarts(slice_trim(value), SLICE_LIT("__Host-"));
	int changed = 0;

	if (buf_append_slice(out, slice_head(value, n)) < 0)
		return -1;
	for (value = slice_skip(value, n); value.n; value = slice_skip(value, n)) {
		int ret;

		n = 1 + slice_index(slice_skip(value, 1), ';');
		ret = put_attribute(w, slice_head(value, n), fixed, out);
		if (ret < 0)
			return -1;
		changed = changed || ret;
	}
	if (!changed)
		out->end = out->start + before;
	return changed;
}

/* ---- the head ---- */

static int
rewrite_value(const struct rewrite *w, enum http_name id, struct slice value, struct buf *out)
{
	if (id == HTTP_NAME_LOCATION || id == HTTP_NAME_CONTENT_LOCATION)
		return rewrite_reference(w, value, out);
	if (id == HTTP_NAME_REFRESH)
		return rewrite_refresh(w, value, out);
	return id == HTTP_NAME_SET_COOKIE ? rewrite_cookie(w, value, out) : 0;
}

/* One line with its CRLF; they are of our own making: "Name: value". */
static int
put_line(const struct rewrite *w, struct slice line, struct buf *out)
{
	size_t before = buf_len(out), colon = slice_index(line, ':');
	enum http_name id = http_name_find(slice_head(line, colon));
	int ret;

	if (id == HTTP_NAME_OTHER || line.n < colon + 4)
		return buf_append_slice(out, line);
	if (buf_append_slice(out, slice_head(line, colon + 2)) < 0)
		return -1;
	ret = rewrite_value(w, id, slice_of(line.p + colon + 2, line.n - colon - 4), out);
	if (ret < 0)
		return -1;
	if (ret > 0)
		return buf_append_str(out, "\r\n");
	out->end = out->start + before;
	return buf_append_slice(out, line);
}

int
rewrite_head(const struct rewrite *w, size_t from, struct buf *scratch, struct buf *out)
{
	struct slice rest = slice_skip(buf_slice(out), from);

	buf_reset(scratch);
	if (buf_append_slice(scratch, rest) < 0)
		return -1;
	rest = buf_slice(scratch);
	out->end = out->start + from;
	while (rest.n) {
		struct slice line = slice_head(rest, slice_index(rest, '\n') + 1);

		if (put_line(w, line, out) < 0)
			return -1;
		rest = slice_skip(rest, line.n);
	}
	return 0;
}
