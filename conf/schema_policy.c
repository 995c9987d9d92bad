/* The language: what containers may send. */
#include "conf/schema.h"

#include "conf/conf.h"
#include "conf/setters.h"

static const struct schema_row rows[] = {
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
	{"spoofing", "drop", CONF_SPOOFING_DROP, "", "dropped and counted"},
	{"spoofing", "allow", CONF_SPOOFING_ALLOW, "", "the container may send as anybody"},
};

const struct schema_table schema_policy = {
	.rows = rows,
	.n_rows = sizeof(rows) / sizeof(rows[0]),
	.words = words,
	.n_words = sizeof(words) / sizeof(words[0]),
};
