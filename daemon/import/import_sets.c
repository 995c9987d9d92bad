/* Sets and maps of nft's text, written out. */
#include "daemon/import/import_sets.h"

#include "core/own.h"
#include "daemon/import/import.h"

#include <stdlib.h>
#include <string.h>

#define KEY_PARTS_MAX 4
#define ELEMENTS_HEAD "elements = {"
/* One rule of sources that are dropped may be many, each with so many of them. */
#define CHUNK IMPORT_SOURCES_MAX

struct expansion {
	struct import_sets *sets;
	struct slice table;
	void (*emit)(void *ctx, struct slice rule);
	void *ctx;
	bool failed;
};

static size_t
find(struct slice s, const char *text)
{
	const char *at = s.n ? memmem(s.p, s.n, text, strlen(text)) : NULL;

	return at ? (size_t)(at - s.p) : s.n;
}

/* --- the sets of a text -------------------------------------------------------------------------
 */

bool
import_sets_owns(struct import_set_place *p, struct slice line)
{
	bool ends = line.n && line.p[line.n - 1] == '}';

	if (p->elements) {
		p->elements = !ends;
		return true;
	}
	if (p->inside) {
		p->elements = slice_starts(line, SLICE_LIT(ELEMENTS_HEAD)) && !ends;
		p->inside = !slice_eq_str(line, "}");
		return true;
	}
	p->inside =
		(slice_starts(line, SLICE_LIT("set ")) || slice_starts(line, SLICE_LIT("map "))) &&
		slice_ends(line, SLICE_LIT("{"));
	return p->inside;
}

static struct import_set *
add_set(struct import_sets *s, struct slice table, struct slice head)
{
	struct import_set *v;

	if (s->n == IMPORT_SETS_MAX)
		return NULL;
	v = realloc(s->v, (s->n + 1) * sizeof(*v));
	if (!v)
		return NULL;
	s->v = v;
	v = &s->v[s->n++];
	*v = (struct import_set){.table = table, .head = head};
	v->name = slice_trim(slice_head(slice_skip(head, 4), head.n - 5));
	buf_init(&v->elements, IMPORT_TEXT_MAX);
	return v;
}

/* A line of the elements: without what begins and ends them. */
static int
add_elements(struct import_set *set, struct slice line)
{
	if (slice_starts(line, SLICE_LIT(ELEMENTS_HEAD)))
		line = slice_skip(line, sizeof(ELEMENTS_HEAD) - 1);
	if (slice_ends(line, SLICE_LIT("}")))
		line = slice_head(line, line.n - 1);
	return buf_append_slice(&set->elements, line) < 0 ||
			       buf_append_byte(&set->elements, ' ') < 0
		       ? -1
		       : 0;
}

int
import_sets_read(struct slice text, struct import_sets *ret)
{
	struct import_sets s = {.left = IMPORT_SETS_BYTES_MAX};
	struct import_set_place p = {0};
	struct import_set *set = NULL;
	struct slice table = {.p = ""};
	int rc = 0;

	while (text.n && rc == 0) {
		struct slice line = import_line(&text);
		bool inside = p.inside, elements = p.elements;

		if (!p.inside && slice_starts(line, SLICE_LIT("table ")))
			table = line;
		if (!import_sets_owns(&p, line))
			continue;
		if (!inside) {
			set = add_set(&s, table, line);
			if (!set && s.n < IMPORT_SETS_MAX)
				rc = -1;
		} else if (set && (elements || slice_starts(line, SLICE_LIT(ELEMENTS_HEAD)))) {
			rc = add_elements(set, line);
		}
	}
	if (rc < 0)
		import_sets_clear(&s);
	else
		*ret = s;
	return rc;
}

void
import_sets_clear(struct import_sets *s)
{
	for (size_t k = 0; k < s->n; k++)
		buf_clear(&s->v[k].elements);
	free(s->v);
	*s = (struct import_sets){0};
}

/* --- elements -----------------------------------------------------------------------------------
 */

/* Takes the next element off the front, without what it has besides its value: "10.0.3.7 timeout
 * 1h expires 59m" or "80 counter packets 0 bytes 0 : 10.0.3.100". *ret_data: behind the colon of a
 * map's. */
static bool
take_element(struct slice *elements, struct slice *ret_key, struct slice *ret_data)
{
	static const char *const extras[] = {" timeout ", " expires ", " counter", " comment "};

	while (elements->n) {
		struct slice one = slice_head(*elements, slice_index(*elements, ','));
		size_t colon;

		*elements = slice_skip(*elements, one.n + 1);
		one = slice_trim(one);
		if (one.n == 0)
			continue;
		colon = find(one, " : ");
		*ret_data = colon < one.n ? slice_trim(slice_skip(one, colon + 3))
					  : (struct slice){.p = ""};
		one = slice_head(one, colon);
		for (size_t k = 0; k < ARRAY_SIZE(extras); k++)
			one = slice_head(one, find(one, extras[k]));
		*ret_key = slice_trim(one);
		return true;
	}
	return false;
}

