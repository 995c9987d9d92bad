/* What `nft -j list ruleset` shows: the same rules as objects. */
#include "daemon/import/import.h"

#include "core/own.h"
#include "daemon/import/import_json_sets.h"

#include <jansson.h>
#include <string.h>

static const char *
text_of(const json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));

	return s ? s : "";
}

static struct slice
slice_value(const json_t *value)
{
	return slice_str(json_string_value(value));
}

static void
add_port(struct import_rule *r, const json_t *value)
{
	const json_t *range = json_object_get(value, "range");
	json_int_t low = json_integer_value(range ? json_array_get(range, 0) : value);
	json_int_t high = json_integer_value(range ? json_array_get(range, 1) : value);

	if (low < 1 || high < low || high > UINT16_MAX || r->n_ports == IMPORT_PORTS_MAX)
		import_odd(r, "its ports are not understood");
	else
		r->ports[r->n_ports++] =
			(struct import_ports){.low = (uint16_t)low, .high = (uint16_t)high};
}

/* "10.0.3.7", or {"prefix": {"addr": "10.0.3.0", "len": 24}} */
static int
read_prefix(const json_t *value, struct prefix *ret)
{
	const json_t *p = json_object_get(value, "prefix");
	json_int_t len = json_integer_value(json_object_get(p, "len"));
	struct prefix found = {0};

	if (!p)
		return import_prefix(slice_value(value), ret);
	if (addr_parse(slice_str(text_of(p, "addr")), &found.addr) < 0 || len < 0 ||
		len > (json_int_t)addr_len(&found.addr) * 8)
		return -1;
	found.len = (uint8_t)len;
	*ret = found;
	return 0;
}

static void
add_source(struct import_rule *r, const json_t *value)
{
	if (r->n_from == IMPORT_SOURCES_MAX || read_prefix(value, &r->from[r->n_from]) < 0)
		import_odd(r, "its sources are not understood");
	else
		r->n_from++;
}

static void
add_destination(struct import_rule *r, const json_t *value)
{
	if (r->to.addr.family || read_prefix(value, &r->to) < 0)
		import_odd(r, "its destination is not understood");
}

static void
add_protocol(struct import_rule *r, const json_t *value)
{
	struct slice s = slice_value(value);

	if (slice_eq_str(s, "tcp"))
		r->tcp = true;
	else if (slice_eq_str(s, "udp"))
		r->udp = true;
	else
		import_odd(r, "its protocol is neither tcp nor udp");
}

static void
add_state(struct import_rule *r, const json_t *value)
{
	struct slice s = slice_value(value);

	r->established = true;
	if (!slice_eq_str(s, "established") && !slice_eq_str(s, "related") &&
		!slice_eq_str(s, "dnat"))
		import_odd(r, "it depends on a connection's state");
}

/* A value, each of {"set": […]}, or each of a list. */
static void
each_value(struct import_rule *r, const json_t *right,
	void (*add)(struct import_rule *r, const json_t *value))
{
	const json_t *set = json_object_get(right, "set");

	if (!set && json_is_array(right))
		set = right;
	if (!set) {
		add(r, right);
		return;
	}
	if (!json_is_array(set))
		add(r, set);
	for (size_t k = 0; k < json_array_size(set); k++)
		add(r, json_array_get(set, k));
}

/* An interface, or the only one of a set. */
static const json_t *
only_one(const json_t *right)
{
	const json_t *set = json_object_get(right, "set");

	return json_array_size(set) == 1 ? json_array_get(set, 0) : right;
}

static void
match_meta(struct import_rule *r, const char *key, const json_t *right, bool negated)
{
	if (strcmp(key, "iifname") == 0 || strcmp(key, "iif") == 0) {
		r->in_not = negated;
		if (import_ifname(slice_value(only_one(right)), r->in) < 0)
			import_odd(r, "its interface is not understood");
	} else if (strcmp(key, "oifname") == 0 || strcmp(key, "oif") == 0) {
		r->out_not = negated;
		if (import_ifname(slice_value(only_one(right)), r->out) < 0)
			import_odd(r, "its interface is not understood");
	} else if (strcmp(key, "l4proto") == 0 && !negated) {
		each_value(r, right, add_protocol);
	} else if (strcmp(key, "nfproto") != 0 || negated) {
		import_odd(r, "it asks for a field that is not understood");
	}
}

