/*
 * The table as text in nft syntax: what `nft -c -f` accepts, what golden tests compare, and what
 * an operator is shown. Never read back by the program itself.
 */
#include "router/ruleset.h"

#include "router/nft/nft_typeof.h"

#include <netinet/in.h>
#include <string.h>

struct chain_text {
	const char *hook;
	const char *type;
	int priority;
};

static const struct chain_text chain_texts[RULESET_CHAIN_COUNT] = {
#define CHAIN_ROW(id, name, chain_hook, chain_type, chain_priority)                                \
	[RULESET_CHAIN_##id] = {                                                                   \
		.hook = (chain_hook), .type = (chain_type), .priority = (chain_priority)},
	RULESET_CHAIN_TABLE(CHAIN_ROW)
#undef CHAIN_ROW
};

static const char *const rule_texts[RULESET_RULE_LIMITS] = {
#define RULE_ROW(id, chain, text) [RULESET_RULE_##id] = (text),
	RULESET_RULE_TABLE(RULE_ROW)
#undef RULE_ROW
};

const char *
ruleset_rule_text(enum ruleset_rule rule)
{
	if (rule < RULESET_RULE_LIMITS)
		return rule_texts[rule];
	return "what is above a limit drop";
}

/* The time units of rates. */
static const char *
unit_name(uint32_t period_s)
{
	return period_s == 1 ? "second" : period_s == 60 ? "minute" : "hour";
}

static int
print_limit(const struct ruleset_limit *limit, size_t slot, bool v6, struct buf *out)
{
	const char *source = v6 ? "ip6 saddr & ffff:ffff:ffff:ffff::" : "ip saddr";
	const char *set = ruleset_set_info(ruleset_limit_set(slot, v6))->name;

	if (buf_append_str(out, limit->kind == RULESET_LIMIT_SYN
					? "tcp flags & (fin | syn | rst | ack) == syn"
					: "ct state new") < 0 ||
		buf_printf(out, " meta nfproto %s", v6 ? "ipv6" : "ipv4") < 0)
		return -1;
	if (limit->ports && buf_printf(out, " meta l4proto . th dport @%s",
				    ruleset_set_info(ruleset_limit_ports(slot))->name) < 0)
		return -1;
	if (limit->kind == RULESET_LIMIT_CONNECTIONS)
		return buf_printf(
			out, " add @%s { %s ct count over %u } drop", set, source, limit->count);
	return buf_printf(out,
		" update @%s { %s timeout %us limit rate over %u/%s burst %u packets } drop", set,
		source, limit->timeout_s, limit->count, unit_name(limit->period_s), limit->burst);
}

int
ruleset_rule_print(enum ruleset_rule rule, const struct ruleset_limits *limits, struct buf *out)
{
	size_t number = (size_t)rule - RULESET_RULE_LIMITS;

	if (rule < RULESET_RULE_LIMITS)
		return buf_append_str(out, rule_texts[rule]);
	return print_limit(&limits->v[number / 2], number / 2, number % 2, out);
}

static const char *
part_type(enum ruleset_part part)
{
	switch (part) {
	case RULESET_PART_NONE:
		return "";
	case RULESET_PART_IFNAME:
		return "ifname";
	case RULESET_PART_IPV4:
		return "ipv4_addr";
	case RULESET_PART_IPV6:
		return "ipv6_addr";
	case RULESET_PART_PROTO:
		return "inet_proto";
	case RULESET_PART_PORT:
		return "inet_service";
	case RULESET_PART_ETHER:
		return "ether_addr";
	case RULESET_PART_TARGET:
		return "";
	}
	return "";
}

/* The parts of a key by the words that load them, where one has no type of its own. */
static const char *
part_words(enum ruleset_part part)
{
	return part == RULESET_PART_TARGET ? "@th,64,128" : "ether saddr";
}

static int
print_typeof(const enum ruleset_part *parts, struct buf *out)
{
	for (size_t i = 0; i < RULESET_PARTS_MAX && parts[i] != RULESET_PART_NONE; i++)
		if (buf_printf(out, "%s%s", i ? " . " : "", part_words(parts[i])) < 0)
			return -1;
	return 0;
}

static int
print_types(const enum ruleset_part *parts, size_t n, struct buf *out)
{
	for (size_t i = 0; i < n && parts[i] != RULESET_PART_NONE; i++)
		if (buf_printf(out, "%s%s", i ? " . " : "", part_type(parts[i])) < 0)
			return -1;
	return 0;
}

