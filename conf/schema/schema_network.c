/* The language: interfaces and forwards, the router's part. */
#include "conf/schema/schema.h"

#include "conf/conf.h"
#include "conf/setters.h"

static const struct schema_row rows[] = {
	{
		.name = "wan",
		.context = CONTEXT_TOP,
		.min = 1,
		.max = 1,
		.set = set_wan,
		.arguments = "INTERFACE",
		.default_value = "the interface of the default route",
		.doc = "Names the interface by which the containers reach the world and forwards "
		       "enter.",
		.example = "wan eth0",
	},
	{
		.name = "bridge",
		.context = CONTEXT_TOP,
		.min = 2,
		.max = 3,
		.set = set_bridge,
		.arguments = "INTERFACE ADDRESS/LENGTH [ADDRESS6/LENGTH]",
		.doc = "Names the bridge on which the containers live, and its own address on it.",
		.more = "It is created when it does not exist; one that exists with this address "
			"is used as "
			"it is. Containers reach the world through it by masquerading, those of "
			"an IPv6 prefix of fc00::/7 included (NAT66); any other IPv6 prefix has to "
			"be routed to this host, and its addresses are seen outside. They get "
			"their "
			"addresses from a DHCP server on it, which also answers for the names "
			"NAME.lxc. Without this directive the kernel's "
			"packet "
			"filter is not touched.",
		.example = "bridge lxcbr0 10.0.3.1/24 fd00:3::1/64",
	},
	{
		.name = "forward",
		.context = CONTEXT_TOP,
		.min = 2,
		.max = 4,
		.repeats = true,
		.target = PART_MUST,
		.set = set_forward,
		.arguments = "tcp|udp|both [ADDRESS:]PORT[-PORT] [on INTERFACE] -> "
			     "{CONTAINER|ADDRESS}:PORT[-PORT] [masquerade] [confirm] "
			     "[from CIDR...]",
		.doc = "Sends a port of the host to a container, or to another host's address, in "
		       "the kernel.",
		.more = "The target sees the client's own address, and must send its answers by "
			"way of this host, as containers do; with masquerade it sees this host's. "
			"Of a range the target may name the first port only; both ranges have the "
			"same size. It works from the wan, from containers and from the host "
			"itself, to 127.0.0.1, too, but not to ::1. With an ADDRESS (IPv6 in "
			"brackets) only what is sent to that is meant, from wherever; with on only "
			"what enters there, and from is about that alone. An address that is "
			"forwarded to must be in a network "
			"that the host knows other than by its default route. A port that a "
			"program of this host listens on (an SSH server, say) is taken away from "
			"it: "
			"that is refused by a reload, unless the line says confirm.",
		.example = "forward tcp 2222 -> jenkins:22 from 198.51.100.0/24\n"
			   "forward udp 6000-6010 -> games:6000\n"
			   "forward both 192.0.2.1:53 -> games:53\n"
			   "forward tcp 8080 on wg0 -> 192.168.7.20:80 masquerade",
	},
};

static const struct schema_word words[] = {
	{"forward", "tcp", CONF_TCP, "PORT[-PORT]", "a TCP port or range"},
	{"forward", "udp", CONF_UDP, "PORT[-PORT]", "a UDP port or range"},
	{"forward", "both", FORWARD_BOTH, "PORT[-PORT]", "the same port or range of both"},
	{"forward entry", "on", 0, "INTERFACE", "only what enters there"},
	{"forward target", "from", FORWARD_FROM, "CIDR...", "only these sources may use it"},
	{"forward target", "masquerade", FORWARD_MASQUERADE, "",
		"the target sees this host's address"},
	{"forward target", "confirm", FORWARD_CONFIRM, "",
		"a program of this host may lose the port"},
};

const struct schema_table schema_network = {
	.rows = rows,
	.n_rows = sizeof(rows) / sizeof(rows[0]),
	.words = words,
	.n_words = sizeof(words) / sizeof(words[0]),
};
