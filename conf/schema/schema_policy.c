/* The language: what containers may send. */
#include "conf/schema/schema.h"

#include "conf/conf.h"
#include "conf/setters.h"

static const struct schema_row rows[] = {
	{
		.name = "egress",
		.context = CONTEXT_CONTAINER,
		.min = 1,
		.max = WORDS_ANY,
		.repeats = true,
		.set = set_egress,
		.arguments = "deny | allow CIDR[:PORT[-PORT]]|CONTAINER:PORT[-PORT]...",
		.default_value = "the container may go anywhere",
		.doc = "Says where the container may go: to the world, to the host, to other "
		       "containers.",
		.more = "With deny, connections that the container begins are dropped but for "
			"those "
			"allowed; what others begin with it is answered, and names and addresses "
			"are "
			"had from the bridge. A forward is judged by where it leads. An IPv6 "
			"network "
			"with a port stands in brackets. To other containers it is as if isolated, "
			"in "
			"both directions: they need a link to it, and it one, or an allow, to "
			"them. "
			"What is established when the rule comes stays. The container is known by "
			"its "
			"MAC, so that spoofing allow cannot stand beside.",
		.example = "egress deny\negress allow 192.0.2.0/24 198.51.100.7:443 "
			   "[2001:db8::/32]:443\n"
			   "egress allow wiki:5432",
	},
	{
		.name = "isolate",
		.context = CONTEXT_TOP,
		.min = 0,
		.max = 0,
		.set = set_isolate,
		.arguments = "",
		.default_value = "containers speak to each other",
		.doc = "Forbids the containers of the file to speak to each other on the bridge.",
		.more = "Neither IP nor ARP passes from one to the other, nor the way by the host; "
			"link makes exceptions. What is forwarded to a container stays reachable "
			"by the "
			"host's address for other containers, too. A port of the bridge that is no "
			"container's of the file is not isolated. The kernel needs nftables tables "
			"of "
			"family bridge.",
		.example = "isolate",
	},
	{
		.name = "link",
		.context = CONTEXT_TOP,
		.min = 1,
		.max = 1,
		.repeats = true,
		.target = PART_MUST,
		.set = set_link,
		.arguments = "CONTAINER -> CONTAINER:PORT[-PORT] [PORT[-PORT]...] [tcp|udp|both]",
		.doc = "Lets an isolated container reach ports of another one, by IPv4 and IPv6.",
		.more = "Answers pass, connections the other way do not. Without a protocol it is "
			"TCP.",
		.example = "isolate\nlink wiki -> jenkins:8080 9000-9010\nlink jenkins -> games:53 "
			   "both",
	},
	{
		.name = "spoofing",
		.context = CONTEXT_CONTAINER,
		.min = 1,
		.max = 1,
		.set = set_spoofing,
		.arguments = "drop|allow",
		.default_value = "drop, where the kernel can",
		.doc = "Says what becomes of frames that the container sends with another source "
		       "than "
		       "its own.",
		.more = "Its own are its MAC, the addresses that its block gives it, and its "
			"link-local address; a container without an address in its block may use "
			"one "
			"that is nobody else's. Dropped are other sources in IPv4, IPv6, ARP and "
			"neighbour advertisements, answers of a DHCP server, router "
			"advertisements, "
			"and frames that are none of these protocols. A container that is a bridge "
			"itself, for virtual machines or containers of its own, needs allow. Only "
			"containers of the file are looked at.",
		.example = "spoofing allow",
	},
};

static const struct schema_word words[] = {
	{"link target", "tcp", LINK_TCP, "", "TCP alone, as when nothing is written"},
	{"link target", "udp", LINK_UDP, "", "UDP alone"},
	{"link target", "both", LINK_BOTH, "", "TCP and UDP"},
	{"egress", "deny", EGRESS_DENY, "", "nothing but what is allowed"},
	{"egress", "allow", EGRESS_ALLOW, "TARGET...",
		"a network, or a container with its port; ports are of TCP and UDP"},
	{"spoofing", "drop", CONF_SPOOFING_DROP, "", "dropped and counted"},
	{"spoofing", "allow", CONF_SPOOFING_ALLOW, "", "the container may send as anybody"},
};

const struct schema_table schema_policy = {
	.rows = rows,
	.n_rows = sizeof(rows) / sizeof(rows[0]),
	.words = words,
	.n_words = sizeof(words) / sizeof(words[0]),
};
