/*
 * Ports: those that the proxy listens on, those that are forwarded, and those of dnsmasq on the
 * bridge. A socket of ours (or of our dnsmasq) is no finding.
 */
#include "daemon/doctor_ports.h"

#include "core/num.h"
#include "core/own.h"
#include "daemon/port_owner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DNS_PORT 53
#define DHCP_PORT 67
#define LINE_SIZE 512

struct sockets {
	struct port_socket *tcp, *udp;
	size_t n_tcp, n_udp;
};

/* The beginning of a process's command line, by its pid. */
static void
command_of(uint64_t pid, char *out, size_t size)
{
	char path[64];
	FILE *f;

	out[0] = '\0';
	(void)snprintf(path, sizeof(path), "/proc/%llu/cmdline", (unsigned long long)pid);
	f = fopen(path, "re");
	if (f && !fgets(out, (int)size, f))
		out[0] = '\0';
	if (f)
		(void)fclose(f);
}

/* The parent of a process; 0 when it is gone. */
static uint64_t
parent_of(int pid)
{
	char path[64], line[LINE_SIZE] = "";
	const char *at;
	uint64_t parent = 0;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "re");
	if (f && fgets(line, sizeof(line), f) && (at = strrchr(line, ')')) && strlen(at) > 4) {
		struct slice rest = slice_str(at + 4); /* behind ") S " */

		(void)num_parse(slice_head(rest, slice_index(rest, ' ')), 1, INT32_MAX, &parent);
	}
	if (f)
		(void)fclose(f);
	return parent;
}

static bool
is_ours(const struct port_owner *o)
{
	char parent[LINE_SIZE];

	if (strncmp(o->command, "sluiced", 7) == 0)
		return true;
	command_of(parent_of(o->pid), parent, sizeof(parent));
	return strcmp(o->name, "dnsmasq") == 0 && strncmp(parent, "sluiced", 7) == 0;
}

static void
mend_owner(struct finding *x, const struct port_owner *o)
{
	if (o->unit[0])
		finding_mend(x, "systemctl disable --now %s", o->unit);
	else
		finding_mend(x, "kill %d", o->pid);
}

/* The foreign owner of a socket that takes what comes to this address and port. */
static bool
find_foreign(const struct sockets *s, bool udp, const struct addr *a, uint16_t port,
	struct port_owner *ret)
{
	const struct port_socket *v = udp ? s->udp : s->tcp;
	size_t n = udp ? s->n_udp : s->n_tcp;

	for (size_t i = 0; i < n; i++)
		if (v[i].port == port && port_owner_collides(&v[i].addr, a) &&
			port_owner_of(v[i].inode, ret) && !is_ours(ret))
			return true;
	return false;
}

static void
judge_listen(const struct sockets *s, const struct conf_listen *l, struct findings *ret)
{
	static const struct addr any[] = {{.family = AF_INET}, {.family = AF_INET6}};
	struct port_owner o;
	struct finding *x;
	bool found;

	if (l->addr.family)
		found = find_foreign(s, false, &l->addr, l->port, &o);
	else
		found = find_foreign(s, false, &any[0], l->port, &o) ||
			find_foreign(s, false, &any[1], l->port, &o);
	if (!found)
		return;
	x = findings_add(ret, "port-taken", true);
	finding_what(x, "%s (pid %d) listens on TCP port %u, which `listen` wants", o.name, o.pid,
		l->port);
	mend_owner(x, &o);
}

static bool
is_loopback(const struct addr *a)
{
	static const struct addr loop6 = {.family = AF_INET6, .bytes = {[15] = 1}};

	return a->family == AF_INET ? a->bytes[0] == 127 : addr_eq(a, &loop6);
}

/* A program that what comes from outside to a forwarded port does not reach any more. */
static bool
find_shadowed(const struct sockets *s, const struct conf_forward *f, struct port_owner *ret,
	uint16_t *ret_port)
{
	bool udp = f->proto == CONF_UDP;
	const struct port_socket *v = udp ? s->udp : s->tcp;
	size_t n = udp ? s->n_udp : s->n_tcp;

	for (size_t i = 0; i < n; i++) {
		if (v[i].port < f->low || v[i].port > f->high || is_loopback(&v[i].addr) ||
			(f->listen.family && !port_owner_collides(&v[i].addr, &f->listen)) ||
			!port_owner_of(v[i].inode, ret) || is_ours(ret))
			continue;
		*ret_port = v[i].port;
		return true;
	}
	return false;
}

