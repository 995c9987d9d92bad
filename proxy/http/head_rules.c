/*
 * Header rules: first every rule is run into a list of edits (what is taken away, what is put in),
 * then the head is copied line by line around them. The text of the values and the old head stand
 * in the scratch buffer meanwhile.
 */
#include "proxy/http/head_rules.h"

#include "proxy/http/http_scan.h"

#include <assert.h>

#define EDITS_MAX ((size_t)HEAD_RULES_PLACES * CONF_HEADER_RULES_MAX)

/* One rule that ran. */
struct edit {
	struct slice name;
	uint32_t at, n; /* the value in scratch; n 0: nothing is put in */
	bool takes;     /* the head's own fields of that name go */
};

struct run {
	const struct head_facts *facts;
	struct buf *text;
	size_t begin; /* the values' first byte in text */
	size_t n;
	struct edit edits[EDITS_MAX];
};

/* ---- values ---- */

static int
put_number(struct buf *out, unsigned number)
{
	return number ? buf_printf(out, "%u", number) : 0;
}

/* The host part of Host in lower case: nginx's $host. */
static int
put_host(const struct http_request *r, struct buf *out)
{
	struct slice host = http_request_slice(r, r->host);
	char *to = buf_reserve(out, host.n + 1);

	if (!to)
		return -1;
	for (size_t i = 0; i < host.n; i++)
		to[i] = (char)(host.p[i] >= 'A' && host.p[i] <= 'Z' ? host.p[i] | 0x20 : host.p[i]);
	buf_commit(out, host.n);
	return 0;
}

/* The path decoded may hold any byte but NUL; what no field may hold stays encoded. */
static int
put_path(struct slice path, struct buf *out)
{
	size_t from = 0;

	for (size_t i = 0; i < path.n; i++) {
		if (http_is_value_byte(path.p[i]) && path.p[i] != '\t')
			continue;
		if (buf_append(out, path.p + from, i - from) < 0 ||
			buf_printf(out, "%%%02X", (unsigned)(uint8_t)path.p[i]) < 0)
			return -1;
		from = i + 1;
	}
	return from == path.n ? 0 : buf_append(out, path.p + from, path.n - from);
}

static int
put_request_uri(const struct http_request *r, struct buf *out)
{
	if (buf_append_slice(out, http_request_slice(r, r->path)) < 0)
		return -1;
	if (!r->has_query)
		return 0;
	return buf_append_byte(out, '?') < 0
		       ? -1
		       : buf_append_slice(out, http_request_slice(r, r->query));
}

/* Whether the field is meant by $http_NAME: in lower case, '_' for '-'. Names that hold '_' or '.'
 * themselves are dropped everywhere, and so they are here. */
static bool
is_named(const struct http_request *r, const struct http_field *field, struct slice name)
{
	struct slice sent = http_request_slice(r, field->name);

	if (sent.n != name.n || (field->flags & HTTP_FIELD_ODD))
		return false;
	for (size_t i = 0; i < sent.n; i++) {
		char c = sent.p[i];
		char want = name.p[i];

		if (c == '-')
			c = '_';
		if ((c | 0x20) != (want | 0x20) || (c == '_') != (want == '_'))
			return false;
	}
	return true;
}

/* All fields of the name, joined as one (RFC 9110 section 5.3; cookies RFC 6265 section 4.2). */
static int
put_fields(const struct http_request *r, struct slice name, struct buf *out)
{
	bool first = true;

	for (size_t i = 0; i < r->n_fields; i++) {
		const struct http_field *field = &r->fields[i];

		if (!is_named(r, field, name))
			continue;
		if (!first && buf_append_str(out, field->id == HTTP_NAME_COOKIE ? "; " : ", ") < 0)
			return -1;
		if (buf_append_slice(out, http_request_slice(r, field->value)) < 0)
			return -1;
		first = false;
	}
	return 0;
}

static int
put_forwarded_for(const struct head_facts *f, struct buf *out)
{
	size_t before = buf_len(out);

	if (put_fields(f->request, SLICE_LIT("x_forwarded_for"), out) < 0)
		return -1;
	if (buf_len(out) > before && buf_append_str(out, ", ") < 0)
		return -1;
	return buf_append_slice(out, f->peer);
}

static int
put_variable(const struct head_facts *f, enum template_variable variable, struct slice text,
	struct buf *out)
{
	const struct http_request *r = f->request;

