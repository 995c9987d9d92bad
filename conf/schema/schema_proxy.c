/* The language: listeners, certificates, sites, routes, the proxy's part. */
#include "conf/schema/schema.h"

#include "conf/conf.h"
#include "conf/setters.h"

static const struct schema_row rows[] = {
	{
		.name = "listen",
		.context = CONTEXT_TOP,
		.min = 1,
		.max = 4,
		.repeats = true,
		.set = set_listen,
		.arguments = "[ADDRESS:]PORT [plain|tls [http2]] [proxy-protocol]",
		.doc = "Opens a port for HTTP; every site answers on every listener.",
		.more = "A port alone is opened on all IPv4 and all IPv6 addresses. Without a "
			"further word the "
			"port redirects every request to the first tls port, except paths below "
			"/.well-known/acme-challenge/ that a site routes to a folder.",
		.example = "listen 443 tls http2",
	},
	{
		.name = "site",
		.context = CONTEXT_TOP,
		.min = 1,
		.max = WORDS_ANY,
		.repeats = true,
		.target = PART_MAY,
		.block = PART_MAY,
		.opens = CONTEXT_SITE,
		.set = set_site,
		.arguments = "HOST... { ... } | HOST... -> TARGET",
		.doc = "Says what is served under these host names.",
		.more = "A host is a name, a name that begins with *. (any name below that "
			"domain), an address (IPv6 in brackets), or * alone "
			"(what no other site names). The exact name wins, then the longest *. "
			"name, then "
			"*; a request for none of them is answered with 421. The short form is a "
			"site whose one route is /.",
		.example = "site example.org www.example.org {\n"
			   "    route / -> wiki:80\n"
			   "}\n"
			   "site * -> status 421",
	},
	{
		.name = "body-limit",
		.context = CONTEXT_TOP,
		.min = 1,
		.max = 1,
		.set = set_body_limit,
		.arguments = "SIZE|off",
		.default_value = "off",
		.doc = "Refuses request bodies that are larger, with 413.",
		.example = "body-limit 10M",
	},
	{
		.name = "body-limit",
		.context = CONTEXT_SITE,
		.min = 1,
		.max = 1,
		.set = set_body_limit,
		.arguments = "SIZE|off",
		.default_value = "that of the top level",
		.doc = "The same for this site.",
	},
	{
		.name = "body-limit",
		.context = CONTEXT_ROUTE,
		.min = 1,
		.max = 1,
		.set = set_body_limit,
		.arguments = "SIZE|off",
		.default_value = "that of the site",
		.doc = "The same for this route.",
	},
	{
		.name = "encoded",
		.context = CONTEXT_TOP,
		.min = 1,
		.max = WORDS_ANY,
		.set = set_encoded,
		.arguments = "allow|refuse CHARACTER...",
		.default_value = "allow",
		.doc = "Says which characters may not stand percent-encoded in a path; 400 for a "
		       "path that has one.",
		.more = "%2F is no border between segments here, and passes as it came; a server "
			"that "
			"decodes a path first and looks for borders then takes it for one, and so "
			"sees "
			"another path than the one that was allowed. Jenkins and others need it.",
		.example = "encoded refuse slash backslash",
	},
	{
		.name = "encoded",
		.context = CONTEXT_SITE,
		.min = 1,
		.max = WORDS_ANY,
		.set = set_encoded,
		.arguments = "allow|refuse CHARACTER...",
		.default_value = "that of the top level",
		.doc = "The same for this site.",
	},
	{
		.name = "encoded",
		.context = CONTEXT_ROUTE,
		.min = 1,
		.max = WORDS_ANY,
		.set = set_encoded,
		.arguments = "allow|refuse CHARACTER...",
		.default_value = "that of the site",
		.doc = "The same for this route.",
	},
	{
		.name = "timeout",
		.context = CONTEXT_TOP,
		.min = 2,
		.max = WORDS_ANY,
		.repeats = true,
		.set = set_timeout,
		.arguments = "{connect|read|send|idle|tunnel} TIME ...",
		.default_value = "connect 30s read 60s send 60s idle 60s tunnel 1h",
		.doc = "Says how long the proxy waits for others.",
		.more = "Several may stand in one line; each once in one place. Each "
			"may also be set in a site or in a "
			"route, where it "
			"holds instead of the outer one, wherever in the file that stands. Each "
			"begins anew whenever something moves; but the head of a request has idle "
			"in whole, and that of an answer read, from its first bytes on.",
		.example = "timeout connect 90s send 90s read 90s",
	},
	{
		.name = "timeout",
		.context = CONTEXT_SITE,
		.min = 2,
		.max = WORDS_ANY,
		.repeats = true,
		.set = set_timeout,
		.arguments = "{connect|read|send|idle|tunnel} TIME ...",
		.default_value = "those of the top level",
		.doc = "The same for this site.",
	},
	{
		.name = "timeout",
		.context = CONTEXT_ROUTE,
		.min = 2,
		.max = WORDS_ANY,
		.repeats = true,
		.set = set_timeout,
		.arguments = "{connect|read|send|idle|tunnel} TIME ...",
		.default_value = "those of the site",
		.doc = "The same for this route.",
	},
	{
		.name = "route",
		.context = CONTEXT_SITE,
		.min = 1,
		.max = 2,
		.repeats = true,
		.target = PART_MUST,
		.block = PART_MAY,
		.opens = CONTEXT_ROUTE,
		.set = set_route,
		.arguments = "[=] PATH -> TARGET [{ ... }]",
		.doc = "Sends the requests for a path, and for everything below it, to a target.",
		.more = "With = only that very path. The exact route wins, then the longest path; "
			"the order in "
			"the file does not count.",
		.example = "route /jenkins/ -> jenkins:8080/jenkins/ { body-limit 10M }\n"
			   "route = /old    -> redirect 301 /wiki/",
	},
};