static void
match_payload(struct import_rule *r, const json_t *payload, const json_t *right, bool negated)
{
	const char *protocol = text_of(payload, "protocol"), *field = text_of(payload, "field");
	bool ip = strcmp(protocol, "ip") == 0 || strcmp(protocol, "ip6") == 0;

	if (ip && strcmp(field, "saddr") == 0) {
		r->from_not = negated;
		each_value(r, right, add_source);
	} else if (ip && strcmp(field, "daddr") == 0) {
		r->to_not = negated;
		each_value(r, right, add_destination);
	} else if (ip && !negated &&
		   (strcmp(field, "protocol") == 0 || strcmp(field, "nexthdr") == 0)) {
		each_value(r, right, add_protocol);
	} else if (!ip && !negated && strcmp(field, "dport") == 0) {
		r->tcp = r->tcp || strcmp(protocol, "tcp") == 0;
		r->udp = r->udp || strcmp(protocol, "udp") == 0;
		each_value(r, right, add_port);
	} else {
		import_odd(r, "it asks for a field that is not understood");
	}
}

static void
take_match(struct import_rule *r, const json_t *match)
{
	const json_t *left = json_object_get(match, "left");
	const json_t *right = json_object_get(match, "right"), *of;
	const char *op = text_of(match, "op");
	bool negated = strcmp(op, "!=") == 0;

	if (!negated && strcmp(op, "==") != 0 && strcmp(op, "in") != 0)
		import_odd(r, "it compares in a way that is not understood");
	else if ((of = json_object_get(left, "meta")))
		match_meta(r, text_of(of, "key"), right, negated);
	else if ((of = json_object_get(left, "payload")))
		match_payload(r, of, right, negated);
	else if ((of = json_object_get(left, "ct")) && !negated &&
		 (strcmp(text_of(of, "key"), "state") == 0 ||
			 strcmp(text_of(of, "key"), "status") == 0))
		each_value(r, right, add_state);
	else if (!(of = json_object_get(left, "fib")) || negated ||
		 strcmp(text_of(of, "result"), "type") != 0 ||
		 !slice_eq_str(slice_value(right), "local"))
		import_odd(r, "it asks for a field that is not understood");
}

static void
take_dnat(struct import_rule *r, const json_t *dnat)
{
	const json_t *port = json_object_get(dnat, "port");
	struct import_rule ports = {0};

	r->verdict = IMPORT_DNAT;
	if (addr_parse(slice_str(text_of(dnat, "addr")), &r->target) < 0)
		import_odd(r, "its target is not understood");
	if (!port)
		return;
	add_port(&ports, port);
	if (ports.n_ports)
		r->target_ports = ports.ports[0];
	else
		import_odd(r, "its target is not understood");
}

static void
take_statement(struct import_rule *r, const json_t *statement)
{
	const char *key = json_object_iter_key(json_object_iter((json_t *)(uintptr_t)statement));
	const json_t *value = key ? json_object_get(statement, key) : NULL;

	if (!key)
		key = "";
	if (strcmp(key, "match") == 0)
		take_match(r, value);
	else if (strcmp(key, "dnat") == 0)
		take_dnat(r, value);
	else if (strcmp(key, "masquerade") == 0)
		r->verdict = IMPORT_MASQUERADE;
	else if (strcmp(key, "accept") == 0)
		r->verdict = IMPORT_ACCEPT;
	else if (strcmp(key, "drop") == 0 || strcmp(key, "reject") == 0)
		r->verdict = IMPORT_DROP;
	else if (strcmp(key, "jump") == 0 || strcmp(key, "goto") == 0)
		r->verdict = IMPORT_JUMP;
	else if (strcmp(key, "xt") == 0)
		import_odd(r, "iptables made it, and nft's JSON does not say what it does; try "
			      "`iptables-save | sluice import iptables`");
	else if (strcmp(key, "counter") != 0)
		import_odd(r, "it has a word that is not understood");
}