	switch (variable) {
	case TEMPLATE_TEXT:
		return buf_append_slice(out, text);
	case TEMPLATE_HTTP_FIELD:
		return put_fields(r, text, out);
	case TEMPLATE_HOST:
		return put_host(r, out);
	case TEMPLATE_HTTP_HOST:
		return buf_append_slice(out, http_request_slice(r, r->host_field));
	case TEMPLATE_REMOTE_ADDR:
		return buf_append_slice(out, f->client);
	case TEMPLATE_REMOTE_PORT:
		return put_number(out, f->client_port);
	case TEMPLATE_SERVER_PORT:
		return put_number(out, f->server_port);
	case TEMPLATE_SCHEME:
		return buf_append_str(out, f->tls ? "https" : "http");
	case TEMPLATE_REQUEST_URI:
		return put_request_uri(r, out);
	case TEMPLATE_URI:
		return put_path(f->path, out);
	case TEMPLATE_ARGS:
		return buf_append_slice(out, http_request_slice(r, r->query));
	case TEMPLATE_REQUEST_METHOD:
		return buf_append_slice(out, http_request_slice(r, r->method_text));
	case TEMPLATE_PROXY_ADD_X_FORWARDED_FOR:
		return put_forwarded_for(f, out);
	case TEMPLATE_REQUEST_ID:
		return buf_append_slice(out, f->request_id);
	case TEMPLATE_SERVER_NAME:
		return buf_append_slice(out, f->server_name);
	case TEMPLATE_VARIABLE_COUNT:
		break;
	}
	return -1;
}

/* The value of the rule, trimmed, into the text; *ret is where it stands. */
static int
put_value(struct run *run, const struct conf_header_rule *rule, struct slice *ret)
{
	size_t before = buf_len(run->text);

	for (size_t i = 0; i < rule->n_parts; i++) {
		const struct template_part *part = &rule->parts[i];

		if (put_variable(run->facts, (enum template_variable)part->variable,
			    slice_of(rule->value + part->at, part->n), run->text) < 0 ||
			buf_len(run->text) - run->begin > HEAD_RULES_TEXT_MAX)
			return -1;
	}
	*ret = slice_trim(slice_skip(buf_slice(run->text), before));
	/* Values come from heads that were checked, and from a file that was; this is the lock
	 * behind the door. */
	if (!http_is_value(ret->p, ret->n))
		ret->n = 0;
	return 0;
}

/* ---- edits ---- */

static void
cancel_earlier(struct run *run, struct slice name)
{
	for (size_t i = 0; i < run->n; i++)
		if (slice_ieq(run->edits[i].name, name))
			run->edits[i].n = 0;
}

static bool
is_host(struct slice name)
{
	return slice_ieq(name, SLICE_LIT("host"));
}

/* Whether this may stand as the one Host of a request (RFC 9110 section 7.2). */
static bool
may_be_host(struct slice value)
{
	struct slice host;
	uint16_t port;

	return value.n > 0 && http_host_split(value, &host, &port) == 0 && host.n > 0;
}

static int
run_rule(struct run *run, const struct conf_header_rule *rule)
{
	struct edit *edit = &run->edits[run->n];
	struct slice value = {0};

	*edit = (struct edit){
		.name = slice_str(rule->name), .takes = rule->verb != CONF_HEADER_ADD};
	if (rule->verb != CONF_HEADER_REMOVE && put_value(run, rule, &value) < 0)
		return -1;
	if (rule->side == CONF_HEADER_REQUEST && is_host(edit->name) && !may_be_host(value))
		return 0;
	if (edit->takes)
		cancel_earlier(run, edit->name);
	if (value.n > 0) {
		edit->at = (uint32_t)(value.p - buf_slice(run->text).p);
		edit->n = (uint32_t)value.n;
	}
	run->n++;
	return 0;
}

static int
run_rules(struct run *run, const struct head_rules *r)
{
	for (size_t i = 0; i < HEAD_RULES_PLACES; i++) {
		const struct conf_heads *heads = r->places[i];

		if (!heads || heads->n_side[r->side] == 0)
			continue;
		for (size_t k = 0; k < heads->n_rules; k++)
			if (heads->rules[k].side == r->side &&
				heads->rules[k].verb != CONF_HEADER_PASS &&
				run_rule(run, &heads->rules[k]) < 0)
				return -1;
	}
	return 0;
}

/* ---- what is left of the client's own ---- */

