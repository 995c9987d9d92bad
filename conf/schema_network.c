/* The language: interfaces and forwards, the router's part. */
#include "conf/schema.h"

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
			"it is. Containers reach the world through it by masquerading, and get "
			"their "
			"addresses from a DHCP server on it. Without this directive the kernel's "
			"packet "
			"filter is not touched.",
		.example = "bridge lxcbr0 10.0.3.1/24 fd00:3::1/64",
	},
	{
		.name = "forward",
		.context = CONTEXT_TOP,
		.min = 2,
		.max = 2,
		.repeats = true,
		.target = PART_MUST,
		.set = set_forward,
		.arguments = "tcp|udp PORT[-PORT] -> CONTAINER:PORT[-PORT] [from CIDR...]",
		.doc = "Sends a port of the host to a container, in the kernel.",
		.more = "The container sees the client's own address. Of a range the target may "
			"name the first "
			"port only; both ranges have the same size. It works from the wan, from "
			"other "
			"containers and from the host itself.",
		.example = "forward tcp 2222 -> jenkins:22 from 198.51.100.0/24\n"
			   "forward udp 6000-6010 -> games:6000",
	},
};

static const struct schema_word words[] = {
	{"forward", "tcp", CONF_TCP, "PORT[-PORT]", "a TCP port or range"},
	{"forward", "udp", CONF_UDP, "PORT[-PORT]", "a UDP port or range"},
	{"forward target", "from", 0, "CIDR...", "only these sources may use it"},
};

const struct schema_table schema_network = {
	.rows = rows,
	.n_rows = sizeof(rows) / sizeof(rows[0]),
	.words = words,
	.n_words = sizeof(words) / sizeof(words[0]),
};