/* How many bits both begin with. */
static uint8_t
common_bits(const struct addr *a, const struct addr *b)
{
	unsigned bits = 0;

	while (bits < addr_len(a) * 8 && a->bytes[bits / 8] == b->bytes[bits / 8])
		bits += 8;
	while (bits < addr_len(a) * 8 &&
		((a->bytes[bits / 8] ^ b->bytes[bits / 8]) & 0x80 >> bits % 8) == 0)
		bits++;
	return (uint8_t)bits;
}

/* There may be hundreds of thousands. */
static int
print_addr(const struct addr *low, const struct addr *high, struct buf *out)
{
	struct prefix p = {.addr = *low, .len = common_bits(low, high)}, network;
	char text[ADDR_TEXT_MAX];
	struct addr last;

	if (addr_eq(low, high))
		return buf_append_str(out, addr_print(low, text));
	network = prefix_network(&p);
	last = prefix_last(&p);
	if (addr_eq(&network.addr, low) && addr_eq(&last, high))
		return buf_append_str(out, prefix_print(&p, text));
	if (buf_printf(out, "%s-", addr_print(low, text)) < 0)
		return -1;
	return buf_append_str(out, addr_print(high, text));
}

static int
print_proto(uint8_t proto, uint8_t last, struct buf *out)
{
	if (proto != last)
		return buf_printf(out, "%u-%u", proto, last);
	if (proto == IPPROTO_TCP)
		return buf_append_str(out, "tcp");
	if (proto == IPPROTO_UDP)
		return buf_append_str(out, "udp");
	return buf_printf(out, "%u", proto);
}

static int
print_ether(const uint8_t *mac, struct buf *out)
{
	return buf_printf(out, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
		mac[4], mac[5]);
}

/* As the number that nft takes it for. */
static int
print_target(const uint8_t *bytes, struct buf *out)
{
	if (buf_append_str(out, "0x") < 0)
		return -1;
	for (size_t i = 0; i < ruleset_part_size(RULESET_PART_TARGET); i++)
		if (buf_printf(out, "%02x", bytes[i]) < 0)
			return -1;
	return 0;
}

static int
print_part(enum ruleset_part part, const uint8_t *low, const uint8_t *high, struct buf *out)
{
	struct addr a, b;
	uint16_t port, last;

	switch (part) {
	case RULESET_PART_NONE:
		return 0;
	case RULESET_PART_IFNAME:
		return buf_printf(out, "\"%.16s\"", (const char *)low);
	case RULESET_PART_IPV4:
	case RULESET_PART_IPV6:
		a = ruleset_get_addr(low, 0, part);
		b = ruleset_get_addr(high, 0, part);
		return print_addr(&a, &b, out);
	case RULESET_PART_PROTO:
		return print_proto(low[0], high[0], out);
	case RULESET_PART_PORT:
		port = ruleset_get_port(low, 0);
		last = ruleset_get_port(high, 0);
		if (port == last)
			return buf_printf(out, "%u", port);
		return buf_printf(out, "%u-%u", port, last);
	case RULESET_PART_ETHER:
		return print_ether(low, out);
	case RULESET_PART_TARGET:
		return print_target(low, out);
	}
	return -1;
}

static int
print_parts(const enum ruleset_part *parts, size_t n, const uint8_t *low, const uint8_t *high,
	struct buf *out)
{
	size_t at = 0;

	for (size_t i = 0; i < n && parts[i] != RULESET_PART_NONE; i++) {
		if (i && buf_append_str(out, " . ") < 0)
			return -1;
		if (print_part(parts[i], low + at, high + at, out) < 0)
			return -1;
		at += ruleset_part_size(parts[i]);
	}
	return 0;
}

int
ruleset_elem_print(enum ruleset_set set, const struct ruleset_elem *elem, struct buf *out)
{
	const struct ruleset_set_info *info = ruleset_set_info(set);

	if (print_parts(info->key, RULESET_PARTS_MAX, elem->key, elem->end, out) < 0)
		return -1;
	if (elem->timeout_s && buf_printf(out, " timeout %us", elem->timeout_s) < 0)
		return -1;
	if (info->data_size == 0)
		return 0;
	if (buf_append_str(out, " : ") < 0)
		return -1;
	return print_parts(info->data, 2, elem->data, elem->data, out);
}

static int
print_elements(const struct ruleset *r, enum ruleset_set set, struct buf *out)
{
	const struct ruleset_elems *s = &r->sets[set];

	if (s->n == 0)
		return 0;
	if (buf_append_str(out, "\t\telements = {\n") < 0)
		return -1;
	for (size_t i = 0; i < s->n; i++) {
		if (buf_append_str(out, "\t\t\t") < 0 ||
			ruleset_elem_print(set, &s->v[i], out) < 0 ||
			buf_append_str(out, i + 1 < s->n ? ",\n" : "\n") < 0)
			return -1;
	}
	return buf_append_str(out, "\t\t}\n");
}

