/* The language: who is blocked, and how much of one source passes, in the kernel. */
#include "conf/schema/schema.h"

#include "conf/limit.h"
#include "conf/setters.h"

static const struct schema_row rows[] = {
	{
		.name = "block",
		.context = CONTEXT_TOP,
		.min = 1,
		.max = WORDS_ANY,
		.repeats = true,
		.set = set_block,
		.arguments = "CIDR ... [confirm]",
		.default_value = "nobody is blocked",
		.doc = "Has the kernel drop every packet from these addresses.",
		.more = "It holds for the host and for forwarded ports, before the kernel tracks "
			"the connection, and costs a packet the same however many are blocked. "
			"What containers and the host itself send is not looked at. A network of "
			"more than an eighth of all addresses, and one with an address that is "
			"connected by SSH when the file is read, are refused unless confirm "
			"stands behind. The link-local addresses of IPv6 are never blocked.",
		.example = "block 203.0.113.0/24 2001:db8:bad::/48",
	},
	{
		.name = "block-list",
		.context = CONTEXT_TOP,
		.min = 1,
		.max = 2,
		.repeats = true,
		.set = set_block_list,
		.arguments = "FILE [confirm]",
		.doc = "Blocks the addresses of a file likewise.",
		.more = "A line has an address, a CIDR or a range of two addresses with a hyphen, "
			"IPv4 or IPv6, in any order; what follows # or ; is a comment. Overlaps "
			"are merged. The file has at most 8M, all files together at most 262,144 "
			"entries; it is read again by a reload, and addresses that are in the old "
			"and the new one are blocked without a gap. An empty file is refused "
			"unless confirm stands behind.",
		.example = "block-list /etc/sluice/blocked.txt",
	},
	{
		.name = "unblock",
		.context = CONTEXT_TOP,
		.min = 1,
		.max = WORDS_ANY,
		.repeats = true,
		.set = set_unblock,
		.arguments = "CIDR ...",
		.doc = "Names exceptions from block and block-list.",
		.example = "block 203.0.113.0/24\nunblock 203.0.113.77",
	},
	{
		.name = "limit",
		.context = CONTEXT_TOP,
		.min = 4,
		.max = WORDS_ANY,
		.repeats = true,
		.set = set_limit,
		.arguments = "connections N per source [to PORT[-PORT] ...] | "
			     "rate|syn RATE [burst N] per source [to PORT[-PORT] ...]",
		.default_value = "nothing is limited",
		.doc = "Has the kernel drop what one source sends above a limit.",
		.more = "It holds for the host and for forwarded ports, by the port that the "
			"source "
			"calls. A source is an IPv4 address or the /64 of an IPv6 address; ports "
			"behind to are counted together, as TCP and as UDP. A burst that is not "
			"written is as many as in a second, at least 5. For each limit 65,536 "
			"sources are kept in mind of each family; those beyond are not limited. "
			"What containers and the host itself send is not looked at. Where there "
			"is a limit, a bridge or a forward, packets to the host that belong to no "
			"connection and begin none are dropped. There may be six limits of rates "
			"and connections, and two of "
			"SYNs. A change of a limit forgets what was counted.",
		.example = "limit connections 50 per source\n"
			   "limit rate 20/s burst 40 per source to 2222\n"
			   "limit syn 100/s burst 200 per source",
	},
};

static const struct schema_word words[] = {
	{"block", "confirm", 0, "", "this is meant, however much it blocks"},
	{"limit", "connections", CONF_LIMIT_CONNECTIONS, "N",
		"connections that are open at a time"},
	{"limit", "rate", CONF_LIMIT_RATE, "RATE [burst N]", "new connections"},
	{"limit", "syn", CONF_LIMIT_SYN, "RATE [burst N]",
		"TCP packets that ask for a connection, before the kernel remembers anything of "
		"them: against floods"},
	{"block-list", "confirm", 0, "", "this is meant, even when it is empty"},
};

const struct schema_table schema_block = {
	.rows = rows,
	.n_rows = sizeof(rows) / sizeof(rows[0]),
	.words = words,
	.n_words = sizeof(words) / sizeof(words[0]),
};
