/* The language: the files of folders. */
#include "conf/schema/schema.h"

#include "conf/conf.h"
#include "conf/setters.h"

static const struct schema_row rows[] = {
	{
		.name = "index",
		.context = CONTEXT_ROUTE,
		.min = 1,
		.max = CONF_INDEX_MAX,
		.set = set_index,
		.arguments = "NAME...",
		.default_value = CONF_INDEX,
		.doc = "Names the file that a folder is answered with: the first that is there.",
		.more = "This and the three below are for targets of the kind dir.",
		.example = "index index.html index.htm",
	},
	{
		.name = "try",
		.context = CONTEXT_ROUTE,
		.min = 1,
		.max = CONF_TRY_MAX,
		.set = set_try,
		.arguments = "FILE...",
		.doc = "Names what is served when the file that was asked for is not there: the "
		       "first that is, with status 200.",
		.more = "A FILE begins with \"/\", which is the folder of the route, or with "
			"$path, "
			"which is the file that was asked for; \"/\" at its end stands for the "
			"index "
			"of a folder. The file itself always comes first. For an application of "
			"one "
			"page: try /index.html. For pages without an ending: try $path.html.",
		.example = "try $path.html /index.html",
	},
	{
		.name = "precompressed",
		.context = CONTEXT_ROUTE,
		.min = 1,
		.max = CONF_NEIGHBOURS,
		.set = set_precompressed,
		.arguments = "on|off|CODING...",
		.default_value = "off",
		.doc = "Serves FILE.br, FILE.zst or FILE.gz instead of FILE to clients that accept "
		       "it.",
		.more = "Among what a client likes best equally, in this order. One that is older "
			"than its FILE is left alone.",
		.example = "precompressed br gzip",
	},
	{
		.name = "listing",
		.context = CONTEXT_ROUTE,
		.min = 1,
		.max = 1,
		.set = set_listing,
		.arguments = "on|off",
		.default_value = "off",
		.doc = "Says whether a folder without an index is answered with a list of what is "
		       "in "
		       "it.",
		.more = "At most a thousand names are listed, and none that begins with a dot.",
		.example = "listing on",
	},
};

static const struct schema_word words[] = {
	{"precompressed", "br", CONF_NEIGHBOUR_BR, "", "brotli, FILE.br"},
	{"precompressed", "zstd", CONF_NEIGHBOUR_ZST, "", "Zstandard, FILE.zst"},
	{"precompressed", "gzip", CONF_NEIGHBOUR_GZ, "", "gzip, FILE.gz"},
	{"precompressed", "on", CONF_NEIGHBOURS, "", "each of these"},
	{"precompressed", "off", CONF_NEIGHBOURS + 1, "", "none of them"},
	{"listing", "off", false, "", "it is answered with 404"},
	{"listing", "on", true, "", "a page with the names, sizes and times of files"},
};

const struct schema_table schema_files = {
	.rows = rows,
	.n_rows = sizeof(rows) / sizeof(rows[0]),
	.words = words,
	.n_words = sizeof(words) / sizeof(words[0]),
};
