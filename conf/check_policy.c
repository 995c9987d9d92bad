/* Checks of what containers may send: exceptions need a rule, and the rule a bridge. */
#include "conf/parse.h"

static void
check_link_ports(struct parse *p)
{
	const struct conf_isolation *all = &p->conf->isolation;
	size_t n = 0;

	for (size_t i = 0; i < all->n_links; i++)
		for (size_t k = 0; k < all->links[i].n_ports; k++) {
			const struct conf_port_range *r = &all->links[i].ports[k];

			n += ((size_t)r->high - r->low + 1) *
			     ((size_t)all->links[i].tcp + all->links[i].udp);
			if (n > CONF_LINK_PORTS_MAX) {
				parse_error_ordinal(p, all->links[i].ordinal,
					"more than %d ports are linked", CONF_LINK_PORTS_MAX);
				return;
			}
		}
}

static bool
any_denied(const struct conf *c)
{
	for (size_t i = 0; i < c->n_containers; i++)
		if (c->containers[i].policy.egress_ordinal)
			return true;
	return false;
}

static void
check_egress(struct parse *p, const struct conf_container *c)
{
	if (c->policy.n_egress && !c->policy.egress_ordinal)
		parse_error_ordinal(p, c->policy.egress[0].ordinal,
			"egress allow makes exceptions of egress deny, which is missing here");
	if (c->policy.egress_ordinal && !p->conf->bridge)
		parse_error_ordinal(p, c->policy.egress_ordinal,
			"what containers send is looked at on a bridge; write for example: bridge "
			"lxcbr0 10.0.3.1/24");
	/* Under another MAC it would be nobody whom a rule knows. */
	if (c->policy.egress_ordinal && c->policy.spoofing == CONF_SPOOFING_ALLOW)
		parse_error_ordinal(p, c->policy.egress_ordinal,
			"egress knows the container by its MAC, and spoofing allow lets it take "
			"any "
			"other one; leave one of the two out");
}

void
parse_check_policy(struct parse *p)
{
	const struct conf *c = p->conf;
	const struct conf_isolation *all = &c->isolation;

	if (all->isolate_ordinal && !c->bridge)
		parse_error_ordinal(p, all->isolate_ordinal,
			"containers are isolated on a bridge; write for example: bridge lxcbr0 "
			"10.0.3.1/24");
	for (size_t i = 0; i < c->n_containers; i++)
		check_egress(p, &c->containers[i]);
	if (all->n_links && !all->isolate_ordinal && !any_denied(c))
		parse_error_ordinal(p, all->links[0].ordinal,
			"a link is an exception of isolate or of egress deny, and the file has "
			"neither; without them containers speak freely");
	check_link_ports(p);
}
