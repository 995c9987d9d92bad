/*
 * dnsmasq serves one interface by its own addresses (bind-dynamic), so it stands beside any other
 * resolver of the machine; it neither reads the host's /etc/hosts nor writes a pid file.
 */
#include "daemon/dnsmasq_text.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static const char *
netmask(const struct prefix *p, char out[static ADDR_TEXT_MAX])
{
	struct in_addr mask = {.s_addr = p->len ? htonl(UINT32_MAX << (32 - p->len)) : 0};

	return inet_ntop(AF_INET, &mask, out, ADDR_TEXT_MAX);
}

static int
print_v4(const struct prefix *bridge, struct buf *out)
{
	char own[ADDR_TEXT_MAX], net[ADDR_TEXT_MAX], mask[ADDR_TEXT_MAX];
	struct prefix network = prefix_network(bridge);

	addr_print(&bridge->addr, own);
	return buf_printf(out,
		"dhcp-range=%s,static,%s,infinite\n"
		"dhcp-option=option:router,%s\n"
		"dhcp-option=option:dns-server,%s\n",
		addr_print(&network.addr, net), netmask(bridge, mask), own, own);
}

/* Router advertisements give the default route, DHCPv6 the address. */
static int
print_v6(const struct prefix *bridge, struct buf *out)
{
	char own[ADDR_TEXT_MAX], net[ADDR_TEXT_MAX];
	struct prefix network = prefix_network(bridge);

	return buf_printf(out,
		"enable-ra\n"
		"dhcp-range=%s,static,%u,infinite\n"
		"dhcp-option=option6:dns-server,[%s]\n",
		addr_print(&network.addr, net), bridge->len, addr_print(&bridge->addr, own));
}

int
dnsmasq_print_config(
	const struct conf_bridge *bridge, const struct dnsmasq_paths *paths, struct buf *out)
{
	if (buf_printf(out,
		    "# Written by sluiced at each change; edits are lost.\n"
		    "interface=%s\n"
		    "except-interface=lo\n"
		    "bind-dynamic\n"
		    "no-hosts\n"
		    "no-ping\n"
		    "dhcp-authoritative\n"
		    "dhcp-hostsfile=%s\n"
		    "addn-hosts=%s\n"
		    "domain=" DNSMASQ_DOMAIN "\n"
		    "local=/" DNSMASQ_DOMAIN "/\n"
		    "dhcp-leasefile=%s\n"
		    "pid-file\n"
		    "user=%s\n"
		    "group=%s\n"
		    "log-facility=-\n"
		    "quiet-dhcp\n"
		    "quiet-dhcp6\n"
		    "quiet-ra\n",
		    bridge->name, paths->hosts, paths->names, paths->leases, paths->user,
		    paths->group) < 0)
		return -1;
	if (print_v4(&bridge->v4, out) < 0)
		return -1;
	return bridge->v6.addr.family ? print_v6(&bridge->v6, out) : 0;
}

static bool
is_field(struct slice s, const char *allowed)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
			(c == '\0' || !strchr(allowed, c)))
			return false;
	}
	return true;
}

int
dnsmasq_print_host(const struct dnsmasq_host *h, struct buf *out)
{
	if (h->mac.n == 0 || (h->address.n == 0 && h->address6.n == 0) || h->name.n == 0 ||
		!is_field(h->mac, ":") || !is_field(h->address, ".") ||
		!is_field(h->address6, ":.") || !is_field(h->name, "-_."))
		return 0;
	if (buf_append_slice(out, h->mac) < 0)
		return -1;
	if (h->address.n && buf_printf(out, ",%.*s", SLICE_ARG(h->address)) < 0)
		return -1;
	if (h->address6.n && buf_printf(out, ",[%.*s]", SLICE_ARG(h->address6)) < 0)
		return -1;
	return buf_printf(out, ",%.*s,infinite\n", SLICE_ARG(h->name));
}

/* ---- leases ---- */

/* Takes one field off the line. */
static struct slice
take_field(struct slice *line)
{
	struct slice field = slice_head(*line, slice_index(*line, ','));

	*line = slice_skip(*line, field.n + 1);
	return field;
}

/* The line of the list that has this text; empty when none has. */
static struct slice
find_host(struct slice hosts, const char *text)
{
	const char *at = memmem(hosts.p, hosts.n, text, strlen(text));
	const char *begin = at;

	if (!at)
		return (struct slice){.p = ""};
	while (begin > hosts.p && begin[-1] != '\n')
		begin--;
	return slice_head(slice_skip(hosts, (size_t)(begin - hosts.p)),
		slice_index(slice_skip(hosts, (size_t)(begin - hosts.p)), '\n'));
}

static struct slice
take_word(struct slice *line)
{
	struct slice word = slice_head(*line, slice_index(*line, ' '));

	*line = slice_skip(*line, word.n + 1);
	return word;
}

/* The field before the last one. */
static struct slice
host_name(struct slice line)
{
	struct slice name = {.p = ""}, last = {.p = ""};

	while (line.n > 0) {
		name = last;
		last = take_field(&line);
	}
	return name;
}

/* Of IPv4 a lease says the MAC address; of IPv6 only the name can be compared. */
static bool
contradicts(struct slice lease, struct slice hosts)
{
	char text[ADDR_TEXT_MAX + 4];
	struct slice mac, address, host, line;
	struct addr a;

	(void)take_word(&lease); /* when it ends */
	mac = take_word(&lease);
	address = take_word(&lease);
	host = take_word(&lease);
	if (addr_parse(address, &a) < 0)
		return false;
	(void)snprintf(text, sizeof(text), a.family == AF_INET ? ",%.*s," : ",[%.*s],",
		(int)address.n, address.p);
	line = find_host(hosts, text);
	if (line.n == 0)
		return false;
	return a.family == AF_INET ? !slice_eq(take_field(&line), mac)
				   : !slice_eq_str(host, "*") && !slice_eq(host_name(line), host);
}

int
dnsmasq_print_leases(struct slice leases, struct slice hosts, struct buf *out, size_t *ret_dropped)
{
	size_t dropped = 0;

	while (leases.n > 0) {
		struct slice line = slice_head(leases, slice_index(leases, '\n'));

		leases = slice_skip(leases, line.n + 1);
		if (contradicts(line, hosts))
			dropped++;
		else if (buf_printf(out, "%.*s\n", SLICE_ARG(line)) < 0)
			return -1;
	}
	*ret_dropped = dropped;
	return 0;
}

/* ---- names ---- */

static int
print_name(struct slice address, struct slice name, struct buf *out)
{
	return buf_printf(out, "%.*s %.*s." DNSMASQ_DOMAIN " %.*s\n", SLICE_ARG(address),
		SLICE_ARG(name), SLICE_ARG(name));
}

int
dnsmasq_print_names(struct slice line, struct buf *out)
{
	struct slice v4 = {.p = ""}, v6 = {.p = ""}, field;

	(void)take_field(&line); /* mac */
	while ((field = take_field(&line)).n) {
		if (field.p[0] == '[')
			v6 = slice_head(slice_skip(field, 1), slice_index(field, ']') - 1);
		else if (slice_index(field, '.') < field.n && v4.n == 0 && v6.n == 0)
			v4 = field;
		else
			break;
	}
	/* The first field that is no address is the name. */
	if (v4.n && print_name(v4, field, out) < 0)
		return -1;
	return v6.n ? print_name(v6, field, out) : 0;
}
