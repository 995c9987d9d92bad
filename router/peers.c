/* One dump a family: established TCP connections, of which those to ports of SSH count. */
#include "router/peers.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#define SSH_PORT 22

static bool
serves_ssh(const struct peers_ports *ports, uint16_t port)
{
	for (size_t i = 0; i < ports->n; i++)
		if (ports->v[i] == port)
			return true;
	return port == SSH_PORT;
}

void
peers_parse(const struct nlmsghdr *h, const struct peers_ports *ports, struct peers *ret)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	struct inet_diag_msg m;
	struct addr a = {0};

	if (h->nlmsg_type != SOCK_DIAG_BY_FAMILY || mnl_nlmsg_get_payload_len(h) < sizeof(m))
		return;
	memcpy(&m, mnl_nlmsg_get_payload(h), sizeof(m));
	if (!serves_ssh(ports, ntohs(m.id.idiag_sport)) || ret->n == PEERS_MAX)
		return;
	a.family = m.idiag_family;
	if (a.family != AF_INET && a.family != AF_INET6)
		return;
	memcpy(a.bytes, m.id.idiag_dst, addr_len(&a));
	if (a.family == AF_INET6 && memcmp(a.bytes, mapped, sizeof(mapped)) == 0) {
		a = (struct addr){.family = AF_INET};
		memcpy(a.bytes, (const uint8_t *)m.id.idiag_dst + sizeof(mapped), 4);
	}
	ret->port[ret->n] = ntohs(m.id.idiag_sport);
	ret->v[ret->n++] = a;
}

struct reading {
	const struct peers_ports *ports;
	struct peers found;
};

static int
on_peer(const struct nlmsghdr *h, void *ctx)
{
	struct reading *reading = ctx;

	peers_parse(h, reading->ports, &reading->found);
	return 0;
}

static void
on_restart(void *ctx)
{
	((struct reading *)ctx)->found.n = 0;
}

static int
read_family(struct netlink *n, uint8_t family, const struct peers_ports *ports, struct peers *ret,
	struct err *e)
{
	char request[NETLINK_REQUEST_MAX];
	struct reading reading = {.ports = ports};
	const struct peers *found = &reading.found;
	struct netlink_dump dump = {.on_each = on_peer, .on_restart = on_restart, .ctx = &reading};
	struct netlink_error error;
	struct nlmsghdr *h = netlink_begin(n, request, SOCK_DIAG_BY_FAMILY, 0);
	struct inet_diag_req_v2 *r = mnl_nlmsg_put_extra_header(h, sizeof(*r));

	*r = (struct inet_diag_req_v2){.sdiag_family = family,
		.sdiag_protocol = IPPROTO_TCP,
		.idiag_states = 1U << TCP_ESTABLISHED};
	if (netlink_dump(n, h, &dump, &error) < 0)
		return netlink_err(e, &error, "reading connections");
	for (size_t i = 0; i < found->n && ret->n < PEERS_MAX; i++) {
		ret->port[ret->n] = found->port[i];
		ret->v[ret->n++] = found->v[i];
	}
	return 0;
}

int
peers_read(struct netlink *n, const struct peers_ports *ports, struct peers *ret, struct err *e)
{
	struct peers peers = {0};

	if (read_family(n, AF_INET, ports, &peers, e) < 0 ||
		read_family(n, AF_INET6, ports, &peers, e) < 0)
		return -1;
	*ret = peers;
	return 0;
}