static const struct schema_word words[] = {
	{"listen", "plain", CONF_LISTEN_PLAIN, "", "serves without TLS"},
	{"listen", "tls", CONF_LISTEN_TLS, "[http2]", "serves with TLS 1.2 and 1.3"},
	{"listen tls", "http2", 1, "",
		"offers HTTP/2 too; which one is spoken is agreed in the handshake (ALPN)"},
	{"listen", "proxy-protocol", CONF_LISTEN_PROXY_WORD, "",
		"a peer in trusted says first whose connection it is (PROXY protocol, version 1 or "
		"2); others are closed"},
	{"body-limit", "off", 0, "", "no limit"},
	{"encoded", "allow", 0, "", "all of them may"},
	{"encoded", "refuse", 1, "CHARACTER...", "these may not"},
#define ENCODED_WORD(id, word, character, escape)                                                  \
	{"encoded refuse", word, CONF_ENCODED_##id, "", "written " escape},
	CONF_ENCODED_TABLE(ENCODED_WORD)
#undef ENCODED_WORD
		{"timeout", "connect", CONF_TIMEOUT_CONNECT, "TIME",
			"to get a connection to the backend, waiting for its container included; "
			"then 504"},
	{"timeout", "read", CONF_TIMEOUT_READ, "TIME", "silence of the backend; then 504"},
	{"timeout", "send", CONF_TIMEOUT_SEND, "TIME",
		"the backend takes no byte of the request, then 504; or the client takes no byte "
		"of "
		"the answer, then its connection is closed"},
	{"timeout", "idle", CONF_TIMEOUT_IDLE, "TIME",
		"silence of the client: between requests its connection is closed, after the time "
		"of the place that answered last; inside one it gets 408"},
	{"timeout", "tunnel", CONF_TIMEOUT_TUNNEL, "TIME",
		"silence on both sides of a WebSocket, or of what upgrade allows; then it is "
		"closed"},
	{"target", "dir", CONF_TARGET_DIR, "FOLDER", "the files of a folder of the host"},
	{"target", "redirect", CONF_TARGET_REDIRECT, "CODE URL",
		"an answer with 301, 302, 303, 307 or 308 and this Location"},
	{"target", "status", CONF_TARGET_STATUS, "CODE", "an answer with this status, 200 to 599"},
};

const struct schema_table schema_proxy = {
	.rows = rows,
	.n_rows = sizeof(rows) / sizeof(rows[0]),
	.words = words,
	.n_words = sizeof(words) / sizeof(words[0]),
};