static struct import_set *
find_set(struct expansion *x, struct slice name)
{
	for (size_t k = 0; k < x->sets->n; k++)
		if (slice_eq(x->sets->v[k].table, x->table) && slice_eq(x->sets->v[k].name, name))
			return &x->sets->v[k];
	return NULL;
}

/* --- one rule -----------------------------------------------------------------------------------
 */

/* What is written out is bounded as a whole. */
static void
emit(struct expansion *x, struct buf *rule)
{
	if (buf_len(rule) > x->sets->left) {
		x->sets->left = 0;
		return;
	}
	x->sets->left -= buf_len(rule);
	x->emit(x->ctx, buf_slice(rule));
}

/* The last thing that `text` asks for, "ip daddr . tcp dport"; *ret_before is what stands before.
 */
static size_t
key_parts(struct slice text, struct slice parts[static KEY_PARTS_MAX], struct slice *ret_before)
{
	static const char *const single[] = {"iifname", "oifname", "iif", "oif"};
	size_t n = 0;

	for (;;) {
		size_t start, words = 2;

		text = slice_trim(text);
		for (size_t k = 0; k < ARRAY_SIZE(single); k++)
			if (slice_ends(text, slice_str(single[k])))
				words = 1;
		start = text.n;
		while (words-- > 0) {
			while (start > 0 && text.p[start - 1] == ' ')
				start--;
			while (start > 0 && text.p[start - 1] != ' ')
				start--;
		}
		if (start == text.n || n == KEY_PARTS_MAX)
			return 0;
		parts[n++] = slice_skip(text, start);
		text = slice_trim(slice_head(text, start));
		if (!slice_ends(text, SLICE_LIT(" .")))
			break;
		text = slice_head(text, text.n - 1);
	}
	*ret_before = text;
	return n;
}

/* "10.0.3.100 . 80" -> "10.0.3.100:80" */
static int
append_target(struct buf *out, struct slice data)
{
	struct slice address = slice_trim(slice_head(data, find(data, " . ")));
	struct slice port = slice_skip(data, find(data, " . ") + 3);
	bool v6 = port.n && slice_index(address, ':') < address.n;

	if (buf_printf(out, v6 ? " dnat to [%.*s]" : " dnat to %.*s", SLICE_ARG(address)) < 0)
		return -1;
	return port.n ? buf_printf(out, ":%.*s", SLICE_ARG(slice_trim(port))) : 0;
}

/* What a map stands in. */
struct mapped {
	struct slice before, after;
	struct slice parts[KEY_PARTS_MAX]; /* the last one first */
	size_t n_parts;
	bool dnat;
};

static int
append_mapped(struct buf *out, const struct mapped *m, struct slice key, struct slice data)
{
	if (buf_append_slice(out, m->before) < 0)
		return -1;
	for (size_t k = m->n_parts; k-- > 0;) {
		struct slice value = slice_trim(slice_head(key, find(key, " . ")));

		key = slice_skip(key, find(key, " . ") + 3);
		if ((buf_len(out) && buf_append_byte(out, ' ') < 0) ||
			buf_printf(out, "%.*s %.*s", SLICE_ARG(m->parts[k]), SLICE_ARG(value)) < 0)
			return -1;
	}
	if (m->dnat ? append_target(out, data) < 0 : buf_printf(out, " %.*s", SLICE_ARG(data)) < 0)
		return -1;
	return m->after.n ? buf_printf(out, " %.*s", SLICE_ARG(m->after)) : 0;
}

/* "... dnat [ip|ip6] [addr . port] to KEY map {", "... KEY vmap {". False: it is neither. */
static bool
read_mapped(struct slice rule, struct mapped *ret, struct slice *ret_elements)
{
	size_t map = find(rule, " map {"), vmap = find(rule, " vmap {");
	bool dnat = map < rule.n;
	size_t at = dnat ? map : vmap, open = at + slice_index(slice_skip(rule, at), '{');
	size_t close = open + slice_index(slice_skip(rule, open), '}');
	struct mapped m = {.dnat = dnat};
	struct slice key;

	if (at >= rule.n || close >= rule.n)
		return false;
	key = slice_head(rule, at);
	if (dnat) {
		size_t word = find(key, "dnat "), to = find(key, " to ");

		if (word >= key.n || to >= key.n || to < word)
			return false;
		m.n_parts = key_parts(slice_skip(key, to + 4), m.parts, &m.before);
		if (m.before.n)
			return false;
		m.before = slice_trim(slice_head(key, word));
	} else {
		m.n_parts = key_parts(key, m.parts, &m.before);
	}
	m.after = slice_trim(slice_skip(rule, close + 1));
	*ret_elements = slice_head(slice_skip(rule, open + 1), close - open - 1);
	*ret = m;
	return m.n_parts > 0;
}

