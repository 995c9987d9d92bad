/* Values of `open`, and the few names that need no file. */
#include "conf/open.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

static bool
same_open(const struct conf_open *a, const struct conf_open *b)
{
	if (a->proto != b->proto || a->low != b->low || a->high != b->high ||
		a->n_from != b->n_from)
		return false;
	for (size_t i = 0; i < a->n_from; i++)
		if (a->from[i].len != b->from[i].len ||
			!addr_eq(&a->from[i].addr, &b->from[i].addr))
			return false;
	return true;
}

bool
conf_opens_equal(const struct conf_opens *a, const struct conf_opens *b)
{
	if (a->n != b->n || a->confirm_ms != b->confirm_ms ||
		!a->confirm_ordinal != !b->confirm_ordinal)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!same_open(&a->v[i], &b->v[i]))
			return false;
	return true;
}

void
conf_opens_clear(struct conf_opens *o)
{
	for (size_t i = 0; i < o->n; i++)
		free(o->v[i].from);
	free(o->v);
	*o = (struct conf_opens){0};
}

uint16_t
conf_service_port(const char *name, uint8_t proto)
{
	static const struct {
		const char *name;
		uint8_t proto;
		uint16_t port;
	} services[] = {
		{"ssh", IPPROTO_TCP, 22},
		{"http", IPPROTO_TCP, 80},
		{"https", IPPROTO_TCP, 443},
		{"https", IPPROTO_UDP, 443},
		{"domain", IPPROTO_TCP, 53},
		{"domain", IPPROTO_UDP, 53},
		{"ntp", IPPROTO_UDP, 123},
		{"smtp", IPPROTO_TCP, 25},
	};

	for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++)
		if (services[i].proto == proto && strcmp(services[i].name, name) == 0)
			return services[i].port;
	return 0;
}

uint8_t
conf_protocol_number(const char *name)
{
	static const struct {
		const char *name;
		uint8_t number;
	} protocols[] = {
		{"igmp", IPPROTO_IGMP},
		{"ipip", IPPROTO_IPIP},
		{"6in4", IPPROTO_IPV6},
		{"gre", IPPROTO_GRE},
		{"esp", IPPROTO_ESP},
		{"ah", IPPROTO_AH},
		{"ospf", 89},
		{"vrrp", 112},
		{"sctp", IPPROTO_SCTP},
	};

	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++)
		if (strcmp(protocols[i].name, name) == 0)
			return protocols[i].number;
	return 0;
}

bool
conf_open_has_ports(uint8_t proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP;
}
