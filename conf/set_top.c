/* Directives of the top level that say where traffic comes in: wan, bridge, listen, forward. */
#include "conf/setters.h"

#include "conf/parse.h"
#include "conf/value.h"
#include "core/num.h"

#include <stdio.h>
#include <stdlib.h>

#define BRIDGE_LEN_MIN 8  /* IPv4 */
#define BRIDGE_LEN_MAX 30 /* room for the bridge and one container */
#define BRIDGE6_LEN_MIN 16
#define BRIDGE6_LEN_MAX 126
#define SOURCES_MAX 256 /* of one forward */

int
set_wan(struct parse *p, const struct directive *d)
{
	p->conf->wan_ordinal = d->ordinal;
	return word_read_checked(p, &d->words[1], value_interface(d->words[1].text), &p->conf->wan);
}

/* ---- bridge ---- */

static int
read_bridge_prefix(struct parse *p, const struct word *w, int family, struct prefix *ret)
{
	uint8_t min = family == AF_INET ? BRIDGE_LEN_MIN : BRIDGE6_LEN_MIN;
	uint8_t max = family == AF_INET ? BRIDGE_LEN_MAX : BRIDGE6_LEN_MAX;
	const char *name = family == AF_INET ? "IPv4" : "IPv6";
	struct prefix prefix, network;
	struct addr last;

	if (prefix_parse(w->text, &prefix) < 0 || prefix.addr.family != family)
		return parse_error(p, w,
			"\"%.*s\" is not an %s address with its length; write it as %s",
			WORD_ARG(w), name, family == AF_INET ? "10.0.3.1/24" : "fd00:3::1/64");
	if (prefix.len < min || prefix.len > max)
		return parse_error(p, w, "the length /%u is out of range; it must be /%u to /%u",
			prefix.len, min, max);
	network = prefix_network(&prefix);
	last = prefix_last(&prefix);
	if (addr_eq(&prefix.addr, &network.addr))
		return parse_error(p, w,
			"\"%.*s\" is the network; the bridge needs an address of its own in it",
			WORD_ARG(w));
	if (family == AF_INET && addr_eq(&prefix.addr, &last))
		return parse_error(p, w,
			"\"%.*s\" is the broadcast address; the bridge needs another one",
			WORD_ARG(w));
	*ret = prefix;
	return 0;
}

int
set_bridge(struct parse *p, const struct directive *d)
{
	struct conf_bridge *bridge = calloc(1, sizeof(*bridge));
	const struct word *name = &d->words[1];
	const char *why = value_interface(name->text);
	int ret = 0;

	if (!bridge)
		return parse_no_memory(p);
	p->conf->bridge = bridge;
	bridge->ordinal = d->ordinal;
	if (why)
		ret = parse_error(p, name, "\"%.*s\" %s", WORD_ARG(name), why);
	else
		memcpy(bridge->name, name->text.p, name->text.n);
	if (read_bridge_prefix(p, &d->words[2], AF_INET, &bridge->v4) < 0)
		ret = -1;
	if (d->n > 3 && read_bridge_prefix(p, &d->words[3], AF_INET6, &bridge->v6) < 0)
		ret = -1;
	return ret;
}

/* ---- listen ---- */

static int
read_listen_address(struct parse *p, const struct word *w, struct conf_listen *listen)
{
	struct slice s = w->text;
	size_t n = s.n;
	struct addr alone;

	if (slice_index(s, ':') == s.n && slice_index(s, '.') == s.n)
		return word_read_port(p, w, s, &listen->port);
	if (addr_parse_port(s, &listen->addr, &listen->port) == 0 && listen->port != 0)
		return 0;
	if (addr_parse(s, &alone) == 0)
		return parse_error(p, w, "the port is missing; write %s%.*s%s:443",
			alone.family == AF_INET6 ? "[" : "", WORD_ARG(w),
			alone.family == AF_INET6 ? "]" : "");
	while (n > 0 && s.p[n - 1] != ':')
		n--;
	if (n > 1 && addr_parse(slice_head(s, n - 1), &alone) == 0 && alone.family == AF_INET)
		return word_read_port(p, w, slice_skip(s, n), &listen->port);
	return parse_error(p, w,
		"\"%.*s\" is not a port or an address with a port; write 443, 192.0.2.1:443 or "
		"[2001:db8::1]:443",
		WORD_ARG(w));
}

