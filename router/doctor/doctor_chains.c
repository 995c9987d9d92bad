/*
 * Tables of others in nftables: which of their base chains drop by policy or by a rule for
 * everything, and whether a rule of theirs accepts what goes through the bridge. Rules are looked
 * at, not executed: one that asks for the bridge and for nothing else counts for all of it.
 */
#include "router/doctor/doctor.h"

#include "router/ruleset.h"

#include <libnftnl/chain.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <string.h>

#define BASE_CHAINS_MAX 256

/* A chain of a hook that looks at what is forwarded or comes to the host. */
struct base_chain {
	uint32_t family;
	char table[DOCTOR_NAME_MAX], name[DOCTOR_NAME_MAX];
	enum doctor_hook hook;
};

struct chains_reading {
	struct base_chain bases[BASE_CHAINS_MAX];
	size_t n_bases;
	struct doctor_facts *facts;
	const char *bridge; /* NULL: none */
	uint32_t bridge_index;
};

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
	default:
		return NULL; /* arp, netdev */
	}
}

static bool
is_ours(uint32_t family, const char *table)
{
	return (family == NFPROTO_INET || family == NFPROTO_BRIDGE) &&
	       strcmp(table, RULESET_TABLE) == 0;
}

static enum doctor_keeper
keeper_of_table(const char *table)
{
	return strcmp(table, "firewalld") == 0 ? DOCTOR_FIREWALLD : DOCTOR_ANYONE;
}

/* The table's facts, made when they are not there; NULL: none of ours to judge, or no place. */
static struct doctor_table *
table_of(struct doctor_facts *f, uint32_t family, const char *table)
{
	char name[DOCTOR_NAME_MAX];
	struct doctor_table *t;

	if (!family_name(family) || is_ours(family, table) ||
		snprintf(name, sizeof(name), "%s %s", family_name(family), table) >=
			(int)sizeof(name))
		return NULL;
	for (size_t i = 0; i < f->n_tables; i++)
		if (!f->tables[i].legacy && strcmp(f->tables[i].name, name) == 0)
			return &f->tables[i];
	if (f->n_tables == DOCTOR_TABLES_MAX)
		return NULL;
	t = &f->tables[f->n_tables++];
	*t = (struct doctor_table){.v4 = family == NFPROTO_IPV4,
		.v6 = family == NFPROTO_IPV6,
		.frames = family == NFPROTO_BRIDGE,
		.keeper = keeper_of_table(table)};
	memcpy(t->name, name, sizeof(name));
	return t;
}

static int
hook_of(uint32_t number)
{
	switch (number) {
	case NF_INET_PRE_ROUTING:
		return DOCTOR_PREROUTING;
	case NF_INET_LOCAL_IN:
		return DOCTOR_INPUT;
	case NF_INET_FORWARD:
		return DOCTOR_FORWARD;
	case NF_INET_LOCAL_OUT:
		return DOCTOR_OUTPUT;
	case NF_INET_POST_ROUTING:
		return DOCTOR_POSTROUTING;
	default:
		return -1;
	}
}

/* firewalld's chains accept by policy and end in a rule that rejects. */
static bool
drops(const struct nftnl_chain *c, const struct doctor_table *t)
{
	const char *type = nftnl_chain_get_str(c, NFTNL_CHAIN_TYPE);

	if (nftnl_chain_is_set(c, NFTNL_CHAIN_POLICY) &&
		nftnl_chain_get_u32(c, NFTNL_CHAIN_POLICY) == NF_DROP)
		return true;
	return t->keeper == DOCTOR_FIREWALLD && type && strcmp(type, "filter") == 0;
}

static void
note_lxc(struct doctor_facts *f, uint32_t family, const char *table)
{
	if (strcmp(table, "lxc") != 0)
		return;
	f->lxc_tables_v4 = f->lxc_tables_v4 || family == NFPROTO_IPV4;
	f->lxc_tables_v6 = f->lxc_tables_v6 || family == NFPROTO_IPV6;
	f->lxc_tables_inet = f->lxc_tables_inet || family == NFPROTO_INET;
}

static void
note_base(struct chains_reading *r, const struct nftnl_chain *c, int hook)
{
	const char *type = nftnl_chain_get_str(c, NFTNL_CHAIN_TYPE);
	struct base_chain *base = &r->bases[r->n_bases];

	if ((hook != DOCTOR_INPUT && hook != DOCTOR_FORWARD) || r->n_bases == BASE_CHAINS_MAX ||
		!type || strcmp(type, "filter") != 0 ||
		nftnl_chain_get_u32(c, NFTNL_CHAIN_FAMILY) == NFPROTO_BRIDGE)
		return;
	base->family = nftnl_chain_get_u32(c, NFTNL_CHAIN_FAMILY);
	base->hook = (enum doctor_hook)hook;
	if (snprintf(base->table, DOCTOR_NAME_MAX, "%s",
		    nftnl_chain_get_str(c, NFTNL_CHAIN_TABLE)) < DOCTOR_NAME_MAX &&
		snprintf(base->name, DOCTOR_NAME_MAX, "%s",
			nftnl_chain_get_str(c, NFTNL_CHAIN_NAME)) < DOCTOR_NAME_MAX)
		r->n_bases++;
}

