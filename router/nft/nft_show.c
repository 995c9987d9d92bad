/*
 * Text of the table, for operators. The planned one is printed from its value; the kernel's is put
 * together from its own lists of sets, chains, rules and elements, so that a chain or rule of
 * somebody else is seen.
 */
#include "router/nft/nft_show.h"

#include "core/clock.h"
#include "router/nft/nft_batch.h"
#include "router/nft/nft_rules.h"
#include "router/text_diff.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

#define SHOW_PARTS_MAX 256
#define MS_PER_S 1000

/* The bans as elements of their sets, with the time that is left. */
static int
add_bans(struct ruleset *r, const struct bans *bans, struct err *e)
{
	uint64_t now = clock_mono_ms();

	for (size_t i = 0; bans && i < bans->n; i++) {
		const struct ban *ban = &bans->v[i];
		bool v6 = ban->addr.family == AF_INET6;
		struct ruleset_elem elem = {0};

		if (ban->until_ms <= now)
			continue;
		elem.timeout_s = (uint32_t)((ban->until_ms - now + MS_PER_S - 1) / MS_PER_S);
		ruleset_put_addr(elem.key, 0, &ban->addr);
		if (ruleset_add(r, v6 ? RULESET_BAN6 : RULESET_BAN4, &elem, e) < 0)
			return -1;
	}
	return 0;
}

int
nft_show_planned(const struct ruleset *r, const struct bans *bans, struct buf *out, struct err *e)
{
	struct ruleset banned = {0}, all = *r;
	int rc = add_bans(&banned, bans, e);

	all.sets[RULESET_BAN4] = banned.sets[RULESET_BAN4];
	all.sets[RULESET_BAN6] = banned.sets[RULESET_BAN6];
	if (rc == 0)
		rc = ruleset_print(&all, out, e);
	ruleset_clear(&banned);
	return rc;
}

/* What there is in the kernel. */
struct seen {
	struct nft_part parts[SHOW_PARTS_MAX]; /* chains and sets in the kernel's order */
	size_t n;
	struct ruleset elements;
	struct nft_rules rules;
	struct bans bans;
};

static int
on_part(const struct nlmsghdr *h, void *ctx)
{
	struct seen *s = ctx;

	if (s->n < SHOW_PARTS_MAX && nft_parse_part(h, &s->parts[s->n]))
		s->n++;
	return 0;
}

struct part_reading {
	struct seen *seen;
	size_t before;
};

static int
on_part_of(const struct nlmsghdr *h, void *ctx)
{
	return on_part(h, ((struct part_reading *)ctx)->seen);
}

static void
on_part_restart(void *ctx)
{
	struct part_reading *reading = ctx;

	reading->seen->n = reading->before;
}

/* A family that the kernel does not have has no table. */
static int
read_parts(struct nft *n, enum ruleset_family family, struct seen *s, struct err *e)
{
	static const uint16_t kinds[] = {NFT_MSG_GETSET, NFT_MSG_GETCHAIN};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		char request[NETLINK_REQUEST_MAX];
		struct netlink_error error;
		struct part_reading reading = {.seen = s, .before = s->n};
		struct netlink_dump dump = {
			.on_each = on_part_of, .on_restart = on_part_restart, .ctx = &reading};

		if (netlink_dump(&n->commands, nft_begin_read_of(n, family, request, kinds[i]),
			    &dump, &error) < 0 &&
			family == RULESET_FAMILY_INET)
			return netlink_err(e, &error, "reading table inet " RULESET_TABLE);
	}
	return 0;
}

static void
seen_clear(struct seen *s)
{
	ruleset_clear(&s->elements);
	nft_rules_clear(&s->rules);
	bans_clear(&s->bans);
}

static int
seen_read(struct nft *n, struct seen *s, struct err *e)
{
	size_t rules;

	if (nft_rules_read(n, &s->rules, e) < 0 || read_parts(n, RULESET_FAMILY_INET, s, e) < 0 ||
		read_parts(n, RULESET_FAMILY_BRIDGE, s, e) < 0 ||
		nft_read(n, &s->elements, &rules, e) < 0 ||
		nft_read_bans(n, &s->bans, clock_mono_ms(), e) < 0)
		return -1;
	if (n->limits)
		s->elements.limits = *n->limits;
	return add_bans(&s->elements, &s->bans, e);
}

static const char *
hook_name(uint32_t number)
{
	static const char *const names[] = {
		[NF_INET_PRE_ROUTING] = "prerouting",
		[NF_INET_LOCAL_IN] = "input",
		[NF_INET_FORWARD] = "forward",
		[NF_INET_LOCAL_OUT] = "output",
		[NF_INET_POST_ROUTING] = "postrouting",
		[NF_INET_INGRESS] = "ingress",
	};

	return number < sizeof(names) / sizeof(names[0]) ? names[number] : "?";
}

