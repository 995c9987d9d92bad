/* forward tcp|udp|both [ADDRESS:]PORT[-PORT] [on INTERFACE] -> TARGET:PORT[-PORT] [masquerade]
 * [confirm] [from CIDR...] */
#include "conf/setters.h"

#include "conf/parse.h"
#include "conf/value.h"
#include "core/num.h"

#include <stdlib.h>

#define SOURCES_MAX 256 /* of one forward */

static int
read_ports(struct parse *p, const struct word *w, struct slice text, uint16_t ret_range[static 2])
{
	if (num_parse_ports(text, &ret_range[0], &ret_range[1]) < 0)
		return parse_error(p, w,
			"\"%.*s\" is not a port or a range of ports; write 2222 or 6000-6010",
			SLICE_ARG(slice_head(text, WORD_SHOWN)));
	return 0;
}

/* The ports of the container, which must be as many as those of the host. */
static int
read_target_ports(struct parse *p, const struct word *w, struct slice text, struct conf_forward *f)
{
	uint16_t range[2];
	unsigned more = (unsigned)f->high - f->low;

	if (read_ports(p, w, text, range) < 0)
		return -1;
	f->target_low = range[0];
	f->target_high = range[1];
	if (range[0] != range[1] && (unsigned)range[1] - range[0] != more)
		return parse_error(p, w,
			"the ranges differ in size: %u of the host, %u of the container", more + 1,
			(unsigned)range[1] - range[0] + 1);
	if (range[0] + more > UINT16_MAX)
		return parse_error(
			p, w, "%u ports from %u on reach beyond 65535", more + 1, range[0]);
	f->target_high = (uint16_t)(range[0] + more);
	return 0;
}

static int
read_source(struct parse *p, const struct word *w, struct conf_forward *f)
{
	struct prefix *source = parse_add(p, &f->from, &f->n_from, sizeof(*source));
	char text[ADDR_TEXT_MAX];

	if (!source || word_read_network(p, w, source) < 0)
		return -1;
	for (size_t i = 0; i + 1 < f->n_from; i++)
		if (prefix_overlaps(&f->from[i], source))
			return parse_error(p, w, "\"%.*s\" overlaps %s, which stands before it",
				WORD_ARG(w), prefix_print(&f->from[i], text));
	return 0;
}

/* What stands behind the target: masquerade and confirm, then from and what it is for. */
static int
read_options(struct parse *p, const struct directive *d, struct conf_forward *f)
{
	size_t at = 1;
	int value;

	for (; at < d->n_target; at++) {
		if (slice_eq_str(d->target[at].text, "masquerade") && !f->masquerade)
			f->masquerade = true;
		else if (slice_eq_str(d->target[at].text, "confirm") && !f->confirm)
			f->confirm = true;
		else
			break;
	}
	if (at == d->n_target)
		return 0;
	if (word_read_word(p, "forward target", &d->target[at], &value) < 0)
		return -1;
	if (value != FORWARD_FROM)
		return parse_error(p, &d->target[at], "\"%.*s\" stands once, before \"from\"",
			WORD_ARG(&d->target[at]));
	if (++at == d->n_target)
		return parse_error(
			p, &d->target[at - 1], "the addresses behind \"from\" are missing");
	if (d->n_target - at > SOURCES_MAX)
		return parse_error(p, &d->target[at + SOURCES_MAX],
			"more than %d addresses in one forward", SOURCES_MAX);
	for (; at < d->n_target; at++) {
		if (read_source(p, &d->target[at], f) < 0)
			return -1;
		if (f->listen.family && f->from[f->n_from - 1].addr.family != f->listen.family)
			return parse_error(p, &d->target[at],
				"nobody with such an address reaches the address that is "
				"forwarded; leave it out");
	}
	return 0;
}

/* Splits "ADDRESS:REST" and "[ADDRESS6]:REST"; false when it is something else. */
static bool
split_address(struct slice text, struct addr *ret, struct slice *ret_host, struct slice *ret_rest)
{
	bool bracket = text.n && text.p[0] == '[';
	size_t end = bracket ? slice_index(text, ']') + 1 : slice_index(text, ':');
	struct slice host = slice_head(text, end);
	struct addr a;

	if (end >= text.n || text.p[end] != ':')
		return false;
	if (addr_parse(bracket ? slice_head(slice_skip(host, 1), end - 2) : host, &a) < 0 ||
		(a.family == AF_INET6) != bracket)
		return false;
	*ret = a;
	*ret_host = host;
	*ret_rest = slice_skip(text, end + 1);
	return true;
}