/* Whether the variable is the same for all requests with one scheme, host, path, query and port. */
static bool
is_fixed(enum template_variable variable)
{
	switch (variable) {
	case TEMPLATE_TEXT:
	case TEMPLATE_HOST:
	case TEMPLATE_SERVER_PORT:
	case TEMPLATE_SCHEME:
	case TEMPLATE_URI:
	case TEMPLATE_ARGS:
	case TEMPLATE_SERVER_NAME:
		return true;
	case TEMPLATE_HTTP_FIELD:
	case TEMPLATE_HTTP_HOST:
	case TEMPLATE_REMOTE_ADDR:
	case TEMPLATE_REMOTE_PORT:
	case TEMPLATE_REQUEST_URI:
	case TEMPLATE_REQUEST_METHOD:
	case TEMPLATE_PROXY_ADD_X_FORWARDED_FOR:
	case TEMPLATE_REQUEST_ID:
	case TEMPLATE_VARIABLE_COUNT:
		break;
	}
	return false;
}

static enum head_rules_effect
rule_effect(const struct conf_header_rule *rule, enum head_rules_effect before)
{
	for (size_t i = 0; i < rule->n_parts; i++)
		if (!is_fixed((enum template_variable)rule->parts[i].variable))
			return HEAD_RULES_MAKE;
	return rule->verb == CONF_HEADER_ADD ? before : HEAD_RULES_FIX;
}

enum head_rules_effect
head_rules_effect(const struct head_rules *r, struct slice name)
{
	enum head_rules_effect effect = HEAD_RULES_LEAVE;

	for (size_t i = 0; i < HEAD_RULES_PLACES; i++)
		for (size_t k = 0; r->places[i] && k < r->places[i]->n_rules; k++) {
			const struct conf_header_rule *rule = &r->places[i]->rules[k];

			if (rule->side == r->side && rule->verb != CONF_HEADER_PASS &&
				slice_ieq(slice_str(rule->name), name))
				effect = rule_effect(rule, effect);
		}
	return effect;
}

/* ---- the head ---- */

static int
put_edit(struct run *run, struct edit *edit, struct buf *out)
{
	struct slice value = slice_of(buf_slice(run->text).p + edit->at, edit->n);

	edit->n = 0;
	if (buf_append_slice(out, edit->name) < 0 || buf_append_str(out, ": ") < 0 ||
		buf_append_slice(out, value) < 0)
		return -1;
	return buf_append_str(out, "\r\n");
}

static bool
is_taken(const struct run *run, struct slice name)
{
	for (size_t i = 0; i < run->n; i++)
		if (run->edits[i].takes && slice_ieq(run->edits[i].name, name))
			return true;
	return false;
}

/* Host stays the first field of a request, whoever says it. */
static int
put_host_edit(struct run *run, struct buf *out)
{
	for (size_t i = 0; i < run->n; i++)
		if (run->edits[i].n > 0 && is_host(run->edits[i].name))
			return put_edit(run, &run->edits[i], out);
	return 0;
}

/* One line with its CRLF: as it is, or not at all. */
static int
copy_line(struct run *run, struct slice line, bool request, struct buf *out)
{
	struct slice name = slice_head(line, slice_index(line, ':'));

	if (!is_taken(run, name))
		return buf_append_slice(out, line);
	return request && is_host(name) ? put_host_edit(run, out) : 0;
}

/* The old head is text[0, n) of the scratch buffer. */
static int
rewrite(struct run *run, size_t n, bool request, struct buf *out)
{
	struct slice rest = slice_head(buf_slice(run->text), n);
	bool first = true;

	for (;;) {
		struct slice line = slice_head(rest, slice_index(rest, '\n') + 1);

		if (line.n <= 2)
			break;
		if ((first ? buf_append_slice(out, line) : copy_line(run, line, request, out)) < 0)
			return -1;
		first = false;
		rest = slice_skip(rest, line.n);
	}
	for (size_t i = 0; i < run->n; i++)
		if (run->edits[i].n > 0 && put_edit(run, &run->edits[i], out) < 0)
			return -1;
	return buf_append_slice(out, rest);
}

int
head_rules_apply(const struct head_rules *r, const struct head_facts *f, size_t from,
	struct buf *scratch, struct buf *out)
{
	struct slice old = slice_skip(buf_slice(out), from);
	struct run run; /* its edits are written as they are made */

	if (!head_rules_any(r))
		return 0;
	run.facts = f;
	run.text = scratch;
	run.begin = old.n;
	run.n = 0;
	buf_reset(scratch);
	if (buf_append_slice(scratch, old) < 0 || run_rules(&run, r) < 0)
		return -1;
	out->end = out->start + from;
	if (rewrite(&run, old.n, r->side == CONF_HEADER_REQUEST, out) == 0)
		return 0;
	out->end = out->start + from;
	/* It was there before. */
	if (buf_append_slice(out, slice_head(buf_slice(scratch), old.n)) < 0)
		assert(false);
	return -1;
}
