/* The language: who may name the client, and what the proxy does to heads. */
#include "conf/schema/schema.h"

#include "conf/conf.h"
#include "conf/setters.h"

#define HEADER_ARGUMENTS "{request|response} [add|remove|pass] NAME [VALUE]"

static const struct schema_row rows[] = {
	{
		.name = "trusted",
		.context = CONTEXT_TOP,
		.min = 1,
		.max = WORDS_ANY,
		.repeats = true,
		.set = set_trusted,
		.arguments = "ADDRESS|CIDR...",
		.default_value = "nobody",
		.doc = "Names the proxies in front of this one that may say who the client is.",
		.more = "For a request from one of them the client is the last address in "
			"X-Forwarded-For that is not trusted itself; X-Forwarded-Proto, -Host, "
			"-Port and X-Request-Id are passed on as they came. Without it, and from "
			"everybody else, these fields are replaced by what is known here.",
		.example = "trusted 192.0.2.0/24 2001:db8::/32",
	},
	{
		.name = "header",
		.context = CONTEXT_TOP,
		.min = 3,
		.max = 4,
		.repeats = true,
		.set = set_header,
		.arguments = HEADER_ARGUMENTS,
		.doc = "Sets, adds or removes a field of the requests that backends get, or of the "
		       "answers that clients get.",
		.more = "Without a further word the field is set: it replaces what the client, the "
			"backend or the proxy itself says under that name. The rules run in their "
			"order, those of the top level before those of the site and of the route. "
			"A value may hold variables, and a field whose value comes out empty is "
			"not "
			"sent. Fields that frame messages and connections can't be touched; Host "
			"can only be set. Answers of the proxy's own follow the rules too. Fields "
			"of "
			"clients whose names hold _ or . do not reach a backend, which may take "
			"them "
			"for others, but where pass names them.",
		.example = "header request  X-Forwarded-Server $host\n"
			   "header response X-Frame-Options SAMEORIGIN\n"
			   "header response remove Server",
	},
	{
		.name = "header",
		.context = CONTEXT_SITE,
		.min = 3,
		.max = 4,
		.repeats = true,
		.set = set_header,
		.arguments = HEADER_ARGUMENTS,
		.doc = "The same for this site, behind the rules of the top level.",
	},
	{
		.name = "header",
		.context = CONTEXT_ROUTE,
		.min = 3,
		.max = 4,
		.repeats = true,
		.set = set_header,
		.arguments = HEADER_ARGUMENTS,
		.doc = "The same for this route, behind the rules of its site.",
		.example = "header request Host jenkins.internal\n"
			   "header request add X-Via \"sluice, $server_port\"\n"
			   "header request pass X_Api_Key",
	},
	{
		.name = "rewrite",
		.context = CONTEXT_TOP,
		.min = 1,
		.max = 1,
		.set = set_rewrite,
		.arguments = "on|off",
		.doc = "Says whether what an answer says about its own place is put into the "
		       "client's words.",
		.default_value = "on for routes whose target has a path",
		.more = "In Location, Content-Location, Refresh and the Path of cookies the "
			"target's path "
			"becomes the route's; a Location with the backend's own address loses it, "
			"and so "
			"does the Domain of a cookie. Paths that lie elsewhere stay.",
		.example = "rewrite off",
	},
	{
		.name = "rewrite",
		.context = CONTEXT_SITE,
		.min = 1,
		.max = 1,
		.set = set_rewrite,
		.arguments = "on|off",
		.doc = "The same for this site.",
		.default_value = "that of the top level",
	},
	{
		.name = "rewrite",
		.context = CONTEXT_ROUTE,
		.min = 1,
		.max = 1,
		.set = set_rewrite,
		.arguments = "on|off",
		.doc = "The same for this route.",
		.default_value = "that of the site",
	},
	{
		.name = "proxy-protocol",
		.context = CONTEXT_ROUTE,
		.min = 1,
		.max = 1,
		.set = set_proxy_protocol,
		.arguments = "v1|v2",
		.default_value = "no such header is sent",
		.doc = "Tells the target by the PROXY protocol whose request it gets.",
		.more = "Each request then has a connection of its own.",
		.example = "proxy-protocol v2",
	},
	{
		.name = "hsts",
		.context = CONTEXT_SITE,
		.min = 1,
		.max = 3,
		.set = set_hsts,
		.arguments = "TIME [subdomains] [preload]",
		.default_value = "no such field is sent",
		.doc = "Has browsers come back by https only, for so long "
		       "(Strict-Transport-Security).",
		.more = "Sent in every answer over TLS, in place of what the backend says. 0s "
			"takes it "
			"back.",
		.example = "hsts 365d subdomains",
	},
	{
		.name = "error-page",
		.context = CONTEXT_TOP,
		.min = 2,
		.max = WORDS_ANY,
		.repeats = true,
		.set = set_error_page,
		.arguments = "CODE... FILE",
		.doc = "Sends the file with answers of the proxy's own that have one of these "
		       "statuses, 400 to "
		       "599.",
		.more = "Answers of backends are never replaced, and requests that cannot be "
			"understood "
			"are answered plainly. The file is read at every reload, has at most 64 "
			"KiB, "
			"and a name that ends with .html, .txt or .json.",
		.example = "error-page 502 503 504 /etc/sluice/pages/away.html",
	},
	{
		.name = "error-page",
		.context = CONTEXT_SITE,
		.min = 2,
		.max = WORDS_ANY,
		.repeats = true,
		.set = set_error_page,
		.arguments = "CODE... FILE",
		.doc = "The same for this site, before those of the top level.",
	},
};

static const struct schema_word words[] = {
	{"header", "request", CONF_HEADER_REQUEST, "[add|remove|pass] NAME [VALUE]",
		"what the backend gets"},
	{"header", "response", CONF_HEADER_RESPONSE, "[add|remove] NAME [VALUE]",
		"what the client gets"},
	{"proxy-protocol", "v1", 1, "", "as a line of text"},
	{"proxy-protocol", "v2", 2, "", "as binary"},
	{"hsts", "subdomains", 0, "", "for the names below the site's hosts, too"},
	{"hsts", "preload", 1, "", "asks for a place on the browsers' own list"},
	{"rewrite", "on", CONF_REWRITE_ON, "",
		"everywhere, also where only the backend's address is to go"},
	{"rewrite", "off", CONF_REWRITE_OFF, "", "nowhere"},
	{"rule", "add", CONF_HEADER_ADD, "NAME VALUE",
		"one more field of that name, beside those that are there"},
	{"rule", "remove", CONF_HEADER_REMOVE, "NAME", "every field of that name"},
	{"rule", "pass", CONF_HEADER_PASS, "NAME",
		"lets a client's field through whose name holds _ or ., which some backends "
		"take for "
		"-; without it, it is dropped"},
#define VARIABLE_WORD(id, name, meaning) {"variable", "$" name, TEMPLATE_##id, "", meaning},
	TEMPLATE_VARIABLE_TABLE(VARIABLE_WORD)
#undef VARIABLE_WORD
		{"variable", "$http_NAME", TEMPLATE_HTTP_FIELD, "",
			"the request's field of that name, in lower case and with _ for -"},
	{"variable", "$$", TEMPLATE_TEXT, "", "a dollar"},
};

const struct schema_table schema_heads = {
	.rows = rows,
	.n_rows = sizeof(rows) / sizeof(rows[0]),
	.words = words,
	.n_words = sizeof(words) / sizeof(words[0]),
};
