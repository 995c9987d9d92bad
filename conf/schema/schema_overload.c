/* The language: what bounds the proxy as a whole. */
#include "conf/schema/schema.h"

#include "conf/setters.h"

static const struct schema_row rows[] = {
	{
		.name = "connections",
		.context = CONTEXT_TOP,
		.min = 1,
		.max = 1,
		.set = set_connections,
		.arguments = "N|auto",
		.default_value = "auto",
		.doc = "Says how many connections of clients are open at a time.",
		.more = "When a further one comes, the one that has been idle longest is closed "
			"for it, and idle is also whose handshake or head has not become complete; "
			"when all are at work, or have begun less than a second ago, the new one "
			"gets 503. With auto the number follows from how many "
			"descriptors the process may have, 20000 at the most.",
		.example = "connections 5000",
	},
	{
		.name = "buffer-memory",
		.context = CONTEXT_TOP,
		.min = 1,
		.max = 1,
		.set = set_buffer_memory,
		.arguments = "SIZE|auto",
		.default_value = "auto",
		.doc = "Says how much memory the bytes in flight may take.",
		.more = "Requests beyond it are answered with 503 and Retry-After, so that the "
			"server "
			"never has to swap. With auto it is an eighth of the server's memory, and "
			"32M "
			"at least.",
		.example = "buffer-memory 128M",
	},
	{
		.name = "min-rate",
		.context = CONTEXT_TOP,
		.min = 1,
		.max = 3,
		.set = set_min_rate,
		.arguments = "SIZE [after TIME] | off",
		.default_value = "200 after 30s",
		.doc = "Ends a request whose client sends or takes fewer bytes in a second.",
		.more = "It counts while the proxy waits for the client: whenever the time is "
			"over, "
			"on the average of that time, so that a fast beginning "
			"does not excuse a slow rest. A slow body gets 408; a slow reader's "
			"connection, or stream, is closed.",
		.example = "min-rate 1K after 15s",
	},
};

static const struct schema_word words[] = {
	{"connections", "auto", 0, "", "as many as descriptors allow"},
	{"buffer-memory", "auto", 0, "", "an eighth of the server's memory"},
	{"min-rate", "after", 0, "TIME", "how long it may be slower; 30s when it is not given"},
	{"min-rate", "off", 1, "", "however slow a client is"},
};

const struct schema_table schema_overload = {
	.rows = rows,
	.n_rows = sizeof(rows) / sizeof(rows[0]),
	.words = words,
	.n_words = sizeof(words) / sizeof(words[0]),
};