static void
take_chain(struct chains_reading *r, const struct nftnl_chain *c)
{
	struct doctor_facts *f = r->facts;
	uint32_t family = nftnl_chain_get_u32(c, NFTNL_CHAIN_FAMILY);
	const char *table = nftnl_chain_get_str(c, NFTNL_CHAIN_TABLE);
	const char *name = nftnl_chain_get_str(c, NFTNL_CHAIN_NAME);
	struct doctor_table *t;
	int hook;

	if (!table || !name)
		return;
	f->installed = f->installed || (family == NFPROTO_INET && is_ours(family, table));
	note_lxc(f, family, table);
	t = table_of(f, family, table);
	if (!t)
		return;
	if (strcmp(name, "DOCKER-USER") == 0)
		t->keeper = DOCTOR_DOCKER;
	else if (strncmp(name, "ufw", 3) == 0 && t->keeper == DOCTOR_ANYONE)
		t->keeper = DOCTOR_UFW;
	if (!nftnl_chain_is_set(c, NFTNL_CHAIN_HOOKNUM))
		return;
	hook = hook_of(nftnl_chain_get_u32(c, NFTNL_CHAIN_HOOKNUM));
	note_base(r, c, hook);
	if (hook < 0 || t->drops[hook] || !drops(c, t))
		return;
	/* Without rejecting rules of its own, only these two hooks of firewalld's matter. */
	if (t->keeper == DOCTOR_FIREWALLD && hook != DOCTOR_INPUT && hook != DOCTOR_FORWARD)
		return;
	t->drops[hook] = true;
	(void)snprintf(t->chains[hook], DOCTOR_NAME_MAX, "%s", name);
}

static int
on_chain(const struct nlmsghdr *h, void *ctx)
{
	struct chains_reading *r = ctx;
	struct nftnl_chain *c;

	if (NFNL_MSG_TYPE(h->nlmsg_type) != NFT_MSG_NEWCHAIN)
		return 0;
	c = nftnl_chain_alloc();
	if (!c)
		return -1;
	if (nftnl_chain_nlmsg_parse(h, c) >= 0)
		take_chain(r, c);
	nftnl_chain_free(c);
	return 0;
}

/* What a rule says, as far as it matters here. */
struct rule_seen {
	const struct chains_reading *reading;
	uint32_t interface; /* the register holds this: NFT_META_IIFNAME and its like; else none */
	bool in, out;       /* it asks for the bridge */
	bool more;          /* and for more */
	bool accepts, trusts, drops;
};

#define NO_META UINT32_MAX

static bool
names_bridge(const struct rule_seen *s, const void *data, uint32_t size)
{
	size_t n = strlen(s->reading->bridge);
	uint32_t index;

	if (s->interface == NFT_META_IIF || s->interface == NFT_META_OIF) {
		if (size != sizeof(index))
			return false;
		memcpy(&index, data, sizeof(index));
		return index == s->reading->bridge_index;
	}
	/* A shorter comparison is a prefix: "lxcbr*". */
	if (size <= n)
		return memcmp(data, s->reading->bridge, size) == 0;
	return memcmp(data, s->reading->bridge, n + 1) == 0;
}

static void
see_cmp(struct rule_seen *s, const struct nftnl_expr *x)
{
	uint32_t size = 0;
	const void *data = nftnl_expr_get(x, NFTNL_EXPR_CMP_DATA, &size);
	bool in = s->interface == NFT_META_IIFNAME || s->interface == NFT_META_IIF;

	if (s->interface == NO_META || !data ||
		nftnl_expr_get_u32(x, NFTNL_EXPR_CMP_OP) != NFT_CMP_EQ ||
		!names_bridge(s, data, size))
		s->more = true;
	else if (in)
		s->in = true;
	else
		s->out = true;
	s->interface = NO_META;
}

static void
see_verdict(struct rule_seen *s, const struct nftnl_expr *x)
{
	const char *chain = nftnl_expr_get_str(x, NFTNL_EXPR_IMM_CHAIN);

	if (nftnl_expr_get_u32(x, NFTNL_EXPR_IMM_DREG) != NFT_REG_VERDICT)
		return;
	s->accepts = nftnl_expr_get_u32(x, NFTNL_EXPR_IMM_VERDICT) == NF_ACCEPT;
	s->drops = nftnl_expr_get_u32(x, NFTNL_EXPR_IMM_VERDICT) == NF_DROP;
	s->trusts = chain && strstr(chain, "trusted");
}

/* One of iptables' own. */
static void
see_target(struct rule_seen *s, const char *target)
{
	if (target && strcmp(target, "REJECT") == 0)
		s->drops = true;
	else if (!target || strcmp(target, "LOG") != 0)
		s->more = true;
}

