/* The language: the cache. */
#include "conf/schema/schema.h"

#include "conf/cache.h"
#include "conf/setters.h"

static const struct schema_row rows[] = {
	{
		.name = "cache",
		.context = CONTEXT_TOP,
		.min = 1,
		.max = 7,
		.repeats = true,
		.set = set_cache,
		.arguments = "static|on|off [default-ttl TIME] | "
			     "memory SIZE [disk SIZE PATH [free SIZE]]",
		.default_value = "off, memory 64M",
		.doc = "Stores answers of backends and serves them again, by the rules of HTTP for "
		       "a shared cache.",
		.more = "With on, an answer is stored when it says for how long it is fresh "
			"(Cache-Control, CDN-Cache-Control, Expires), or, without a query, when "
			"its "
			"Last-Modified lets one guess. With static, style sheets, scripts, images, "
			"fonts and "
			"WebAssembly that say nothing stay for an hour, and other answers are "
			"stored only "
			"when they say so themselves. default-ttl is for answers without an error "
			"that say "
			"nothing: of any type with on, of those types with static. Never stored is "
			"what is "
			"private, no-store, sets a cookie or answers somebody who has logged in. "
			"Stale "
			"answers are validated, and served while the backend is away. Requests for "
			"one thing "
			"that is missing become one request to the backend. Cache-Status says what "
			"became "
			"of each request. Folders, redirects and status targets are not "
			"concerned.\n"
			"A line of its own at top level, memory, says how much all that is stored "
			"may take, everything counted; no single answer in it is larger than a "
			"quarter of it. With disk it is kept in files of a folder as well, at most "
			"so many "
			"bytes, and outlives restarts. A larger answer, up to a quarter of those, "
			"goes "
			"to disk while it is relayed, and is sent from there. The folder is the "
			"cache's alone: it is made "
			"where it is missing, given to the proxy's user, and an existing one must "
			"be empty or the cache's own. free is how much of the file system stays "
			"free for others; without it a twentieth, at most 1G. What was asked for "
			"lately stays, the oldest goes. A full or broken disk harms nothing but "
			"what it cannot keep. Leaving the folder, by a reload that names another "
			"one or none, empties it.",
		.example = "cache memory 64M disk 2G /var/cache/sluice",
	},
	{
		.name = "cache",
		.context = CONTEXT_SITE,
		.min = 1,
		.max = 3,
		.set = set_cache,
		.arguments = "static|on|off [default-ttl TIME]",
		.default_value = "that of the top level",
		.doc = "The same for this site.",
	},
	{
		.name = "cache",
		.context = CONTEXT_ROUTE,
		.min = 1,
		.max = 3,
		.set = set_cache,
		.arguments = "static|on|off [default-ttl TIME]",
		.default_value = "that of the site",
		.doc = "The same for this route.",
		.example = "cache on default-ttl 5m",
	},
};

static const struct schema_word words[] = {
	{"cache", "off", CONF_CACHE_OFF, "", "nothing is stored"},
	{"cache", "static", CONF_CACHE_STATIC, "[default-ttl TIME]",
		"what is static by its type is stored for an hour, or for the time given, even if "
		"it "
		"says nothing"},
	{"cache", "on", CONF_CACHE_ON, "[default-ttl TIME]", "what HTTP allows is stored"},
	{"cache", "memory", CONF_CACHE_WORD_MEMORY, "SIZE [disk SIZE PATH [free SIZE]]",
		"at top level: how much all that is stored may take"},
	{"cache", "disk", CONF_CACHE_WORD_DISK, "SIZE PATH [free SIZE]",
		"at top level: the files that it is kept in"},
};

const struct schema_table schema_cache = {
	.rows = rows,
	.n_rows = sizeof(rows) / sizeof(rows[0]),
	.words = words,
	.n_words = sizeof(words) / sizeof(words[0]),
};
