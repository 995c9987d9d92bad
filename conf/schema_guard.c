/* The language: what guards the top level, a site or a route. */
#include "conf/schema.h"

#include "conf/conf.h"
#include "conf/setters.h"

static const struct schema_row rows[] = {
	{
		.name = "access",
		.context = CONTEXT_TOP,
		.min = 2,
		.max = WORDS_ANY,
		.repeats = true,
		.set = set_access,
		.arguments = "{allow|deny} {CIDR|all} ...",
		.default_value = "everyone may come in",
		.doc = "Lets clients in by their address, or keeps them out with 403.",
		.more = "The rules of a place are tried in the order of the file, and the first "
			"that matches decides; a client that none matches is treated unlike the "
			"last one: kept out when that allows, let in when it denies. The rules of "
			"a site replace those of the top level, and the rules of a route replace "
			"those of its site. They hold before anything else that the site or route "
			"does, for paths without a route too.",
		.example = "access deny  198.51.100.0/24 2001:db8::/32\n"
			   "access allow all",
	},
	{
		.name = "access",
		.context = CONTEXT_SITE,
		.min = 2,
		.max = WORDS_ANY,
		.repeats = true,
		.set = set_access,
		.arguments = "{allow|deny} {CIDR|all} ...",
		.default_value = "that of the top level",
		.doc = "The same for this site.",
	},
	{
		.name = "access",
		.context = CONTEXT_ROUTE,
		.min = 2,
		.max = WORDS_ANY,
		.repeats = true,
		.set = set_access,
		.arguments = "{allow|deny} {CIDR|all} ...",
		.default_value = "that of the site",
		.doc = "The same for this route.",
		.example = "access allow 10.0.0.0/8 fd00::/8   # and nobody else",
	},
};

static const struct schema_word words[] = {
	{"access", "allow", true, "{CIDR|all} ...", "these may come in"},
	{"access", "deny", false, "{CIDR|all} ...", "these get 403"},
};

const struct schema_table schema_guard = {
	.rows = rows,
	.n_rows = sizeof(rows) / sizeof(rows[0]),
	.words = words,
	.n_words = sizeof(words) / sizeof(words[0]),
};