/* Who only counts connections is forgotten when none is left. */
static int
print_dynamic(const struct ruleset *r, enum ruleset_set set, struct buf *out)
{
	size_t slot = 0;

	if (!ruleset_set_slot(set, &slot))
		return buf_printf(
			out, "\t\tsize %d\n\t\tflags dynamic,timeout\n", RULESET_FLOWS_MAX);
	return buf_printf(out, "\t\tsize %d\n\t\tflags dynamic%s\n", RULESET_LIMIT_SOURCES,
		r->limits.v[slot].kind == RULESET_LIMIT_CONNECTIONS ? "" : ",timeout");
}

int
ruleset_print_set(const struct ruleset *r, enum ruleset_set set, struct buf *out)
{
	const struct ruleset_set_info *info = ruleset_set_info(set);

	bool target = nft_typeof_wanted(info);

	if (buf_printf(out, "\t%s %s {\n\t\t%s ", info->data_size ? "map" : "set", info->name,
		    target ? "typeof" : "type") < 0)
		return -1;
	if ((target ? print_typeof(info->key, out)
		    : print_types(info->key, RULESET_PARTS_MAX, out)) < 0)
		return -1;
	if (info->data_size &&
		(buf_append_str(out, " : ") < 0 || print_types(info->data, 2, out) < 0))
		return -1;
	if (buf_append_str(out, info->interval ? "\n\t\tflags interval\n" : "\n") < 0)
		return -1;
	if (info->kind == RULESET_KIND_TIMEOUT &&
		buf_printf(out, "\t\tsize %d\n\t\tflags timeout\n", RULESET_BANS_MAX) < 0)
		return -1;
	if (info->kind == RULESET_KIND_COUNTED && buf_append_str(out, "\t\tcounter\n") < 0)
		return -1;
	if (info->kind == RULESET_KIND_TALLIED &&
		buf_printf(out, "\t\tsize %d\n\t\tflags dynamic\n", RULESET_TALLIES_MAX) < 0)
		return -1;
	if (info->kind == RULESET_KIND_DYNAMIC && print_dynamic(r, set, out) < 0)
		return -1;
	if (print_elements(r, set, out) < 0)
		return -1;
	return buf_append_str(out, "\t}\n");
}

static int
print_chain(const struct ruleset *r, enum ruleset_chain chain, struct buf *out)
{
	const struct chain_text *t = &chain_texts[chain];

	if (buf_printf(out, "\tchain %s {\n", ruleset_chain_name(chain)) < 0)
		return -1;
	if (t->hook[0] && buf_printf(out, "\t\ttype %s hook %s priority %d; policy accept;\n",
				  t->type, t->hook, t->priority) < 0)
		return -1;
	for (size_t i = 0; i < RULESET_RULE_COUNT; i++) {
		enum ruleset_rule rule = (enum ruleset_rule)i;

		if (!ruleset_has_rule(r, rule) || ruleset_rule_chain(rule) != chain)
			continue;
		if (buf_append_str(out, "\t\t") < 0 ||
			ruleset_rule_print(rule, &r->limits, out) < 0 ||
			buf_append_str(out, "\n") < 0)
			return -1;
	}
	return buf_append_str(out, "\t}\n");
}

static int
print_table(const struct ruleset *r, enum ruleset_family family, struct buf *out)
{
	if (buf_printf(out, "table %s " RULESET_TABLE " {\n", ruleset_family_name(family)) < 0)
		return -1;
	for (size_t i = 0; i < RULESET_SET_COUNT; i++)
		if (ruleset_set_info((enum ruleset_set)i)->family == family &&
			ruleset_has_set(r, (enum ruleset_set)i) &&
			ruleset_print_set(r, (enum ruleset_set)i, out) < 0)
			return -1;
	for (size_t i = 0; i < RULESET_CHAIN_COUNT; i++)
		if (ruleset_chain_family((enum ruleset_chain)i) == family &&
			ruleset_has_chain(r, (enum ruleset_chain)i) &&
			print_chain(r, (enum ruleset_chain)i, out) < 0)
			return -1;
	return buf_append_str(out, "}\n");
}

int
ruleset_print(const struct ruleset *r, struct buf *out, struct err *e)
{
	for (size_t i = 0; i < RULESET_FAMILY_COUNT; i++)
		if (ruleset_has_family(r, (enum ruleset_family)i) &&
			print_table(r, (enum ruleset_family)i, out) < 0)
			return err_set(e, "the ruleset's text exceeds %zu bytes", out->max);
	return 0;
}
