/* The language: protocols that a connection may be switched to. */
#include "conf/schema/schema.h"

#include "conf/conf.h"
#include "conf/setters.h"

static const struct schema_row rows[] = {
	{
		.name = "upgrade",
		.context = CONTEXT_TOP,
		.min = 1,
		.max = WORDS_ANY,
		.set = set_upgrade,
		.arguments = "PROTOCOL...|off",
		.default_value = "off",
		.doc = "Lets requests of HTTP/1.1 ask their backend to switch to one of these "
		       "protocols, WebSocket aside, which every route passes on.",
		.more = "A protocol is a NAME or NAME/VERSION, as clients write it in Upgrade (RFC "
			"9110 section 7.8); case does not count. Of those that a client lists, in "
			"its order, "
			"the first that is allowed is asked for, and no other; a request that "
			"lists none of them goes on without Upgrade. A body goes first: who "
			"switches before it has all of the request, or to another protocol, is "
			"taken for broken, and the client gets 502. After its 101 bytes pass both "
			"ways as they come, until the backend ends or timeout tunnel is over. When "
			"a reload takes the route or the protocol away, the tunnel has 10 seconds "
			"yet. "
			"Nothing in it is looked at: allow a protocol only where a client that "
			"passed access and auth may do all that it can. "
			"HTTP/2 has no such switch: extended CONNECT is for WebSocket, and for "
			"others answered with 501. Not to be allowed are h2c, HTTP and TLS, by "
			"which "
			"requests would pass unseen.",
		.example = "upgrade tcp SPDY/3.1",
	},
	{
		.name = "upgrade",
		.context = CONTEXT_SITE,
		.min = 1,
		.max = WORDS_ANY,
		.set = set_upgrade,
		.arguments = "PROTOCOL...|off",
		.default_value = "that of the top level",
		.doc = "The same for this site.",
	},
	{
		.name = "upgrade",
		.context = CONTEXT_ROUTE,
		.min = 1,
		.max = WORDS_ANY,
		.set = set_upgrade,
		.arguments = "PROTOCOL...|off",
		.default_value = "that of the site",
		.doc = "The same for this route.",
	},
};

static const struct schema_word words[] = {
	{"upgrade", "off", 0, "", "WebSocket only"},
};

const struct schema_table schema_upgrade = {
	.rows = rows,
	.n_rows = sizeof(rows) / sizeof(rows[0]),
	.words = words,
	.n_words = sizeof(words) / sizeof(words[0]),
};
