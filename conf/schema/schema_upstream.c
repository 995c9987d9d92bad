/* The language: how a route treats its targets. */
#include "conf/schema/schema.h"

#include "conf/conf.h"
#include "conf/setters.h"

static const struct schema_row rows[] = {
	{
		.name = "balance",
		.context = CONTEXT_ROUTE,
		.min = 1,
		.max = 3,
		.set = set_balance,
		.arguments = "round-robin|least-connections|hash "
			     "{client|uri|header NAME|cookie NAME}",
		.default_value = "round-robin",
		.doc = "Says which of several targets a request goes to.",
		.more = "Targets that are down or have no room are passed over. With hash, "
			"requests that agree in what is hashed go to the same target while it is "
			"up, and has no more than 16 requests under way or a quarter above its "
			"share "
			"of them; when a target comes or goes, only its own part of the requests "
			"moves.",
		.example = "balance hash cookie session",
	},
	{
		.name = "passive",
		.context = CONTEXT_ROUTE,
		.min = 1,
		.max = 6,
		.set = set_passive,
		.arguments = "off | [fail N] [in TIME] [for TIME]",
		.default_value = "fail 3 in 10s for 10s, where a route has several targets",
		.doc = "Takes a target out after failures of real requests.",
		.more = "So many failures in a row within this time, and it gets no request for "
			"that time; then one request tries it, and a further failure takes it out "
			"again. A failure is a connection that is not made, or ends or is silent "
			"before the answer, or an answer that is no HTTP. What a client can bring "
			"about with any server is none: an answer whose head is too large, or an "
			"end while the client has not sent all of its body. When every target is "
			"down, the one whose failure is the longest ago is tried.",
		.example = "passive fail 3 in 10s for 30s",
	},
	{
		.name = "check",
		.context = CONTEXT_ROUTE,
		.min = 1,
		.max = 12,
		.set = set_check,
		.arguments = "{tcp|http PATH} [every TIME] [timeout TIME] [fall N] [rise N] "
			     "[status CODE]",
		.doc = "Asks the targets whether they are well, and leaves out those that are not.",
		.more = "So many bad results in a row take a target out, so many good ones bring "
			"it "
			"back. Where nothing else is written: every 10s timeout 5s fall 3 rise 2 "
			"status 2xx. A container that does not run is not asked.",
		.example = "check http /health every 5s timeout 2s fall 2 rise 2 status 200",
	},
	{
		.name = "slow-start",
		.context = CONTEXT_ROUTE,
		.min = 1,
		.max = 1,
		.set = set_slow_start,
		.arguments = "TIME",
		.doc = "Lets a target that was down have its whole share only after this time.",
		.more = "It begins with a twentieth of it.",
		.example = "slow-start 30s",
	},
	{
		.name = "max-connections",
		.context = CONTEXT_ROUTE,
		.min = 1,
		.max = 5,
		.set = set_max_connections,
		.arguments = "N [queue N [timeout TIME]]",
		.doc = "Limits the requests under way to each target.",
		.more = "When no target has room, so many requests of the route wait, for 10s "
			"where "
			"nothing else is written, and get the places that become free in the order "
			"in which they came. When the queue is full or the time is over the answer "
			"is 503 with Retry-After. With or without it, a thread that has 128 "
			"requests "
			"without an answer at one server sends the next as answers come, and all "
			"of "
			"them when none comes for hundredths of a second.",
		.example = "max-connections 50 queue 200 timeout 5s",
	},
	{
		.name = "upstream-ca",
		.context = CONTEXT_TOP,
		.min = 1,
		.max = 1,
		.set = set_upstream_ca,
		.arguments = "FILE|system",
		.default_value = "system",
		.doc = "Names the authorities that the certificates of https:// targets are "
		       "checked with.",
		.more = "A file in PEM, read again at every reload; or system, the authorities "
			"that the "
			"host trusts. The certificate must be valid for the name in the target.",
		.example = "upstream-ca /etc/sluice/tls/internal-ca.pem",
	},
	{
		.name = "upstream-ca",
		.context = CONTEXT_SITE,
		.min = 1,
		.max = 1,
		.set = set_upstream_ca,
		.arguments = "FILE|system",
		.default_value = "that of the top level",
		.doc = "The same for this site.",
	},
	{
		.name = "upstream-ca",
		.context = CONTEXT_ROUTE,
		.min = 1,
		.max = 1,
		.set = set_upstream_ca,
		.arguments = "FILE|system",
		.default_value = "that of the site",
		.doc = "The same for this route.",
	},
	{
		.name = "upstream-verify",
		.context = CONTEXT_TOP,
		.min = 1,
		.max = 1,
		.set = set_upstream_verify,
		.arguments = "on|off",
		.default_value = "on",
		.doc = "Says whether the certificates of https:// targets are checked.",
		.more = "Without it, whoever answers at that address is believed; each route that "
			"does so is "
			"named in the log when the configuration takes effect.",
		.example = "upstream-verify off",
	},
	{
		.name = "upstream-verify",
		.context = CONTEXT_SITE,
		.min = 1,
		.max = 1,
		.set = set_upstream_verify,
		.arguments = "on|off",
		.default_value = "that of the top level",
		.doc = "The same for this site.",
	},
	{
		.name = "upstream-verify",
		.context = CONTEXT_ROUTE,
		.min = 1,
		.max = 1,
		.set = set_upstream_verify,
		.arguments = "on|off",
		.default_value = "that of the site",
		.doc = "The same for this route.",
	},
};