/* Nobody's, everybody's or the host's own: what cannot be forwarded to. */
static bool
is_special(const struct addr *a)
{
	static const struct addr none4 = {.family = AF_INET}, none6 = {.family = AF_INET6};
	static const struct addr loop6 = {.family = AF_INET6, .bytes = {[15] = 1}};

	if (a->family == AF_INET)
		return addr_eq(a, &none4) || a->bytes[0] == 127 || a->bytes[0] >= 224;
	return addr_eq(a, &none6) || addr_eq(a, &loop6) || a->bytes[0] == 0xff ||
	       (a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80);
}

static int
read_address_target(
	struct parse *p, const struct word *w, struct slice host, struct conf_forward *f)
{
	if (is_special(&f->target))
		return parse_error(p, w,
			"a forward goes to an address of another host; %.*s is none",
			SLICE_ARG(slice_head(host, WORD_SHOWN)));
	if (f->listen.family && f->listen.family != f->target.family)
		return parse_error(p, w, "the addresses are of different families");
	f->host = parse_dup(p, host);
	return f->host ? 0 : -1;
}

static int
read_forward_target(struct parse *p, const struct directive *d, struct conf_forward *f)
{
	const struct word *w = &d->target[0];
	struct slice ports, host;

	if (split_address(w->text, &f->target, &host, &ports)) {
		if (read_address_target(p, w, host, f) < 0)
			return -1;
	} else if (word_read_container(p, w, &f->host, &ports) < 0) {
		return -1;
	}
	if (slice_index(ports, '/') < ports.n)
		return parse_error(p, w, "a forward goes to a port and has no path");
	if (read_target_ports(p, w, ports, f) < 0)
		return -1;
	return read_options(p, d, f);
}

/* "2222", "192.0.2.1:2222", "[2001:db8::1]:2222", each with a range, then "on INTERFACE". */
static int
read_entry(struct parse *p, const struct directive *d, struct conf_forward *f)
{
	const struct word *w = &d->words[2];
	struct slice ports = w->text, host;
	uint16_t range[2];
	int value;

	if (split_address(w->text, &f->listen, &host, &ports) && is_special(&f->listen))
		return parse_error(p, w, "%.*s is no address that others reach",
			SLICE_ARG(slice_head(host, WORD_SHOWN)));
	if (read_ports(p, w, ports, range) < 0)
		return -1;
	f->low = range[0];
	f->high = range[1];
	if (d->n == 3)
		return 0;
	if (word_read_word(p, "forward entry", &d->words[3], &value) < 0)
		return -1;
	if (d->n == 4)
		return parse_error(p, &d->words[3], "the interface behind \"on\" is missing");
	if (f->listen.family)
		return parse_error(p, &d->words[3],
			"a forward has an address or an interface of the host, not both");
	return word_read_checked(p, &d->words[4], value_interface(d->words[4].text), &f->interface);
}

static int
refer(struct parse *p, const struct directive *d, const struct conf_forward *f)
{
	return f->target.family ? 0 : parse_refer(p, REFERENCE_FORWARD, d, &d->target[0]);
}

/* `both`: the same once more for the other protocol. */
static int
add_twin(struct parse *p, const struct directive *d)
{
	struct conf *c = p->conf;
	struct conf_forward *twin = parse_add(p, &c->forwards, &c->n_forwards, sizeof(*twin));
	const struct conf_forward *f;

	if (!twin)
		return -1;
	f = twin - 1;
	*twin = *f;
	twin->proto = CONF_UDP;
	twin->from = NULL;
	twin->n_from = 0;
	twin->interface = NULL;
	twin->host = parse_dup(p, slice_str(f->host));
	if (twin->host && f->interface)
		twin->interface = parse_dup(p, slice_str(f->interface));
	if (!twin->host || (f->interface && !twin->interface))
		return -1;
	for (size_t i = 0; i < f->n_from; i++) {
		struct prefix *source = parse_add(p, &twin->from, &twin->n_from, sizeof(*source));

		if (!source)
			return -1;
		*source = f->from[i];
	}
	return refer(p, d, twin);
}

int
set_forward(struct parse *p, const struct directive *d)
{
	struct conf *c = p->conf;
	struct conf_forward *f = parse_add(p, &c->forwards, &c->n_forwards, sizeof(*f));
	int proto;

	if (!f)
		return -1;
	f->ordinal = d->ordinal;
	if (word_read_word(p, "forward", &d->words[1], &proto) < 0)
		return -1;
	f->proto = proto == FORWARD_BOTH ? CONF_TCP : (enum conf_proto)proto;
	if (read_entry(p, d, f) < 0 || read_forward_target(p, d, f) < 0 || refer(p, d, f) < 0)
		return -1;
	return proto == FORWARD_BOTH ? add_twin(p, d) : 0;
}
