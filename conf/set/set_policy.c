/* spoofing drop|allow; egress deny; egress allow TARGET...; isolate; link CONTAINER ->
 * CONTAINER:PORT[-PORT]... [tcp|udp|both] */
#include "conf/setters.h"

#include "conf/parse.h"
#include "conf/value.h"
#include "core/num.h"

static struct conf_container *
open_container(const struct parse *p)
{
	return &p->conf->containers[p->container];
}

int
set_spoofing(struct parse *p, const struct directive *d)
{
	struct conf_policy *policy = &open_container(p)->policy;
	int spoofing;

	if (word_read_word(p, "spoofing", &d->words[1], &spoofing) < 0)
		return -1;
	policy->spoofing = (enum conf_spoofing)spoofing;
	policy->spoofing_ordinal = d->ordinal;
	return 0;
}

int
set_isolate(struct parse *p, const struct directive *d)
{
	p->conf->isolation.isolate_ordinal = d->ordinal;
	return 0;
}

static int
read_ports(struct parse *p, const struct word *w, struct slice text, struct conf_link *link)
{
	struct conf_port_range *range;

	if (link->n_ports == CONF_LINK_RANGES_MAX)
		return parse_error(p, w, "more than %d ports of one link", CONF_LINK_RANGES_MAX);
	range = parse_add(p, &link->ports, &link->n_ports, sizeof(*range));
	if (!range)
		return -1;
	if (num_parse_ports(text, &range->low, &range->high) < 0)
		return parse_error(p, w,
			"\"%.*s\" is not a port or a range of ports; write 5432 or 6000-6010",
			SLICE_ARG(slice_head(text, WORD_SHOWN)));
	for (size_t i = 0; i + 1 < link->n_ports; i++)
		if (link->ports[i].low <= range->high && range->low <= link->ports[i].high)
			return parse_error(p, w, "\"%.*s\" overlaps %u, which stands before it",
				SLICE_ARG(slice_head(text, WORD_SHOWN)), link->ports[i].low);
	return 0;
}

/* What follows the target and its first port: further ports, then the protocol. */
static int
read_rest(struct parse *p, const struct directive *d, struct conf_link *link)
{
	int value = LINK_TCP;
	size_t at = 1;

	for (; at < d->n_target && d->target[at].text.n && d->target[at].text.p[0] >= '0' &&
		d->target[at].text.p[0] <= '9';
		at++)
		if (read_ports(p, &d->target[at], d->target[at].text, link) < 0)
			return -1;
	if (at < d->n_target && word_read_word(p, "link target", &d->target[at++], &value) < 0)
		return -1;
	if (at < d->n_target)
		return parse_error(p, &d->target[at],
			"nothing may follow the protocol; ports stand before it");
	link->tcp = value != LINK_UDP;
	link->udp = value != LINK_TCP;
	return 0;
}

static int
refer(struct parse *p, const struct directive *d, const struct word *w, size_t side)
{
	if (parse_refer(p, REFERENCE_LINK, d, w) < 0)
		return -1;
	p->references[p->n_references - 1].forward = p->conf->isolation.n_links - 1;
	p->references[p->n_references - 1].target = side;
	return 0;
}

int
set_link(struct parse *p, const struct directive *d)
{
	struct conf_isolation *all = &p->conf->isolation;
	struct conf_link *link = parse_add(p, &all->links, &all->n_links, sizeof(*link));
	struct slice ports = {0};

	if (!link)
		return -1;
	link->ordinal = d->ordinal;
	if (word_read_checked(p, &d->words[1], value_name(d->words[1].text), &link->from) < 0 ||
		word_read_container(p, &d->target[0], &link->to, &ports) < 0 ||
		read_ports(p, &d->target[0], ports, link) < 0 || read_rest(p, d, link) < 0)
		return -1;
	if (slice_eq_str(d->words[1].text, link->to))
		return parse_error(p, &d->target[0], "a container needs no link to itself");
	if (refer(p, d, &d->words[1], 0) < 0)
		return -1;
	return refer(p, d, &d->target[0], 1);
}

/* ---- egress ---- */

/* "192.0.2.0/24", "2001:db8::1": the network, when it is one. Returns whether it is an address at
 * all; *ret_bad, when bits of the host are set in it. */
static bool
read_net(struct slice text, struct prefix *ret, bool *ret_bad)
{
	struct prefix p = {0}, network;

	if (slice_index(text, '/') < text.n) {
		if (prefix_parse(text, &p) < 0)
			return false;
	} else {
		if (addr_parse(text, &p.addr) < 0)
			return false;
		p.len = (uint8_t)(addr_len(&p.addr) * 8);
	}
	network = prefix_network(&p);
	*ret_bad = !addr_eq(&network.addr, &p.addr);
	*ret = p;
	return true;
}