/* The hook of the chain that a rule stands in, from the chains of the same list. */
static enum import_chain
chain_of(const json_t *list, const json_t *rule)
{
	static const struct {
		const char *hook;
		enum import_chain chain;
	} hooks[] = {{"prerouting", IMPORT_PREROUTING}, {"output", IMPORT_OUTPUT},
		{"postrouting", IMPORT_POSTROUTING}, {"forward", IMPORT_FORWARD},
		{"input", IMPORT_INPUT}};

	for (size_t k = 0; k < json_array_size(list); k++) {
		const json_t *chain = json_object_get(json_array_get(list, k), "chain");

		if (!chain || strcmp(text_of(chain, "family"), text_of(rule, "family")) != 0 ||
			strcmp(text_of(chain, "table"), text_of(rule, "table")) != 0 ||
			strcmp(text_of(chain, "name"), text_of(rule, "chain")) != 0)
			continue;
		for (size_t n = 0; n < ARRAY_SIZE(hooks); n++)
			if (strcmp(text_of(chain, "hook"), hooks[n].hook) == 0)
				return hooks[n].chain;
	}
	return IMPORT_OTHER;
}

static void
take_statements(struct import *i, enum import_chain chain, const json_t *statements)
{
	_free_ char *text = json_dumps(statements, JSON_COMPACT | JSON_ENCODE_ANY);
	struct import_rule r = {.line = slice_str(text ? text : "a rule"), .chain = chain};

	for (size_t k = 0; k < json_array_size(statements); k++)
		take_statement(&r, json_array_get(statements, k));
	import_take(i, &r);
}

static void
take_rule(struct import *i, struct import_json_sets *sets, const json_t *rule)
{
	enum import_chain chain = chain_of(sets->list, rule);
	json_t *all = import_json_expand(sets, rule);

	if (!all)
		i->failed = true;
	for (size_t k = 0; k < json_array_size(all); k++)
		take_statements(i, chain, json_array_get(all, k));
	json_decref(all);
}

/* What no rule asks, and what is neither rule nor set. */
static void
take_other(struct import *i, const struct import_json_sets *sets, const json_t *entry)
{
	_free_ char *line = json_dumps(entry, JSON_COMPACT | JSON_ENCODE_ANY);
	const json_t *set = json_object_get(entry, "set");

	if (!set)
		set = json_object_get(entry, "map");
	if (set && import_json_used(sets, set))
		return;
	import_note_unknown(i, set ? "no rule asks it, or it is empty" : "it is no rule",
		slice_str(line ? line : "a set"));
}

static void
take_chain(struct import *i, const json_t *chain)
{
	_free_ char *text = json_dumps(chain, JSON_COMPACT);
	struct slice line = slice_str(text ? text : "a chain");

	if (strcmp(text_of(chain, "policy"), "drop") != 0)
		return;
	if (strcmp(text_of(chain, "hook"), "forward") == 0)
		import_note_done(i,
			"what comes from outside to a container is dropped unless it is forwarded",
			line);
	else
		import_note_unknown(i, "sluice leaves this policy to you", line);
}

void
import_json(struct import *i, struct slice text)
{
	json_error_t error;
	json_t *all = json_loadb(text.p, text.n, 0, &error);
	const json_t *list = json_object_get(all, "nftables");
	struct import_json_sets sets = {
		.list = list, .used = json_object(), .left = IMPORT_BLOCKS_MAX};

	if (!json_is_array(list))
		import_note_unknown(i, "this is no JSON of nft", slice_str(error.text));
	for (size_t k = 0; k < json_array_size(list); k++) {
		const json_t *entry = json_array_get(list, k), *of;

		if ((of = json_object_get(entry, "rule")))
			take_rule(i, &sets, of);
		else if ((of = json_object_get(entry, "chain")))
			take_chain(i, of);
	}
	/* Behind the rules, which say what of it is used. */
	for (size_t k = 0; k < json_array_size(list); k++) {
		const json_t *entry = json_array_get(list, k);

		if (!json_object_get(entry, "rule") && !json_object_get(entry, "chain") &&
			!json_object_get(entry, "table") && !json_object_get(entry, "metainfo"))
			take_other(i, &sets, entry);
	}
	json_decref(sets.used);
	json_decref(all);
}
