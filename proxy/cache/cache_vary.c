/* Secondary keys of stored answers. */
#include "proxy/cache/cache_vary.h"

#include "core/num.h"

#include <stdlib.h>
#include <strings.h>

/* --- names ----------------------------------------------------------------------------------- */

static bool
has_name(struct slice names, struct slice name)
{
	struct slice one;

	while (http_list_next(&names, &one))
		if (slice_ieq(one, name))
			return true;
	return false;
}

static int
append_lower(struct slice s, struct buf *out)
{
	char *to = buf_reserve(out, s.n);

	if (!to)
		return -1;
	for (size_t i = 0; i < s.n; i++) {
		to[i] = s.p[i];
		if (to[i] >= 'A' && to[i] <= 'Z')
			to[i] = (char)(to[i] - 'A' + 'a');
	}
	buf_commit(out, s.n);
	return 0;
}

int
cache_vary_add(struct slice name, struct buf *names)
{
	struct slice there = buf_slice(names), one;
	size_t n = 1;

	if (has_name(there, name))
		return 0;
	while (http_list_next(&there, &one))
		n++;
	if (n > CACHE_VARY_FIELDS_MAX || buf_len(names) + name.n + 1 > CACHE_VARY_NAMES_MAX)
		return -1;
	if (buf_len(names) && buf_append_byte(names, ',') < 0)
		return -1;
	return append_lower(name, names);
}

enum cache_vary_source
cache_vary_source(struct slice name)
{
	enum http_name id = http_name_find(name);

	if (!(http_name_what(id) & HTTP_OURS))
		return CACHE_VARY_CLIENT;
	if (id == HTTP_NAME_X_REAL_IP || id == HTTP_NAME_X_FORWARDED_FOR ||
		id == HTTP_NAME_X_REQUEST_ID)
		return CACHE_VARY_PROXY;
	/* A trusted peer's word reaches the backend. */
	return id == HTTP_NAME_X_FORWARDED_OTHER ? CACHE_VARY_CLIENT : CACHE_VARY_KEY;
}

int
cache_vary_names(const struct http_response *r, struct buf *out)
{
	for (size_t i = 0; i < r->n_fields; i++) {
		struct slice rest = http_response_slice(r, r->fields[i].value), name;

		if (r->fields[i].id != HTTP_NAME_VARY)
			continue;
		while (http_list_next(&rest, &name)) {
			if (cache_vary_add(name, out) < 0)
				return -1;
		}
	}
	return 0;
}

/* --- values ---------------------------------------------------------------------------------- */

/* One element of a list, without the blanks around its punctuation. */
static int
append_element(struct slice s, bool lower, struct buf *out)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if ((c == ' ' || c == '\t') &&
			(i + 1 == s.n || strchr(" \t;=,", s.p[i + 1]) || strchr(";=,", s.p[i - 1])))
			continue;
		if (append_lower(slice_of(&c, 1), out) < 0)
			return -1;
		if (!lower)
			out->data[out->end - 1] = c;
	}
	return 0;
}

static int
append_list(struct slice value, bool lower, bool *first, struct buf *out)
{
	struct slice one;

	/* A quoted text may hold commas and blanks: such a value is taken as it is. */
	if (slice_index(value, '"') < value.n) {
		*first = false;
		return buf_append_slice(out, value);
	}
	while (http_list_next(&value, &one)) {
		if (!*first && buf_append_byte(out, ',') < 0)
			return -1;
		*first = false;
		if (append_element(one, lower, out) < 0)
			return -1;
	}
	return 0;
}

/* "gzip ; q=0": what is not wanted is as if it were not there; but "identity;q=0" says something.
 */
static bool
is_refused(struct slice element)
{
	struct slice rest = slice_skip(element, slice_index(element, ';') + 1);
	size_t equals = slice_index(rest, '=');
	struct slice weight = slice_trim(slice_skip(rest, equals + 1));

	if (!slice_ieq(slice_trim(slice_head(rest, equals)), SLICE_LIT("q")) || weight.n == 0)
		return false;
	for (size_t i = 0; i < weight.n; i++)
		if (weight.p[i] != '0' && weight.p[i] != '.')
			return false;
	return true;
}

static int
compare_slices(const void *a, const void *b)
{
	const struct slice *x = a, *y = b;
	size_t n = x->n < y->n ? x->n : y->n;
	int order = n ? strncasecmp(x->p, y->p, n) : 0;

	if (order)
		return order;
	return x->n < y->n ? -1 : x->n > y->n;
}

struct codings {
	struct slice all[CACHE_VARY_CODINGS_MAX];
	size_t n;
};

static int
collect_codings(struct slice value, struct codings *ret)
{
	struct slice one;

	while (http_list_next(&value, &one)) {
		struct slice name = slice_trim(slice_head(one, slice_index(one, ';')));
		bool refused = is_refused(one);

		if (slice_ieq(name, SLICE_LIT("identity")) || slice_eq_str(name, "*")) {
			if (!refused && !slice_eq_str(name, "*"))
				continue;
			name = refused ? one : name;
		} else if (refused) {
			continue;
		}
		if (ret->n == CACHE_VARY_CODINGS_MAX)
			return -1;
		ret->all[ret->n++] =
			slice_ieq(name, SLICE_LIT("x-gzip")) ? SLICE_LIT("gzip") : name;
	}
	return 0;
}

static int
append_codings(struct codings *c, struct buf *out)
{
	size_t from = buf_len(out);

	qsort(c->all, c->n, sizeof(c->all[0]), compare_slices);
	for (size_t i = 0; i < c->n; i++) {
		if (i > 0 && slice_ieq(c->all[i], c->all[i - 1]))
			continue;
		if (buf_len(out) > from && buf_append_byte(out, ',') < 0)
			return -1;
		if (append_element(c->all[i], true, out) < 0)
			return -1;
	}
	return 0;
}

static int
append_values(struct slice name, const struct http_request *r, struct buf *out)
{
	bool encodings = slice_eq_str(name, "accept-encoding");
	bool lower = slice_eq_str(name, "accept-language");
	struct codings codings = {.n = 0};
	bool first = true, found = false;

	for (size_t i = 0; i < r->n_fields; i++) {
		const struct http_field *field = &r->fields[i];
		struct slice value = http_request_slice(r, field->value);

		/* Names with '_' or '.' and those that Connection lists do not reach the backend.
		 */
		if (field->flags || !slice_ieq(http_request_slice(r, field->name), name))
			continue;
		found = true;
		if (encodings ? collect_codings(value, &codings) < 0
			      : append_list(value, lower, &first, out) < 0)
			return -1;
	}
	/* A field that is not there is not an empty one. */
	if (!encodings && !found)
		return buf_append_byte(out, '-');
	return encodings ? append_codings(&codings, out) : 0;
}

int
cache_vary_key(struct slice names, const struct http_request *r, struct buf *out)
{
	size_t from = buf_len(out);
	struct slice name;

	while (http_list_next(&names, &name)) {
		/* No value has a line feed in it. */
		if (append_values(name, r, out) < 0 || buf_append_byte(out, '\n') < 0 ||
			buf_len(out) - from > CACHE_VARY_KEY_MAX)
			return -1;
	}
	return 0;
}