static void
judge_forward(const struct sockets *s, const struct conf_forward *f, struct findings *ret)
{
	struct port_owner o;
	struct finding *x;
	uint16_t port;

	if (f->confirm || !find_shadowed(s, f, &o, &port))
		return;
	x = findings_add(ret, "forward-shadows", false);
	finding_what(x,
		"%s (pid %d) listens on %s port %u, which is forwarded to %s: it gets nothing "
		"from outside",
		o.name, o.pid, f->proto == CONF_UDP ? "UDP" : "TCP", port, f->host);
	/* Nobody shall be told to stop what they are connected by. */
	if (strncmp(o.name, "sshd", 4) == 0)
		finding_mend(x,
			"# write another port in the file, as in: forward tcp 2%03u -> %s:%u",
			port % 1000U, f->host, f->target_low);
	else
		mend_owner(x, &o);
}

static void
judge_services(const struct sockets *s, const struct conf_bridge *b, struct findings *ret)
{
	static const struct {
		bool udp;
		uint16_t port;
		const char *what;
	} services[] = {{true, DHCP_PORT, "addresses"}, {true, DNS_PORT, "names"},
		{false, DNS_PORT, "names"}};
	const struct addr *a = &b->v4.addr;

	for (size_t i = 0; a->family && i < ARRAY_SIZE(services); i++) {
		struct port_owner o;
		struct finding *x;

		if (!find_foreign(s, services[i].udp, a, services[i].port, &o))
			continue;
		x = findings_add(ret, "bridge-port-taken", true);
		finding_what(x,
			"%s (pid %d) has %s port %u of bridge %s: containers get no %s of sluice",
			o.name, o.pid, services[i].udp ? "UDP" : "TCP", services[i].port, b->name,
			services[i].what);
		mend_owner(x, &o);
	}
}

static int
read_sockets(struct sockets *ret, struct err *e)
{
	struct sockets s = {.tcp = calloc(PORT_SOCKETS_MAX, sizeof(*s.tcp)),
		.udp = calloc(PORT_SOCKETS_MAX, sizeof(*s.udp))};

	*ret = s;
	if (!s.tcp || !s.udp)
		return err_set(e, "out of memory");
	ret->n_tcp = port_owner_list(false, s.tcp, PORT_SOCKETS_MAX);
	ret->n_udp = port_owner_list(true, s.udp, PORT_SOCKETS_MAX);
	return 0;
}

static void
sockets_clear(struct sockets *s)
{
	free(s->tcp);
	free(s->udp);
}

int
doctor_ports(const struct conf *c, struct findings *ret, struct err *e)
{
	_cleanup_(sockets_clear) struct sockets s = {0};

	if (read_sockets(&s, e) < 0)
		return -1;
	for (size_t i = 0; i < c->n_listens; i++)
		judge_listen(&s, &c->listens[i], ret);
	for (size_t i = 0; i < c->n_forwards; i++)
		judge_forward(&s, &c->forwards[i], ret);
	if (c->bridge)
		judge_services(&s, c->bridge, ret);
	return 0;
}

/* ---- for a reload ---- */

/* The same line stood in the configuration before: whatever it does, it has done. */
static bool
is_old(const struct conf *before, const struct conf_forward *f)
{
	for (size_t i = 0; before && i < before->n_forwards; i++)
		if (conf_forward_equal(&before->forwards[i], f))
			return true;
	return false;
}

/* Most reloads change other things, and need no look at the host's sockets. */
static bool
same_forwards(const struct conf *a, const struct conf *b)
{
	if (!b || a->n_forwards != b->n_forwards)
		return false;
	for (size_t i = 0; i < a->n_forwards; i++)
		if (!conf_forward_equal(&a->forwards[i], &b->forwards[i]))
			return false;
	return true;
}

int
doctor_ports_forwards(const struct conf *c, const struct conf *before, struct err *e)
{
	_cleanup_(sockets_clear) struct sockets s = {0};
	struct port_owner o;
	uint16_t port;

	if (c->n_forwards == 0 || same_forwards(c, before))
		return 0;
	if (read_sockets(&s, e) < 0)
		return -1;
	for (size_t i = 0; i < c->n_forwards; i++) {
		const struct conf_forward *f = &c->forwards[i];

		if (f->confirm || !find_shadowed(&s, f, &o, &port) || is_old(before, f))
			continue;
		return err_ordinal(e, f->ordinal,
			"%s (pid %d) listens on %s port %u and would get nothing from outside; "
			"forward another port, or, if that is meant, write \"confirm\" behind "
			"%s:%u",
			o.name, o.pid, conf_proto_name(f->proto), port, f->host, f->target_low);
	}
	return 0;
}