/* Parts the word at the colon of its port, if it has one; brackets go. */
static void
part_target(struct slice text, struct slice *ret_host, struct slice *ret_ports)
{
	size_t end = text.n;

	*ret_ports = (struct slice){0};
	if (text.n && text.p[0] == '[') {
		end = slice_index(text, ']');
		*ret_host = slice_head(slice_skip(text, 1), end ? end - 1 : 0);
		if (end + 1 < text.n && text.p[end + 1] == ':')
			*ret_ports = slice_skip(text, end + 2);
		return;
	}
	while (end > 0 && text.p[end - 1] != ':')
		end--;
	/* Several colons without brackets: an IPv6 address. */
	if (end == 0 || slice_index(text, ':') + 1 < end) {
		*ret_host = text;
		return;
	}
	*ret_host = slice_head(text, end - 1);
	*ret_ports = slice_skip(text, end);
}

static int
read_container(struct parse *p, const struct directive *d, const struct word *w, struct slice host,
	struct conf_egress *e)
{
	const char *why = value_name(host);

	if (why)
		return parse_error(p, w,
			"\"%.*s\" is neither a network nor a container's name; write 192.0.2.0/24, "
			"192.0.2.7:443, [2001:db8::/32]:443 or db:5432",
			WORD_ARG(w));
	if (!e->low)
		return parse_error(p, w, "a container is allowed by its port, as in %.*s:5432",
			SLICE_ARG(slice_head(host, WORD_SHOWN)));
	e->host = parse_dup(p, host);
	if (!e->host || parse_refer(p, REFERENCE_EGRESS, d, w) < 0)
		return -1;
	p->references[p->n_references - 1].forward = p->container;
	p->references[p->n_references - 1].target = open_container(p)->policy.n_egress - 1;
	return 0;
}

static bool
overlap(const struct conf_egress *a, const struct conf_egress *b)
{
	if (a->host || b->host || a->net.addr.family != b->net.addr.family ||
		!prefix_overlaps(&a->net, &b->net))
		return false;
	return !a->low || !b->low || (a->low <= b->high && b->low <= a->high);
}

static int
read_egress(struct parse *p, const struct directive *d, const struct word *w)
{
	struct conf_policy *policy = &open_container(p)->policy;
	struct slice host, ports;
	struct conf_egress *e;
	bool bad = false;

	if (policy->n_egress == CONF_EGRESS_MAX)
		return parse_error(
			p, w, "more than %d exceptions of one container", CONF_EGRESS_MAX);
	e = parse_add(p, &policy->egress, &policy->n_egress, sizeof(*e));
	if (!e)
		return -1;
	e->ordinal = d->ordinal;
	part_target(w->text, &host, &ports);
	if (ports.n && num_parse_ports(ports, &e->low, &e->high) < 0)
		return parse_error(p, w, "\"%.*s\" is not a port or a range of ports",
			SLICE_ARG(slice_head(ports, WORD_SHOWN)));
	if (!read_net(host, &e->net, &bad))
		return read_container(p, d, w, host, e);
	if (bad)
		return parse_error(p, w, "\"%.*s\" has bits set behind its length",
			SLICE_ARG(slice_head(host, WORD_SHOWN)));
	for (size_t i = 0; i + 1 < policy->n_egress; i++)
		if (overlap(&policy->egress[i], e))
			return parse_error(
				p, w, "\"%.*s\" overlaps one that stands before it", WORD_ARG(w));
	return 0;
}

/* Each target is a directive of its own in the canonical text. */
int
set_egress(struct parse *p, const struct directive *d)
{
	struct conf_policy *policy = &open_container(p)->policy;
	char where[PARSE_WHERE_MAX];
	int value;

	if (word_read_word(p, "egress", &d->words[1], &value) < 0)
		return -1;
	if (value == EGRESS_DENY && d->n > 2)
		return parse_error(p, &d->words[2],
			"nothing may follow \"deny\"; exceptions are written: egress allow ...");
	if (value == EGRESS_DENY && policy->egress_ordinal)
		return parse_error(p, &d->words[1], "\"egress deny\" stands here already, %s",
			parse_where(p, policy->egress_ordinal, d->ordinal, where));
	if (value == EGRESS_DENY) {
		policy->egress_ordinal = d->ordinal;
		return 0;
	}
	if (d->n < 3)
		return parse_error(p, &d->after,
			"whom it may reach is missing; write for "
			"example: egress allow 192.0.2.0/24:443");
	for (size_t i = 2; i < d->n; i++)
		if (read_egress(p, d, &d->words[i]) < 0)
			return -1;
	return 0;
}
