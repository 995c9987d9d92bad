/* Steps of a packet in words. Pure. */
#include "router/trace.h"

#include <libnftnl/trace.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <string.h>

#define TRACE_TABLE "sluice_trace"

static const char *
family_name(uint32_t family)
{
	switch (family) {
	case NFPROTO_INET:
		return "inet";
	case NFPROTO_IPV4:
		return "ip";
	case NFPROTO_IPV6:
		return "ip6";
	case NFPROTO_BRIDGE:
		return "bridge";
	case NFPROTO_NETDEV:
		return "netdev";
	default:
		return "?";
	}
}

static bool
take(const struct nftnl_trace *t, struct trace_step *s)
{
	const char *table = nftnl_trace_get_str(t, NFTNL_TRACE_TABLE);
	const char *chain = nftnl_trace_get_str(t, NFTNL_TRACE_CHAIN);
	uint32_t type = nftnl_trace_get_u32(t, NFTNL_TRACE_TYPE);

	if (!table || !chain || strcmp(table, TRACE_TABLE) == 0 ||
		(type != NFT_TRACETYPE_RULE && type != NFT_TRACETYPE_POLICY))
		return false;
	s->id = nftnl_trace_get_u32(t, NFTNL_TRACE_ID);
	if (nftnl_trace_is_set(t, NFTNL_TRACE_IIF))
		s->in = nftnl_trace_get_u32(t, NFTNL_TRACE_IIF);
	(void)snprintf(s->family, sizeof(s->family), "%s",
		family_name(nftnl_trace_get_u32(t, NFTNL_TRACE_FAMILY)));
	(void)snprintf(s->table, sizeof(s->table), "%s", table);
	(void)snprintf(s->chain, sizeof(s->chain), "%s", chain);
	s->policy = type == NFT_TRACETYPE_POLICY;
	if (s->policy) {
		s->drops = nftnl_trace_get_u32(t, NFTNL_TRACE_POLICY) == NF_DROP;
	} else {
		s->handle = nftnl_trace_get_u64(t, NFTNL_TRACE_RULE_HANDLE);
		s->drops = nftnl_trace_is_set(t, NFTNL_TRACE_VERDICT) &&
			   nftnl_trace_get_u32(t, NFTNL_TRACE_VERDICT) == NF_DROP;
	}
	return true;
}

bool
trace_parse(const struct nlmsghdr *h, struct trace_step *ret)
{
	struct nftnl_trace *t;
	struct trace_step s = {0};
	bool taken;

	if (NFNL_MSG_TYPE(h->nlmsg_type) != NFT_MSG_TRACE)
		return false;
	t = nftnl_trace_alloc();
	taken = t && nftnl_trace_nlmsg_parse(h, t) >= 0 && take(t, &s);
	if (t)
		nftnl_trace_free(t);
	if (taken)
		*ret = s;
	return taken;
}

bool
trace_goes_on(const struct trace_step *last, const struct trace_step *next)
{
	if (last->id == next->id)
		return true;
	return strcmp(last->family, "bridge") == 0 && strcmp(next->family, "bridge") != 0;
}

static bool
is_ours(const struct trace_step *s)
{
	return (strcmp(s->family, "inet") == 0 || strcmp(s->family, "bridge") == 0) &&
	       strcmp(s->table, RULESET_TABLE) == 0;
}

static enum ruleset_family
family_of(const struct trace_step *s)
{
	return strcmp(s->family, "bridge") == 0 ? RULESET_FAMILY_BRIDGE : RULESET_FAMILY_INET;
}

/* The rule of ours that it was, or NULL. */
static const struct nft_rule_found *
rule_of(const struct trace_step *s, const struct nft_rules *rules)
{
	const struct nft_rule_found *rule =
		is_ours(s) && !s->policy ? nft_rules_find(rules, family_of(s), s->handle) : NULL;

	return rule && rule->rule < RULESET_RULE_COUNT ? rule : NULL;
}

int
trace_print_step(const struct trace_step *s, const struct nft_rules *rules, struct buf *out)
{
	const struct nft_rule_found *rule = rule_of(s, rules);

	if (buf_printf(out, "  %s %s %s: ", s->family, s->table, s->chain) < 0)
		return -1;
	if (s->policy)
		return buf_printf(out, "policy %s\n", s->drops ? "drop" : "accept");
	if (rule)
		return buf_printf(out, "%s\n", ruleset_rule_text(rule->rule));
	/* The kernel tells of a chain's end as of a return by no rule. */
	if (s->handle == 0)
		return buf_append_str(out, "no further rule applies\n");
	return buf_printf(out, "the rule with handle %llu%s\n", (unsigned long long)s->handle,
		s->drops ? ", which drops" : "");
}

/* What our dropping rules mean, by what they ask for. */
static const struct {
	const char *part, *why;
} reasons[] = {
	{"@ban4",
		"the client is banned; see `sluice ban ls`, and `sluice ban rm ADDRESS` lifts it"},
	{"@ban6", "the client's /64 is banned; see `sluice ban ls`, `sluice ban rm` lifts it"},
	{"@block4", "the client is blocked, by `block` or a `block-list` of the file"},
	{"@block6", "the client is blocked, by `block` or a `block-list` of the file"},
	{"@from4", "the port is forwarded for other sources only: `from` of the forward"},
	{"@from6", "the port is forwarded for other sources only: `from` of the forward"},
	{"@spoofed",
		"a container sent it with a source that is not its own; `spoofing allow` in its "
		"block lets it"},
	{"@denied", "the container's egress deny forbids it; egress allow would let it"},
	{"@isolated",
		"a container sent it to another one; isolate forbids that, a link would allow it"},
	{"ct state invalid", "it belongs to no connection that conntrack knows"},
};

static const char *
reason_of(enum ruleset_rule rule, const char *chain)
{
	const char *text = ruleset_rule_text(rule);

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (strstr(text, reasons[i].part))
			return reasons[i].why;
	if (strcmp(chain, "limits") == 0)
		return "the client, or all together, are above a `limit` of the file";
	if (rule == RULESET_RULE_IN_DROP)
		return "it goes to the host itself, and no `open` of the file lets it in";
	if (strcmp(text, "drop") == 0)
		return "it goes from outside to a container, and no forward of the file leads "
		       "there";
	return "a rule of sluice drops it";
}

int
trace_print_drop(const struct trace_step *s, const struct nft_rules *rules, struct buf *out)
{
	const struct nft_rule_found *rule = rule_of(s, rules);

	if (rule)
		return buf_printf(out, "dropped: %s\n", reason_of(rule->rule, s->chain));
	if (is_ours(s))
		return buf_append_str(out,
			"dropped by a rule in sluice's table that is not sluice's: "
			"`sluice nft show --diff`\n");
	return buf_printf(out,
		"dropped by table %s %s of another program, chain %s; `sluice doctor` says how to "
		"mend that\n",
		s->family, s->table, s->chain);
}
