/* The language: what guards the top level, a site or a route. */
#include "conf/schema/schema.h"

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
	{
		.name = "rate-limit",
		.context = CONTEXT_TOP,
		.min = 1,
		.max = 3,
		.set = set_rate_limit,
		.arguments = "RATE [burst N] | off",
		.default_value = "off",
		.doc = "Lets each client ask that often, and answers the rest with 429.",
		.more = "A client is an IPv4 address, or the /64 of an IPv6 address. One that has "
			"been quiet may ask N times at once (without burst: as often as the rate's "
			"number says), then at the rate. Retry-After says in how many seconds the "
			"next request will be let in; those that were refused do not count. All "
			"that is served under the place where the limit is written is counted as "
			"one; a site or route with a limit of its own has its own count. 65,536 "
			"clients are remembered, those that ask most the longest.",
		.example = "rate-limit 20/s burst 40",
	},
	{
		.name = "rate-limit",
		.context = CONTEXT_SITE,
		.min = 1,
		.max = 3,
		.set = set_rate_limit,
		.arguments = "RATE [burst N] | off",
		.default_value = "that of the top level",
		.doc = "The same for this site.",
	},
	{
		.name = "rate-limit",
		.context = CONTEXT_ROUTE,
		.min = 1,
		.max = 3,
		.set = set_rate_limit,
		.arguments = "RATE [burst N] | off",
		.default_value = "that of the site",
		.doc = "The same for this route.",
		.example = "rate-limit 5/m   # a login form",
	},
	{
		.name = "connection-limit",
		.context = CONTEXT_TOP,
		.min = 1,
		.max = 1,
		.set = set_connection_limit,
		.arguments = "N|off",
		.default_value = "off",
		.doc = "Serves each client that many requests at a time, and answers the rest with "
		       "429.",
		.more = "A request counts from its head's end until its answer is sent and its "
			"backend released; each stream of an HTTP/2 connection is one, and an open "
			"WebSocket or other tunnel is one as long as it lives. A connection "
			"without a request does "
			"not count. Clients and places are those of rate-limit.",
		.example = "connection-limit 50",
	},
	{
		.name = "connection-limit",
		.context = CONTEXT_SITE,
		.min = 1,
		.max = 1,
		.set = set_connection_limit,
		.arguments = "N|off",
		.default_value = "that of the top level",
		.doc = "The same for this site.",
	},
	{
		.name = "connection-limit",
		.context = CONTEXT_ROUTE,
		.min = 1,
		.max = 1,
		.set = set_connection_limit,
		.arguments = "N|off",
		.default_value = "that of the site",
		.doc = "The same for this route.",
	},
	{
		.name = "auth",
		.context = CONTEXT_TOP,
		.min = 1,
		.max = WORDS_ANY,
		.set = set_auth,
		.arguments =
			"basic FILE [realm TEXT] [pass] | forward TARGET [copy HEADER ...] | off",
		.default_value = "off",
		.doc = "Asks who it is: by a user name and a password, or another server.",
		.more = "The file has a line NAME:HASH for each user, as htpasswd -B and mkpasswd "
			"write them; hashes are bcrypt, yescrypt, scrypt, SHA-512 or SHA-256. It "
			"is "
			"read by root, and again at every reload. Who sends no right password gets "
			"401. The backend does not see the password, unless pass is written. A "
			"password that was right is remembered for a minute, by a digest; others "
			"are checked one at a time, 64 may wait, and what comes beyond gets 503. "
			"Put a rate-limit beside it. With forward a server is asked before each "
			"request, by a GET for the target's path (without one /) with the "
			"request's "
			"fields, X-Original-Method, X-Original-URI and X-Forwarded-*, without its "
			"body. The path in them is the one that the backend would get: without dot "
			"segments, but with // and escapes such as %61 as they were sent. What it "
			"answers with 2xx goes on, with the named headers of that "
			"answer instead of the client's own; 401, 403 and redirects are the "
			"client's "
			"answer; anything else is 502, and 504 when it takes longer than the "
			"time-outs of the place. Behind https:// it is believed as upstream-ca and "
			"upstream-verify of the place say.",
		.example = "auth basic /etc/sluice/staff realm \"Staff only\"",
	},
	{
		.name = "auth",
		.context = CONTEXT_SITE,
		.min = 1,
		.max = WORDS_ANY,
		.set = set_auth,
		.arguments =
			"basic FILE [realm TEXT] [pass] | forward TARGET [copy HEADER ...] | off",
		.default_value = "that of the top level",
		.doc = "The same for this site.",
		.example = "auth basic /etc/sluice/staff pass",
	},
	{
		.name = "auth",
		.context = CONTEXT_ROUTE,
		.min = 1,
		.max = WORDS_ANY,
		.set = set_auth,
		.arguments =
			"basic FILE [realm TEXT] [pass] | forward TARGET [copy HEADER ...] | off",
		.default_value = "that of the site",
		.doc = "The same for this route.",
		.example = "auth forward wiki:80/verify copy Remote-User Remote-Groups",
	},
	{
		.name = "ban",
		.context = CONTEXT_TOP,
		.min = 1,
		.max = WORDS_ANY,
		.repeats = true,
		.set = set_ban,
		.arguments = "after N violations in TIME for TIME | never CIDR ...",
		.default_value = "nobody is banned",
		.doc = "Has the kernel drop every packet of clients that offend again and again.",
		.more = "Violations are requests above rate-limit and connection-limit, malformed "
			"ones, wrong passwords and failed TLS handshakes; a flood on an HTTP/2 "
			"connection counts as five, four full handshakes without a request as one. "
			"The offender is whoever the connection comes "
			"from: an IPv4 address, or the /64 of an IPv6 address. A ban holds for the "
			"host and for forwarded ports, before the kernel tracks the connection. "
			"Never banned are the host's own addresses, the containers' network, "
			"those of trusted and of ban never, and who is connected by SSH. "
			"sluice ban shows, adds and removes bans; with ban never alone, only an "
			"operator bans. 65,536 addresses can be banned at a time.",
		.example = "ban after 20 violations in 1m for 1h\n"
			   "ban never 198.51.100.0/24 2001:db8::/48",
	},
};

static const struct schema_word words[] = {
	{"ban", "after", 0, "N violations in TIME for TIME",
		"who offends that often is banned for so long"},
	{"ban", "never", 1, "CIDR ...", "these are not, whatever they do"},
	{"access", "allow", true, "{CIDR|all} ...", "these may come in"},
	{"access", "deny", false, "{CIDR|all} ...", "these get 403"},
	{"rate-limit", "off", 0, "", "no limit"},
	{"rate-limit burst", "burst", 1, "N", "so many may come at once"},
	{"connection-limit", "off", 0, "", "no limit"},
	{"auth", "basic", CONF_AUTH_BASIC, "FILE [realm TEXT] [pass]",
		"a name and a password from a file, by HTTP basic authentication"},
	{"auth", "forward", CONF_AUTH_FORWARD, "TARGET [copy HEADER ...]",
		"another server decides: a container, http://, https:// or unix:"},
	{"auth", "off", CONF_AUTH_OFF, "", "nobody is asked"},
	{"auth basic", "realm", 0, "TEXT", "what the browser shows; Restricted when not written"},
	{"auth forward", "copy", 0, "HEADER ...", "these fields of its answer are for the backend"},
	{"auth basic", "pass", 1, "", "the backend sees the name and password too"},
};

const struct schema_table schema_guard = {
	.rows = rows,
	.n_rows = sizeof(rows) / sizeof(rows[0]),
	.words = words,
	.n_words = sizeof(words) / sizeof(words[0]),
};
