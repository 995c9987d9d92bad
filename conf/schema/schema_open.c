/* The language: which connections to the host itself come in. */
#include "conf/schema/schema.h"

#include "conf/setters.h"

static const struct schema_row rows[] = {
	{
		.name = "open",
		.context = CONTEXT_TOP,
		.min = 1,
		.max = WORDS_ANY,
		.repeats = true,
		.set = set_open,
		.arguments = "SERVICE | tcp|udp|both PORT[-PORT]|SERVICE | protocol NAME|NUMBER, "
			     "each [from CIDR ...]",
		.default_value = "everything comes in",
		.doc = "Lets connections to a port of the host itself in from the outside, and "
		       "shuts all others.",
		.more = "Where the file has one, the kernel drops new connections from the outside "
			"to the host that no line opens. It needs no line for what listen names, "
			"for forwarded ports, ICMP and ICMPv6, and the answers of DHCP; and "
			"connections that stand go on. The outside is the interface that wan "
			"names, or that of the default route; where there is neither, everything "
			"but the host itself and its bridge. A service is one of /etc/services, "
			"with the protocols that it has there. A line that takes something away "
			"from what came in before, and the first one, begins a trial: see "
			"confirm-within.",
		.example = "open ssh from 198.51.100.0/24 2001:db8::/32\nopen udp 51820\n"
			   "open tcp 8000-8010",
	},
	{
		.name = "confirm-within",
		.context = CONTEXT_TOP,
		.min = 1,
		.max = 1,
		.set = set_confirm_within,
		.arguments = "TIME",
		.default_value = "60s",
		.doc = "Says how long a change that lets less in waits for sluice confirm.",
		.more = "Such a change is a trial. It holds at once, and unless sluice confirm is "
			"said in that time, what was confirmed before comes back by itself, so "
			"that nobody shuts himself out. A daemon that is started again, or a host, "
			"comes up with what was confirmed. From 1s to 1h.",
		.example = "open ssh\nconfirm-within 2m",
	},
};

static const struct schema_word words[] = {
	{"open", "tcp", OPEN_TCP, "PORT[-PORT]|SERVICE", "a port of TCP"},
	{"open", "udp", OPEN_UDP, "PORT[-PORT]|SERVICE", "a port of UDP"},
	{"open", "both", OPEN_BOTH, "PORT[-PORT]|SERVICE", "TCP and UDP alike"},
	{"open", "protocol", OPEN_PROTOCOL, "NAME|NUMBER",
		"one without ports: igmp, ipip, 6in4, gre, esp, ah, ospf, vrrp, sctp, or its "
		"number"},
	{"open", "from", OPEN_FROM, "CIDR ...", "from these addresses alone"},
};

const struct schema_table schema_open = {
	.rows = rows,
	.n_rows = sizeof(rows) / sizeof(rows[0]),
	.words = words,
	.n_words = sizeof(words) / sizeof(words[0]),
};
