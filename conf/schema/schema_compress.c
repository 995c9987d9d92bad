/* The language: compression. */
#include "conf/schema/schema.h"

#include "conf/conf.h"
#include "conf/setters.h"

static const struct schema_row rows[] = {
	{
		.name = "compress",
		.context = CONTEXT_TOP,
		.min = 1,
		.max = 3,
		.set = set_compress,
		.arguments = "on|off [level N]",
		.default_value = "off",
		.doc = "Compresses answers for clients that accept it: with zstd, brotli or gzip.",
		.more = "Compressed is what is worth it: text, JSON, scripts, SVG, WebAssembly, "
			"XML "
			"and plain fonts of 1K and more. Left alone are parts of files, answers "
			"that "
			"are encoded already, carry a digest or say no-transform, and event "
			"streams. What a "
			"backend sends bit by bit still arrives bit by bit. The answer's ETag "
			"becomes "
			"a weak one. A level from 1 (fastest) to 9 (smallest) may follow; without "
			"it each coding has one that is right for answers made on the fly. At most "
			"a quarter of a thread's time goes into it: beyond that answers go as they "
			"are. Leave it off for pages that hold a secret beside what a visitor can "
			"choose: their size tells about the secret.",
		.example = "compress on",
	},
	{
		.name = "compress",
		.context = CONTEXT_SITE,
		.min = 1,
		.max = 3,
		.set = set_compress,
		.arguments = "on|off [level N]",
		.default_value = "that of the top level",
		.doc = "The same for this site.",
	},
	{
		.name = "compress",
		.context = CONTEXT_ROUTE,
		.min = 1,
		.max = 3,
		.set = set_compress,
		.arguments = "on|off [level N]",
		.default_value = "that of the site",
		.doc = "The same for this route.",
		.example = "compress on level 6",
	},
};

static const struct schema_word words[] = {
	{"compress", "off", false, "", "answers go as they are"},
	{"compress", "on", true, "[level N]", "what is worth it is compressed"},
};

const struct schema_table schema_compress = {
	.rows = rows,
	.n_rows = sizeof(rows) / sizeof(rows[0]),
	.words = words,
	.n_words = sizeof(words) / sizeof(words[0]),
};
