/* spoofing drop|allow; isolate; link CONTAINER -> CONTAINER:PORT[-PORT]... [tcp|udp|both] */
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