static void
expand_map(struct expansion *x, struct slice rule)
{
	struct slice elements = {.p = ""}, key, data;
	struct mapped m;

	if (!read_mapped(rule, &m, &elements)) {
		x->emit(x->ctx, rule);
		return;
	}
	while (!x->failed && take_element(&elements, &key, &data)) {
		_cleanup_(buf_clear) struct buf one;

		buf_init(&one, IMPORT_TEXT_MAX);
		if (append_mapped(&one, &m, key, data) < 0)
			x->failed = true;
		else
			emit(x, &one);
	}
}

/* Where a rule asks a set: its text around that. */
struct asked {
	struct slice before, after;
	bool map;
	size_t most; /* elements at once */
};

static int
append_one(struct buf *out, const struct asked *a, struct slice key, struct slice data)
{
	if (buf_append_slice(out, key) < 0)
		return -1;
	return a->map ? buf_printf(out, " : %.*s", SLICE_ARG(data)) : 0;
}

/* Appends up to most elements, with commas. Returns how many, or -1. */
static int
append_list(struct buf *out, const struct asked *a, struct slice *elements)
{
	struct slice key, data;
	int n = 0;

	while ((size_t)n < a->most && take_element(elements, &key, &data)) {
		if ((n && buf_append_str(out, ", ") < 0) || append_one(out, a, key, data) < 0)
			return -1;
		n++;
	}
	return n;
}

/* Appends the rule with up to most elements of a set in braces; one of a set alone. Returns how
 * many, or -1. */
static int
append_elements(struct buf *out, const struct asked *a, struct slice *elements)
{
	_cleanup_(buf_clear) struct buf list;
	bool braces;
	int n;

	buf_init(&list, IMPORT_TEXT_MAX);
	n = append_list(&list, a, elements);
	braces = n > 1 || a->map;
	if (n <= 0)
		return n;
	if (buf_printf(out, "%.*s%s", SLICE_ARG(a->before), braces ? "{ " : "") < 0 ||
		buf_append_slice(out, buf_slice(&list)) < 0 ||
		buf_printf(out, "%s%.*s", braces ? " }" : "", SLICE_ARG(a->after)) < 0)
		return -1;
	return n;
}

static bool
drops(struct slice rule)
{
	return find(rule, " drop") < rule.n || find(rule, " reject") < rule.n;
}

/* The first set that the rule asks, written out; what comes of it may ask another. */
static void
expand_sets(struct expansion *x, struct slice rule)
{
	size_t at = slice_index(rule, '@');
	struct slice rest = slice_skip(rule, at + 1);
	struct slice name = slice_head(rest, slice_index(rest, ' '));
	struct import_set *set = at < rule.n ? find_set(x, name) : NULL;
	struct asked a = {.before = slice_head(rule, at),
		.after = slice_skip(rest, name.n),
		.map = slice_ends(slice_head(rule, at), SLICE_LIT("map ")),
		.most = drops(rule) ? CHUNK : SIZE_MAX};
	struct slice elements, key, data;

	elements = set ? buf_slice(&set->elements) : (struct slice){.p = ""};
	if (!set || !take_element(&elements, &key, &data)) {
		expand_map(x, rule);
		return;
	}
	set->used = true;
	elements = buf_slice(&set->elements);
	if (a.map)
		a.most = SIZE_MAX;
	for (;;) {
		_cleanup_(buf_clear) struct buf one;
		int n;

		buf_init(&one, IMPORT_TEXT_MAX);
		n = append_elements(&one, &a, &elements);
		if (n < 0)
			x->failed = true;
		if (n <= 0 || x->failed || buf_len(&one) > x->sets->left)
			return;
		x->sets->left -= buf_len(&one);
		expand_sets(x, buf_slice(&one));
	}
}

int
import_sets_expand(struct import_sets *s, struct slice table, struct slice rule,
	void (*emit_rule)(void *ctx, struct slice rule), void *ctx)
{
	struct expansion x = {.sets = s, .table = table, .emit = emit_rule, .ctx = ctx};

	expand_sets(&x, rule);
	return x.failed ? -1 : 0;
}