/* Browsers speak HTTP/2 over TLS only, and the upgrade from clear text is refused everywhere. */
static int
read_listen_http2(struct parse *p, const struct word *w, struct conf_listen *listen)
{
	int value;

	if (word_read_word(p, "listen tls", w, &value) < 0)
		return -1;
	if (listen->mode != CONF_LISTEN_TLS)
		return parse_error(p, w,
			"HTTP/2 is spoken over TLS only; write: listen %u tls http2", listen->port);
	listen->http2 = true;
	return 0;
}

/* How many words there are before proxy-protocol, which stands last. */
static size_t
read_listen_proxy(const struct directive *d, struct conf_listen *listen)
{
	listen->proxy_protocol =
		d->n > 2 && slice_eq_str(d->words[d->n - 1].text, "proxy-protocol");
	return d->n - listen->proxy_protocol;
}

int
set_listen(struct parse *p, const struct directive *d)
{
	struct conf *c = p->conf;
	struct conf_listen *listen = parse_add(p, &c->listens, &c->n_listens, sizeof(*listen));
	int mode = CONF_LISTEN_REDIRECT;
	size_t n;

	if (!listen)
		return -1;
	listen->ordinal = d->ordinal;
	listen->mode = CONF_LISTEN_REDIRECT;
	n = read_listen_proxy(d, listen);
	if (read_listen_address(p, &d->words[1], listen) < 0)
		return -1;
	if (n > 2 && word_read_word(p, "listen", &d->words[2], &mode) < 0)
		return -1;
	if (mode == CONF_LISTEN_PROXY_WORD)
		return parse_error(p, &d->words[2], "\"proxy-protocol\" stands last");
	listen->mode = (enum conf_listen_mode)mode;
	if (n > 4)
		return parse_error(
			p, &d->words[4], "\"%.*s\" is one word too many", WORD_ARG(&d->words[4]));
	return n > 3 ? read_listen_http2(p, &d->words[3], listen) : 0;
}

/* ---- forward ---- */

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

static int
read_sources(struct parse *p, const struct directive *d, struct conf_forward *f)
{
	int value;

	if (d->n_target == 1)
		return 0;
	if (word_read_word(p, "forward target", &d->target[1], &value) < 0)
		return -1;
	if (d->n_target == 2)
		return parse_error(p, &d->target[1], "the addresses behind \"from\" are missing");
	if (d->n_target - 2 > SOURCES_MAX)
		return parse_error(p, &d->target[2 + SOURCES_MAX],
			"more than %d addresses in one forward", SOURCES_MAX);
	for (size_t i = 2; i < d->n_target; i++)
		if (read_source(p, &d->target[i], f) < 0)
			return -1;
	return 0;
}

static int
read_forward_target(struct parse *p, const struct directive *d, struct conf_forward *f)
{
	const struct word *w = &d->target[0];
	struct slice ports;

	if (word_read_container(p, w, &f->host, &ports) < 0)
		return -1;
	if (slice_index(ports, '/') < ports.n)
		return parse_error(p, w, "a forward goes to a port and has no path");
	if (read_target_ports(p, w, ports, f) < 0)
		return -1;
	return read_sources(p, d, f);
}

int
set_forward(struct parse *p, const struct directive *d)
{
	struct conf *c = p->conf;
	struct conf_forward *f = parse_add(p, &c->forwards, &c->n_forwards, sizeof(*f));
	uint16_t range[2];
	int proto;

	if (!f)
		return -1;
	f->ordinal = d->ordinal;
	if (word_read_word(p, "forward", &d->words[1], &proto) < 0 ||
		read_ports(p, &d->words[2], d->words[2].text, range) < 0)
		return -1;
	f->proto = (enum conf_proto)proto;
	f->low = range[0];
	f->high = range[1];
	if (read_forward_target(p, d, f) < 0)
		return -1;
	return parse_refer(p, REFERENCE_FORWARD, d, &d->target[0]);
}