static int
see_expr(struct nftnl_expr *x, void *ctx)
{
	struct rule_seen *s = ctx;
	const char *name = nftnl_expr_get_str(x, NFTNL_EXPR_NAME);
	uint32_t key;

	if (strcmp(name, "meta") == 0 && nftnl_expr_is_set(x, NFTNL_EXPR_META_DREG)) {
		key = nftnl_expr_get_u32(x, NFTNL_EXPR_META_KEY);
		s->interface = key == NFT_META_IIFNAME || key == NFT_META_IIF ||
					       key == NFT_META_OIFNAME || key == NFT_META_OIF
				       ? key
				       : NO_META;
	} else if (strcmp(name, "cmp") == 0) {
		see_cmp(s, x);
	} else if (strcmp(name, "immediate") == 0) {
		see_verdict(s, x);
	} else if (strcmp(name, "reject") == 0) {
		s->drops = true;
	} else if (strcmp(name, "target") == 0) {
		see_target(s, nftnl_expr_get_str(x, NFTNL_EXPR_TG_NAME));
	} else if (strcmp(name, "counter") != 0 && strcmp(name, "log") != 0) {
		s->more = true;
	}
	return 0;
}

/* Whatever comes to this rule ends here; a policy would do the same. */
static void
note_last_rule(const struct chains_reading *r, struct doctor_table *t, uint32_t family,
	const char *table, const char *chain)
{
	for (size_t i = 0; i < r->n_bases; i++) {
		const struct base_chain *base = &r->bases[i];

		if (base->family != family || strcmp(base->table, table) != 0 ||
			strcmp(base->name, chain) != 0 || t->drops[base->hook])
			continue;
		t->drops[base->hook] = true;
		(void)snprintf(t->chains[base->hook], DOCTOR_NAME_MAX, "%s", chain);
	}
}

static void
take_rule(struct chains_reading *r, const struct nftnl_rule *rule)
{
	const char *table = nftnl_rule_get_str(rule, NFTNL_RULE_TABLE);
	const char *chain = nftnl_rule_get_str(rule, NFTNL_RULE_CHAIN);
	struct doctor_place place;
	struct rule_seen s = {.reading = r, .interface = NO_META};
	struct doctor_table *t;

	if (!r->bridge || !table || !chain)
		return;
	t = table_of(r->facts, nftnl_rule_get_u32(rule, NFTNL_RULE_FAMILY), table);
	if (!t)
		return;
	(void)nftnl_expr_foreach((struct nftnl_rule *)(uintptr_t)rule, see_expr, &s);
	t->trusts = t->trusts || (s.in && s.trusts);
	if (s.drops && !s.in && !s.out && !s.more)
		note_last_rule(r, t, nftnl_rule_get_u32(rule, NFTNL_RULE_FAMILY), table, chain);
	if (!s.accepts)
		return;
	place = doctor_place_of(t, chain);
	t->accepts_some_in = t->accepts_some_in || (place.input && s.in);
	t->accepts_in = t->accepts_in || (place.forward && s.in && !s.out && !s.more);
	t->accepts_out = t->accepts_out || (place.forward && s.out && !s.in && !s.more);
}

static int
on_rule(const struct nlmsghdr *h, void *ctx)
{
	struct nftnl_rule *rule;

	if (NFNL_MSG_TYPE(h->nlmsg_type) != NFT_MSG_NEWRULE)
		return 0;
	rule = nftnl_rule_alloc();
	if (!rule)
		return -1;
	if (nftnl_rule_nlmsg_parse(h, rule) >= 0)
		take_rule(ctx, rule);
	nftnl_rule_free(rule);
	return 0;
}

static int
dump(struct netlink *n, uint16_t type, const struct netlink_dump *d, struct err *e)
{
	char request[NETLINK_REQUEST_MAX];
	struct netlink_error error;
	struct nlmsghdr *h =
		netlink_begin(n, request, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), 0);
	struct nfgenmsg *g = mnl_nlmsg_put_extra_header(h, sizeof(*g));

	*g = (struct nfgenmsg){.nfgen_family = NFPROTO_UNSPEC, .version = NFNETLINK_V0};
	if (netlink_dump(n, h, d, &error) < 0)
		return netlink_err(e, &error, "reading the nftables of this host");
	return 0;
}

int
doctor_read_chains(struct netlink *n, struct doctor_facts *facts, struct err *e)
{
	struct chains_reading r = {.facts = facts};
	const struct link_iface *iface;

	if (facts->conf->bridge) {
		r.bridge = facts->conf->bridge->name;
		iface = link_find(&facts->links, r.bridge);
		r.bridge_index = iface ? iface->index : 0;
	}
	/* What an interrupted dump said is said again: facts only accumulate. */
	if (dump(n, NFT_MSG_GETCHAIN, &(struct netlink_dump){.on_each = on_chain, .ctx = &r}, e) <
		0)
		return -1;
	return dump(n, NFT_MSG_GETRULE, &(struct netlink_dump){.on_each = on_rule, .ctx = &r}, e);
}
