/* Values with variables into parts, and what was probably meant by an unknown one. */
#include "conf/template.h"

#include "conf/suggest.h"

/* "$host, $http_host, …" */
#define VARIABLE_LISTED(id, name, meaning) "$" name ", "
#define VARIABLES TEMPLATE_VARIABLE_TABLE(VARIABLE_LISTED) "$http_NAME, and "

static const struct {
	const char *name, *meaning;
} variables[TEMPLATE_VARIABLE_COUNT] = {
#define VARIABLE(id, name, meaning) [TEMPLATE_##id] = {name, meaning},
	TEMPLATE_VARIABLE_TABLE(VARIABLE)
#undef VARIABLE
};

const char *
template_variable_name(enum template_variable variable)
{
	return variables[variable].name;
}

const char *
template_variable_meaning(enum template_variable variable)
{
	return variables[variable].meaning;
}

/* ---- names ---- */

static bool
is_name_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_';
}

static int
find_variable(struct slice name)
{
	for (int i = 0; i < TEMPLATE_VARIABLE_COUNT; i++)
		if (variables[i].name && slice_eq_str(name, variables[i].name))
			return i;
	return -1;
}

static const char *
nearest_variable(struct slice name)
{
	unsigned best = SUGGEST_NONE;
	const char *found = NULL;

	for (size_t i = 0; i < TEMPLATE_VARIABLE_COUNT; i++)
		if (variables[i].name && suggest_better(name, slice_str(variables[i].name), &best))
			found = variables[i].name;
	return found;
}

static int
unknown_variable(struct slice name, struct err *e)
{
	const char *near = nearest_variable(name);

	name = slice_head(name, SUGGEST_WORD_MAX);
	if (near)
		return err_set(e, "unknown variable \"$%.*s\"; did you mean \"$%s\"?",
			SLICE_ARG(name), near);
	return err_set(e, "unknown variable \"$%.*s\"; there are " VARIABLES "$$ for a dollar",
		SLICE_ARG(name));
}

/* ---- parts ---- */

/* A variable whose '$' is at value[*at]; moves *at behind it. */
static int
parse_variable(struct slice value, size_t *at, struct template_part *ret, struct err *e)
{
	size_t from = *at + 1, to;
	bool braces = from < value.n && value.p[from] == '{';
	struct slice name;
	int variable;

	from += braces;
	for (to = from; to < value.n && is_name_byte(value.p[to]); to++)
		;
	name = slice_of(value.p + from, to - from);
	if (braces && (to == value.n || value.p[to] != '}'))
		return err_set(e, "a \"${\" that no \"}\" closes");
	if (name.n == 0)
		return err_set(e, "a \"$\" without the name of a variable; write $$ for a dollar");
	*at = to + braces;
	variable = find_variable(name);
	if (variable >= 0) {
		*ret = (struct template_part){.variable = (uint8_t)variable};
		return 0;
	}
	if (!slice_starts(name, SLICE_LIT("http_")) || name.n == sizeof("http_") - 1)
		return unknown_variable(name, e);
	if (name.n > TEMPLATE_HTTP_NAME_MAX)
		return err_set(e, "the field's name in \"$http_...\" is longer than %d bytes",
			TEMPLATE_HTTP_NAME_MAX);
	*ret = (struct template_part){.variable = TEMPLATE_HTTP_FIELD,
		.at = (uint16_t)(from + sizeof("http_") - 1),
		.n = (uint16_t)(name.n - (sizeof("http_") - 1))};
	return 0;
}

/* Plain text from value[*at] on; "$$" is its second dollar. */
static struct template_part
parse_text(struct slice value, size_t *at)
{
	size_t from = *at, to;

	if (value.p[from] == '$') {
		*at = from + 2;
		return (struct template_part){.at = (uint16_t)(from + 1), .n = 1};
	}
	for (to = from; to < value.n && value.p[to] != '$'; to++)
		;
	*at = to;
	return (struct template_part){.at = (uint16_t)from, .n = (uint16_t)(to - from)};
}

/* RFC 9110 section 5.5: of these only the tab may stand in a value. */
static bool
is_control(char c)
{
	return ((unsigned char)c < ' ' && c != '\t') || c == 0x7f;
}

int
template_parse(struct slice value, struct template_part parts[static TEMPLATE_PARTS_MAX],
	size_t *ret_n, struct err *e)
{
	size_t n = 0;

	if (value.n > UINT16_MAX)
		return err_set(e, "the value is too long");
	for (size_t i = 0; i < value.n; i++)
		if (is_control(value.p[i]))
			return err_set(e, "a field's value can't hold control characters");
	for (size_t at = 0; at < value.n; n++) {
		bool dollar = value.p[at] == '$';

		if (n == TEMPLATE_PARTS_MAX)
			return err_set(e, "more than %d variables and texts in one value",
				TEMPLATE_PARTS_MAX);
		if (!dollar || (at + 1 < value.n && value.p[at + 1] == '$'))
			parts[n] = parse_text(value, &at);
		else if (parse_variable(value, &at, &parts[n], e) < 0)
			return -1;
	}
	*ret_n = n;
	return 0;
}
