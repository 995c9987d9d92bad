/* Cache-Control and its targeted kin: two grammars, one result. */
#include "proxy/cache/cache_control.h"

#include "core/num.h"
#include "proxy/http/http_field.h"

void
cache_control_init(struct cache_control *c)
{
	*c = (struct cache_control){
#define CACHE_CONTROL_NONE(member, name) .member = -1,
		CACHE_CONTROL_SECONDS(CACHE_CONTROL_NONE)
#undef CACHE_CONTROL_NONE
	};
}

static bool *
find_flag(struct cache_control *c, struct slice name)
{
#define CACHE_CONTROL_FIND(member, text)                                                           \
	if (slice_ieq(name, SLICE_LIT(text)))                                                      \
		return &c->member;
	CACHE_CONTROL_FLAGS(CACHE_CONTROL_FIND)
#undef CACHE_CONTROL_FIND
	return NULL;
}

static int64_t *
find_seconds(struct cache_control *c, struct slice name)
{
#define CACHE_CONTROL_FIND(member, text)                                                           \
	if (slice_ieq(name, SLICE_LIT(text)))                                                      \
		return &c->member;
	CACHE_CONTROL_SECONDS(CACHE_CONTROL_FIND)
#undef CACHE_CONTROL_FIND
	return NULL;
}

/* Digits alone; what is too large for us is the largest. */
static int64_t
parse_seconds(struct slice s)
{
	uint64_t n;

	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return 0;
	if (s.n == 0)
		return 0;
	if (num_parse(s, 0, (uint64_t)CACHE_SECONDS_MAX, &n) < 0)
		return CACHE_SECONDS_MAX;
	return (int64_t)n;
}

/* The argument of no-cache or private. Without room for it, the directive counts for the whole. */
static bool
keep_list(struct cache_control *c, struct slice list)
{
	if (list.n == 0 || c->n_lists == CACHE_LISTS_MAX)
		return false;
	c->lists[c->n_lists++] = list;
	return true;
}

static void
take(struct cache_control *c, struct slice name, struct slice value)
{
	int64_t *seconds = find_seconds(c, name);
	bool *flag;

	if (seconds) {
		int64_t n = parse_seconds(value);

		if (*seconds < 0 || n < *seconds)
			*seconds = n;
		return;
	}
	flag = find_flag(c, name);
	if (!flag)
		return;
	if ((flag == &c->no_cache || flag == &c->is_private) && keep_list(c, value))
		return;
	*flag = true;
}

/* The length of the next directive: up to a comma that is not in a quoted text. */
static size_t
directive_length(struct slice s)
{
	bool quoted = false;
	size_t i = 0;

	for (; i < s.n && (quoted || s.p[i] != ','); i++) {
		if (s.p[i] == '"')
			quoted = !quoted;
		else if (quoted && s.p[i] == '\\')
			i++;
	}
	return i < s.n ? i : s.n;
}

