/* Directives of the top level that say where traffic comes in: wan, bridge, listen. */
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
	if (n > 2 && slice_eq_str(d->words[2].text, "http2"))
		return parse_error(p, &d->words[2],
			"\"http2\" stands behind \"tls\"; write: listen %u tls http2",
			listen->port);
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
