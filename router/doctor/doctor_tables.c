/*
 * Tables of others that drop. A packet has to be accepted by every table's chain of a hook, so our
 * own accepting does not help. Each keeper of a table has its own place for a rule that stays.
 */
#include "router/doctor/doctor.h"

#include <stdio.h>
#include <string.h>

#define COMMAND_MAX 300

static const char *const hook_names[DOCTOR_HOOK_COUNT] = {
	[DOCTOR_PREROUTING] = "prerouting",
	[DOCTOR_INPUT] = "input",
	[DOCTOR_FORWARD] = "forward",
	[DOCTOR_OUTPUT] = "output",
	[DOCTOR_POSTROUTING] = "postrouting",
};

/* "iptables-legacy", "ip6tables", … */
static const char *
iptables_of(const struct doctor_table *t)
{
	if (t->legacy)
		return t->v6 ? "ip6tables-legacy" : "iptables-legacy";
	return t->v6 ? "ip6tables" : "iptables";
}

/* Whether the table is one that iptables keeps, by its own program or by nftables. */
static bool
of_iptables(const struct doctor_table *t, enum doctor_hook hook)
{
	return t->legacy || strcmp(t->chains[hook], "FORWARD") == 0 ||
	       strcmp(t->chains[hook], "INPUT") == 0 || strcmp(t->chains[hook], "OUTPUT") == 0;
}

static void
mend_forward(const struct doctor_table *t, const char *bridge, struct finding *x)
{
	const char *chain = t->keeper == DOCTOR_DOCKER ? "DOCKER-USER" : t->chains[DOCTOR_FORWARD];

	if (t->keeper == DOCTOR_FIREWALLD) {
		finding_mend(x,
			"firewall-cmd --permanent --zone=trusted --add-interface=%s && "
			"firewall-cmd --reload",
			bridge);
	} else if (t->keeper == DOCTOR_UFW) {
		finding_mend(
			x, "ufw route allow in on %s && ufw route allow out on %s", bridge, bridge);
	} else if (of_iptables(t, DOCTOR_FORWARD)) {
		finding_mend(x, "%s -I %s -i %s -j ACCEPT && %s -I %s -o %s -j ACCEPT",
			iptables_of(t), chain, bridge, iptables_of(t), chain, bridge);
	} else {
		finding_mend(x,
			"nft insert rule %s %s iifname %s accept && nft insert rule %s %s oifname "
			"%s accept",
			t->name, chain, bridge, t->name, chain, bridge);
	}
}

static void
judge_forward(const struct doctor_table *t, const char *bridge, struct findings *ret)
{
	struct finding *x;

	if (t->trusts || (t->accepts_in && t->accepts_out))
		return;
	x = findings_add(ret, "forward-drop", true);
	finding_what(x,
		"%s%s drops in its chain %s what no rule of it accepts, and none accepts what goes "
		"through bridge %s: containers have no network",
		t->legacy ? "iptables-legacy's table " : "table ", t->name,
		t->chains[DOCTOR_FORWARD], bridge);
	mend_forward(t, bridge, x);
}

/* Names and addresses are served to containers by the host. */
static void
judge_input(const struct doctor_table *t, const char *bridge, struct findings *ret)
{
	struct finding *x;

	if (t->trusts || t->accepts_some_in || t->v6)
		return;
	x = findings_add(ret, "input-drop", true);
	finding_what(x,
		"%s%s drops in its chain %s what comes to the host, and no rule accepts anything "
		"from bridge %s: containers get neither addresses nor names",
		t->legacy ? "iptables-legacy's table " : "table ", t->name, t->chains[DOCTOR_INPUT],
		bridge);
	if (t->keeper == DOCTOR_FIREWALLD)
		mend_forward(t, bridge, x);
	else if (t->keeper == DOCTOR_UFW)
		finding_mend(x,
			"ufw allow in on %s to any port 53 && ufw allow in on %s to any port 67 "
			"proto udp",
			bridge, bridge);
	else if (of_iptables(t, DOCTOR_INPUT))
		finding_mend(x,
			"%s -I INPUT -i %s -p udp -m multiport --dports 53,67 -j ACCEPT && %s -I "
			"INPUT -i %s -p tcp --dport 53 -j ACCEPT",
			iptables_of(t), bridge, iptables_of(t), bridge);
	else
		finding_mend(x,
			"nft 'insert rule %s %s iifname %s meta l4proto { tcp, udp } th dport { "
			"53, "
			"67, 547 } accept'",
			t->name, t->chains[DOCTOR_INPUT], bridge);
}

/* Chains of other hooks that drop by policy: rare, and never meant for a router. */
static void
judge_other(const struct doctor_table *t, enum doctor_hook hook, struct findings *ret)
{
	struct finding *x = findings_add(ret, "policy-drop", true);

	finding_what(x, "%s%s drops in its chain %s (hook %s) what no rule of it accepts",
		t->legacy ? "iptables-legacy's table " : "table ", t->name, t->chains[hook],
		hook_names[hook]);
	if (t->legacy)
		finding_mend(x, "%s -t %s -P %s ACCEPT", iptables_of(t), strchr(t->name, ' ') + 1,
			t->chains[hook]);
	else
		finding_mend(x, "nft 'chain %s %s { policy accept; }'", t->name, t->chains[hook]);
}

struct doctor_place
doctor_place_of(const struct doctor_table *t, const char *chain)
{
	if (chain[0] && strcmp(chain, t->chains[DOCTOR_FORWARD]) == 0)
		return (struct doctor_place){.forward = true};
	if (chain[0] && strcmp(chain, t->chains[DOCTOR_INPUT]) == 0)
		return (struct doctor_place){.input = true};
	/* ufw-user-forward, filter_FWD_trusted, DOCKER-USER; ufw-user-input, filter_IN_public */
	if (strcasestr(chain, "forward") || strstr(chain, "FWD") || strcasestr(chain, "docker"))
		return (struct doctor_place){.forward = true};
	if (strcasestr(chain, "input") || strstr(chain, "_IN_"))
		return (struct doctor_place){.input = true};
	return (struct doctor_place){.forward = true, .input = true};
}

void
doctor_judge_tables(const struct doctor_facts *f, struct findings *ret)
{
	const struct conf_bridge *b = f->conf->bridge;

	for (size_t i = 0; i < f->n_tables; i++) {
		const struct doctor_table *t = &f->tables[i];

		if ((t->v6 && !(b && b->v6.addr.family)) || (t->frames && !b))
			continue;
		for (size_t hook = 0; hook < DOCTOR_HOOK_COUNT; hook++) {
			/* A rule that asks for the bridge of a frame is not for every kernel. */
			bool routed =
				!t->frames && (hook == DOCTOR_FORWARD || hook == DOCTOR_INPUT);

			if (!t->drops[hook] || (routed && !b))
				continue;
			if (!routed)
				judge_other(t, (enum doctor_hook)hook, ret);
			else if (hook == DOCTOR_FORWARD)
				judge_forward(t, b->name, ret);
			else
				judge_input(t, b->name, ret);
		}
	}
}