/* A rule of somebody else: what the kernel runs, as comments. */
static int
print_program(const char *program, struct buf *out)
{
	struct slice rest = slice_str(program);

	if (buf_append_str(out, "\t\t# a rule that is not of sluice:\n") < 0)
		return -1;
	while (rest.n) {
		struct slice line = slice_head(rest, slice_index(rest, '\n'));

		rest = slice_skip(rest, line.n + 1);
		line = slice_trim(line);
		if (line.n && buf_printf(out, "\t\t#   %.*s\n", SLICE_ARG(line)) < 0)
			return -1;
	}
	return 0;
}

static int
print_own(enum ruleset_rule rule, const struct ruleset_limits *limits, struct buf *out)
{
	if (buf_append_str(out, "\t\t") < 0 || ruleset_rule_print(rule, limits, out) < 0)
		return -1;
	return buf_append_str(out, "\n");
}

static int
print_chain(const struct nft_part *p, const struct seen *s, struct buf *out)
{
	if (buf_printf(out, "\tchain %s {\n", p->name) < 0)
		return -1;
	if (p->type[0] && buf_printf(out, "\t\ttype %s hook %s priority %d; policy %s;\n", p->type,
				  hook_name(p->numbers[0]), (int32_t)p->numbers[1],
				  p->numbers[2] == NF_ACCEPT ? "accept" : "drop") < 0)
		return -1;
	for (size_t i = 0; i < s->rules.n; i++) {
		const struct nft_rule_found *rule = &s->rules.v[i];
		int rc;

		if (nft_family_number(rule->family) != p->family ||
			strcmp(rule->chain, p->name) != 0)
			continue;
		if (rule->rule < RULESET_RULE_COUNT)
			rc = print_own(rule->rule, &s->elements.limits, out);
		else
			rc = print_program(rule->program, out);
		if (rc < 0)
			return -1;
	}
	return buf_append_str(out, "\t}\n");
}

static int
print_set(const struct nft_part *p, const struct ruleset *elements, struct buf *out)
{
	for (size_t i = 0; i < RULESET_SET_COUNT; i++)
		if (strcmp(ruleset_set_info((enum ruleset_set)i)->name, p->name) == 0)
			return ruleset_print_set(elements, (enum ruleset_set)i, out);
	return buf_printf(out, "\tset %s {\n\t\t# not of sluice\n\t}\n", p->name);
}

static int
print_table(const struct seen *s, enum ruleset_family family, struct buf *out)
{
	bool begun = false;

	for (size_t i = 0; i < s->n; i++) {
		const struct nft_part *p = &s->parts[i];

		if (p->family != nft_family_number(family))
			continue;
		if (!begun && buf_printf(out, "table %s " RULESET_TABLE " {\n",
				      ruleset_family_name(family)) < 0)
			return -1;
		begun = true;
		if ((p->kind == NFT_MSG_NEWCHAIN ? print_chain(p, s, out)
						 : print_set(p, &s->elements, out)) < 0)
			return -1;
	}
	return begun ? buf_append_str(out, "}\n") : 0;
}

static int
print_seen(const struct seen *s, struct buf *out)
{
	for (size_t i = 0; i < RULESET_FAMILY_COUNT; i++)
		if (print_table(s, (enum ruleset_family)i, out) < 0)
			return -1;
	return 0;
}

int
nft_show_kernel(struct nft *n, struct buf *out, struct err *e)
{
	struct seen s = {0};
	int rc = seen_read(n, &s, e);

	if (rc == 0 && print_seen(&s, out) < 0)
		rc = err_set(e, "the ruleset's text exceeds %zu bytes", out->max);
	seen_clear(&s);
	return rc;
}

int
nft_show_compare(const struct nft *n, const struct ruleset *r, struct slice kernel, struct buf *out,
	bool *ret_same, struct err *e)
{
	struct buf planned;
	int rc;

	buf_init(&planned, NFT_SHOW_TEXT_MAX);
	rc = nft_show_planned(r, n->bans, &planned, e);
	if (rc == 0)
		rc = text_diff(buf_slice(&planned), kernel, out, ret_same, e);
	buf_clear(&planned);
	return rc;
}

int
nft_show_diff(
	struct nft *n, const struct ruleset *r, struct buf *out, bool *ret_same, struct err *e)
{
	struct buf kernel;
	int rc;

	buf_init(&kernel, NFT_SHOW_TEXT_MAX);
	rc = nft_show_kernel(n, &kernel, e);
	if (rc == 0)
		rc = nft_show_compare(n, r, buf_slice(&kernel), out, ret_same, e);
	buf_clear(&kernel);
	return rc;
}