static struct slice
unquote(struct slice s)
{
	if (s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"')
		return slice_head(slice_skip(s, 1), s.n - 2);
	return s;
}

void
cache_control_add(struct cache_control *c, struct slice value)
{
	while (value.n > 0) {
		size_t n = directive_length(value);
		struct slice directive = slice_trim(slice_head(value, n));
		size_t equals = slice_index(directive, '=');

		take(c, slice_head(directive, equals), unquote(slice_skip(directive, equals + 1)));
		value = slice_skip(value, n + 1);
	}
}

/* --- structured fields (RFC 8941 section 4.2.2) ---------------------------------------------- */

struct sf {
	const char *at, *end;
};

enum sf_type { SF_TRUE, SF_INTEGER, SF_TEXT, SF_OTHER };

struct sf_item {
	enum sf_type type;
	int64_t integer;
	struct slice text; /* of a string, between its quotes, or of a token */
};

static bool
sf_is(const struct sf *s, char c)
{
	return s->at < s->end && *s->at == c;
}

static bool
sf_eat(struct sf *s, char c)
{
	if (!sf_is(s, c))
		return false;
	s->at++;
	return true;
}

static void
sf_skip(struct sf *s, bool tabs)
{
	while (sf_is(s, ' ') || (tabs && sf_is(s, '\t')))
		s->at++;
}

static bool
is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_alpha(char c)
{
	return is_lower(c) || (c >= 'A' && c <= 'Z');
}

static bool
is_one_of(char c, const char *set)
{
	return c != '\0' && strchr(set, c) != NULL;
}

static int
sf_key(struct sf *s, struct slice *ret)
{
	const char *from = s->at;

	if (s->at == s->end || (!is_lower(*s->at) && *s->at != '*'))
		return -1;
	while (s->at < s->end &&
		(is_lower(*s->at) || is_digit(*s->at) || is_one_of(*s->at, "_-.*")))
		s->at++;
	*ret = slice_of(from, (size_t)(s->at - from));
	return 0;
}

/* An integer of at most 15 digits, or a decimal of at most 12 and 3. */
static int
sf_number(struct sf *s, struct sf_item *ret)
{
	bool negative = sf_eat(s, '-');
	const char *from = s->at;
	int64_t n = 0;

	for (; s->at < s->end && is_digit(*s->at); s->at++) {
		if (s->at - from == 15)
			return -1;
		n = n * 10 + (*s->at - '0');
	}
	if (s->at == from)
		return -1;
	if (sf_is(s, '.')) {
		size_t whole = (size_t)(s->at - from);
		const char *point = s->at++;

		while (s->at < s->end && is_digit(*s->at))
			s->at++;
		*ret = (struct sf_item){.type = SF_OTHER};
		return whole <= 12 && s->at - point > 1 && s->at - point <= 4 ? 0 : -1;
	}
	*ret = (struct sf_item){.type = SF_INTEGER, .integer = negative ? -n : n};
	return 0;
}

static int
sf_string(struct sf *s, struct sf_item *ret)
{
	const char *from = ++s->at;

	for (; s->at < s->end; s->at++) {
		if (*s->at == '"') {
			*ret = (struct sf_item){
				.type = SF_TEXT, .text = slice_of(from, (size_t)(s->at - from))};
			s->at++;
			return 0;
		}
		if (*s->at == '\\' && (++s->at == s->end || (*s->at != '"' && *s->at != '\\')))
			return -1;
		if (*s->at < 0x20 || *s->at > 0x7e)
			return -1;
	}
	return -1;
}

static int
sf_token(struct sf *s, struct sf_item *ret)
{
	const char *from = s->at;

	while (s->at < s->end &&
		(is_alpha(*s->at) || is_digit(*s->at) || is_one_of(*s->at, "!#$%&'*+-.^_`|~:/")))
		s->at++;
	*ret = (struct sf_item){.type = SF_TEXT, .text = slice_of(from, (size_t)(s->at - from))};
	return 0;
}

/* ":YmFzZTY0:" */
static int
sf_bytes(struct sf *s, struct sf_item *ret)
{
	s->at++;
	while (s->at < s->end && (is_alpha(*s->at) || is_digit(*s->at) || is_one_of(*s->at, "+/=")))
		s->at++;
	*ret = (struct sf_item){.type = SF_OTHER};
	return sf_eat(s, ':') ? 0 : -1;
}

static int
sf_boolean(struct sf *s, struct sf_item *ret)
{
	s->at++;
	if (!sf_is(s, '0') && !sf_is(s, '1'))
		return -1;
	*ret = (struct sf_item){.type = *s->at++ == '1' ? SF_TRUE : SF_OTHER};
	return 0;
}

static int
sf_bare_item(struct sf *s, struct sf_item *ret)
{
	if (s->at == s->end)
		return -1;
	if (is_digit(*s->at) || *s->at == '-')
		return sf_number(s, ret);
	if (*s->at == '"')
		return sf_string(s, ret);
	if (is_alpha(*s->at) || *s->at == '*')
		return sf_token(s, ret);
	if (*s->at == ':')
		return sf_bytes(s, ret);
	return *s->at == '?' ? sf_boolean(s, ret) : -1;
}

static int
sf_parameters(struct sf *s)
{
	struct sf_item item;
	struct slice key;

	while (sf_eat(s, ';')) {
		sf_skip(s, false);
		if (sf_key(s, &key) < 0 || (sf_eat(s, '=') && sf_bare_item(s, &item) < 0))
			return -1;
	}
	return 0;
}

static int
sf_inner_list(struct sf *s, struct sf_item *ret)
{
	struct sf_item item;

	s->at++;
	*ret = (struct sf_item){.type = SF_OTHER};
	for (;;) {
		sf_skip(s, false);
		if (sf_eat(s, ')'))
			return 0;
		if (sf_bare_item(s, &item) < 0 || sf_parameters(s) < 0)
			return -1;
		if (!sf_is(s, ' ') && !sf_is(s, ')'))
			return -1;
	}
}

/* One member of the dictionary. The last of several of the same key counts, as it does there. */
static int
sf_member(struct sf *s, struct cache_control *c)
{
	struct sf_item item = {.type = SF_TRUE};
	int64_t *seconds;
	struct slice key;
	bool *flag;

	if (sf_key(s, &key) < 0)
		return -1;
	if (sf_eat(s, '=') &&
		(sf_is(s, '(') ? sf_inner_list(s, &item) : sf_bare_item(s, &item)) < 0)
		return -1;
	if (sf_parameters(s) < 0)
		return -1;
	seconds = find_seconds(c, key);
	flag = find_flag(c, key);
	if (seconds && item.type == SF_INTEGER) {
		*seconds = item.integer < 0                   ? 0
			   : item.integer < CACHE_SECONDS_MAX ? item.integer
							      : CACHE_SECONDS_MAX;
	} else if (flag && item.type == SF_TRUE) {
		*flag = true;
	} else if (flag && item.type == SF_TEXT &&
		   (flag == &c->no_cache || flag == &c->is_private)) {
		*flag = *flag || !keep_list(c, item.text);
	}
	return 0;
}

int
cache_control_add_targeted(struct cache_control *c, struct slice value)
{
	struct sf s = {.at = value.p, .end = value.n ? value.p + value.n : value.p};

	sf_skip(&s, false);
	while (s.at < s.end) {
		if (sf_member(&s, c) < 0)
			return -1;
		sf_skip(&s, true);
		if (s.at == s.end)
			return 0;
		if (!sf_eat(&s, ','))
			return -1;
		sf_skip(&s, true);
		if (s.at == s.end)
			return -1; /* a comma behind the last member */
	}
	return 0;
}

bool
cache_control_lists(const struct cache_control *c, struct slice name)
{
	for (size_t i = 0; i < c->n_lists; i++) {
		struct slice rest = c->lists[i], one;

		while (http_list_next(&rest, &one))
			if (slice_ieq(one, name))
				return true;
	}
	return false;
}
