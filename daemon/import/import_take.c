/*
 * What one rule means for us: a forward, a block, the outside, or nothing that has to be said. A
 * rule that says more than we understand is none of these.
 */
#include "daemon/import/import.h"

#include "core/num.h"

#include <stdio.h>
#include <string.h>

#define NOT_NEEDED_KNOWN "answers and what belongs to them are let through"
#define NOT_NEEDED_FORWARD "what a forward lets in goes through, and so does what containers begin"
#define NOT_NEEDED_HAIRPIN "containers reach forwarded ports of the host"
#define NOT_NEEDED_OUTPUT "forwards also work from the host itself"

void
import_odd(struct import_rule *r, const char *what)
{
	if (!r->odd)
		r->odd = what;
}

int
import_prefix(struct slice s, struct prefix *ret)
{
	size_t slash = slice_index(s, '/');
	struct prefix p = {0}, mask;

	if (prefix_parse(s, ret) == 0)
		return 0;
	/* "10.0.3.0/255.255.255.0" */
	if (slash < s.n && addr_parse(slice_head(s, slash), &p.addr) == 0 &&
		addr_parse(slice_skip(s, slash + 1), &mask.addr) == 0 &&
		mask.addr.family == p.addr.family) {
		while (p.len < addr_len(&p.addr) * 8 &&
			mask.addr.bytes[p.len / 8] & 0x80U >> p.len % 8)
			p.len++;
		*ret = p;
		return 0;
	}
	if (addr_parse(s, &p.addr) < 0)
		return -1;
	p.len = (uint8_t)(addr_len(&p.addr) * 8);
	*ret = p;
	return 0;
}

int
import_port_range(struct slice s, char mark, struct import_ports *ret)
{
	size_t at = slice_index(s, mark);
	uint64_t low, high;

	if (num_parse(slice_head(s, at), 1, UINT16_MAX, &low) < 0)
		return -1;
	high = low;
	if (at < s.n && num_parse(slice_skip(s, at + 1), low, UINT16_MAX, &high) < 0)
		return -1;
	*ret = (struct import_ports){.low = (uint16_t)low, .high = (uint16_t)high};
	return 0;
}

int
import_ifname(struct slice s, char ret[static CONF_IFNAME_MAX + 1])
{
	if (s.n == 0 || s.n > CONF_IFNAME_MAX || memchr(s.p, '+', s.n) || memchr(s.p, '*', s.n) ||
		memchr(s.p, '"', s.n) || memchr(s.p, ' ', s.n) || memchr(s.p, '\0', s.n))
		return -1;
	memcpy(ret, s.p, s.n);
	ret[s.n] = '\0';
	return 0;
}

static bool
is_any(const struct prefix *p)
{
	return p->len == 0;
}

/* What iptables does with a range of the target is not what we do, unless it is the same one. */
static const char *
odd_ports(const struct import_rule *r)
{
	const struct import_ports *to = &r->target_ports;

	if (!r->tcp && !r->udp)
		return "a forward is of tcp or udp";
	if (r->n_ports == 0)
		return "a forward is of some ports, not of all";
	if (to->low == 0)
		return NULL;
	if (r->n_ports > 1)
		return "several ports go to one";
	if (to->low == to->high && r->ports[0].low != r->ports[0].high)
		return "a range of ports goes to one";
	if (to->high - to->low != r->ports[0].high - r->ports[0].low)
		return "the ranges have different sizes";
	if (to->low != to->high && to->low != r->ports[0].low)
		return "any port of the range may be taken for any; write a shifted range yourself";
	return NULL;
}

static void
take_dnat(struct import *i, const struct import_rule *r)
{
	const char *odd = odd_ports(r);

	if (odd) {
		import_note_unknown(i, odd, r->line);
		return;
	}
	if (r->from_not || r->to_not || r->out[0]) {
		import_note_unknown(i, "a forward has no exceptions", r->line);
		return;
	}
	if (r->to.addr.family && !is_any(&r->to) && r->to.len != addr_len(&r->to.addr) * 8) {
		import_note_unknown(
			i, "a forward is for one address of the host, or for all", r->line);
		return;
	}
	/* The first interface is taken for the outside; Docker's `! -i docker0` is no interface. */
	if (r->in[0] && !r->in_not && !i->wan[0])
		memcpy(i->wan, r->in, sizeof(i->wan));
	for (size_t port = 0; port < r->n_ports; port++)
		import_add_forward(i, r, port);
}

