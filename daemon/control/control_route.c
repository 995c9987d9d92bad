/*
 * Matches a path with the table of control_route.h, segment by segment.
 */
#include "daemon/control/control_route.h"

#include "core/own.h"

struct row {
	const char *method, *path;
};

static const struct row rows[] = {
#define ROW(id, method, path, what) {method, path},
	CONTROL_ENDPOINT_TABLE(ROW)
#undef ROW
};

static const char *const verbs[] = {"start", "stop", "restart", "freeze", "thaw"};

static bool
is_verb(struct slice s)
{
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		if (slice_eq_str(s, verbs[i]))
			return true;
	return false;
}

/* Takes "/segment" off the front. */
static struct slice
take_segment(struct slice *path)
{
	struct slice rest = slice_skip(*path, 1);
	struct slice segment = slice_head(rest, slice_index(rest, '/'));

	*path = slice_skip(rest, segment.n);
	return segment;
}

static bool
match(const char *pattern, struct slice path, struct control_match *ret)
{
	struct slice want = slice_str(pattern);

	while (want.n > 0 && path.n > 0) {
		struct slice expected = take_segment(&want), got = take_segment(&path);

		if (slice_eq_str(expected, "*")) {
			if (got.n == 0)
				return false;
			ret->name = got;
		} else if (slice_eq_str(expected, "!")) {
			if (!is_verb(got))
				return false;
			ret->verb = got;
		} else if (!slice_eq(expected, got)) {
			return false;
		}
	}
	return want.n == 0 && path.n == 0;
}

int
control_route(
	struct slice method, struct slice path, struct control_match *ret, const char **ret_allow)
{
	if (path.n == 0 || path.p[0] != '/')
		return 404;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct control_match m = {.endpoint = (enum control_endpoint)i};

		if (!match(rows[i].path, path, &m))
			continue;
		if (!slice_eq_str(method, rows[i].method)) {
			*ret_allow = rows[i].method;
			return 405;
		}
		*ret = m;
		return 0;
	}
	return 404;
}