static const struct schema_word words[] = {
	{"balance", "round-robin", CONF_BALANCE_ROUND_ROBIN, "", "each in turn, by weight"},
	{"balance", "least-connections", CONF_BALANCE_LEAST_CONNECTIONS, "",
		"the one with the fewest requests under way, by weight"},
	{"balance", "hash", CONF_BALANCE_HASH_CLIENT, "{client|uri|header NAME|cookie NAME}",
		"the same one for the same client, URI, header or cookie"},
	{"balance hash", "client", CONF_BALANCE_HASH_CLIENT, "",
		"the client's address (IPv6: its /64)"},
	{"balance hash", "uri", CONF_BALANCE_HASH_URI, "", "path and query"},
	{"balance hash", "header", CONF_BALANCE_HASH_HEADER, "NAME",
		"that request header; without it, the client"},
	{"balance hash", "cookie", CONF_BALANCE_HASH_COOKIE, "NAME",
		"that cookie; without it, the client"},
	{"check", "tcp", CONF_CHECK_TCP, "", "whether a connection can be made"},
	{"check", "http", CONF_CHECK_HTTP, "PATH", "what a GET for this path is answered with"},
	{"check", "every", CONF_CHECK_HTTP + 1, "TIME", "between two checks"},
	{"check", "timeout", CONF_CHECK_HTTP + 2, "TIME", "for the whole of one"},
	{"check", "fall", CONF_CHECK_HTTP + 3, "N", "bad results in a row"},
	{"check", "rise", CONF_CHECK_HTTP + 4, "N", "good results in a row"},
	{"check", "status", CONF_CHECK_HTTP + 5, "CODE", "the good status: 204, or 2xx"},
	{"upstream-ca", "system", 0, "", "what the host trusts"},
	{"upstream-verify", "on", 1, "", "names and signatures are checked"},
	{"upstream-verify", "off", 0, "", "nothing is"},
	{"passive", "off", 0, "", "failures of requests take no target out"},
	{"passive", "fail", 1, "N", "failures in a row"},
	{"passive", "in", 2, "TIME", "within this time"},
	{"passive", "for", 3, "TIME", "how long it gets no request"},
};

const struct schema_table schema_upstream = {
	.rows = rows,
	.n_rows = sizeof(rows) / sizeof(rows[0]),
	.words = words,
	.n_words = sizeof(words) / sizeof(words[0]),
};