/* The bridge's own address is not in the rules: the network's first one, as everybody has it. */
static void
guess_bridge(struct import *i, const struct prefix *net)
{
	struct prefix *at = net->addr.family == AF_INET6 ? &i->net6 : &i->net4;

	if (at->addr.family || net->len == 0 || net->len + 2U > addr_len(&net->addr) * 8)
		return;
	*at = prefix_network(net);
	at->addr.bytes[addr_len(&at->addr) - 1] |= 1;
}

static void
take_masquerade(struct import *i, const struct import_rule *r)
{
	if (r->n_from == 1 && r->to.addr.family && !r->to_not && !r->from_not) {
		import_note_done(i, NOT_NEEDED_HAIRPIN, r->line);
		return;
	}
	if (r->from_not || r->n_from > 1 || r->n_ports || r->tcp || r->udp) {
		import_note_unknown(i, "sluice masquerades the bridge's network", r->line);
		return;
	}
	if (r->n_from == 1)
		guess_bridge(i, &r->from[0]);
	if (r->out[0] && r->out_not) {
		memcpy(i->bridge, r->out, sizeof(i->bridge));
	} else if (r->out[0] && i->wan[0] && strcmp(i->wan, r->out) != 0) {
		import_note_unknown(
			i, "masquerade leaves at one interface, and there is another one", r->line);
		return;
	} else if (r->out[0]) {
		memcpy(i->wan, r->out, sizeof(i->wan));
	}
	import_note_done(i, "the bridge's network is masqueraded", r->line);
}

/* Nothing but a source. */
static bool
is_block(const struct import_rule *r)
{
	return r->n_from > 0 && !r->from_not && !r->to.addr.family && !r->tcp && !r->udp &&
	       r->n_ports == 0 && !r->out[0] && !r->in_not && !r->established;
}

static void
take_drop(struct import *i, const struct import_rule *r)
{
	if (!is_block(r) || r->chain == IMPORT_OUTPUT || r->chain == IMPORT_POSTROUTING) {
		import_note_unknown(i, "only whole sources are blocked", r->line);
		return;
	}
	for (size_t k = 0; k < r->n_from; k++) {
		if (is_any(&r->from[k])) {
			import_note_unknown(i, "this blocks everybody", r->line);
			return;
		}
	}
	for (size_t k = 0; k < r->n_from; k++)
		import_add_block(i, &r->from[k]);
}

static void
take_accept(struct import *i, const struct import_rule *r)
{
	if (r->established)
		import_note_done(i, NOT_NEEDED_KNOWN, r->line);
	else if (r->chain == IMPORT_FORWARD && !r->n_from)
		import_note_done(i, NOT_NEEDED_FORWARD, r->line);
	else if (r->chain == IMPORT_INPUT && strcmp(r->in, "lo") == 0 && !r->in_not)
		import_note_done(i, "the host speaks to itself", r->line);
	else
		import_note_unknown(i, "sluice has no place for it", r->line);
}

void
import_take(struct import *i, const struct import_rule *r)
{
	if (r->odd) {
		import_note_unknown(i, r->odd, r->line);
		return;
	}
	switch (r->verdict) {
	case IMPORT_DNAT:
		if (r->chain == IMPORT_OUTPUT)
			import_note_done(i, NOT_NEEDED_OUTPUT, r->line);
		else
			take_dnat(i, r);
		return;
	case IMPORT_MASQUERADE:
		take_masquerade(i, r);
		return;
	case IMPORT_DROP:
		take_drop(i, r);
		return;
	case IMPORT_ACCEPT:
		take_accept(i, r);
		return;
	case IMPORT_JUMP:
		import_note_unknown(
			i, "the way into another chain; its rules are looked at", r->line);
		return;
	case IMPORT_NOTHING:
		break;
	}
	import_note_unknown(i, "it decides nothing", r->line);
}
