/* The two tables of the language, and look-ups in them. */
#include "conf/schema.h"

#include "conf/conf.h"
#include "conf/setters.h"

#include <stdio.h>

/* Default and range of values that the manual names too stand here and in set_*.c; the test
 * "the manual's defaults are the parser's" compares them. */
const struct schema_row schema_rows[] = {
	{
		.name = "include",
		.context = CONTEXT_TOP,
		.min = 1,
		.max = 1,
		.repeats = true,
		.set = set_include,
		.arguments = "PATTERN",
		.doc = "Reads other files in this one's place.",
		.more = "The pattern may have the wildcards of a shell; the files are read in the "
			"order of "
			"their names, and a pattern that matches none is no error, whereas a plain "
			"name must "
			"exist. A relative pattern starts in the folder of the file that includes. "
			"A block "
			"must be closed in the file that opens it.",
		.example = "include /etc/sluice/conf.d/*.conf",
	},
	{
		.name = "wan",
		.context = CONTEXT_TOP,
		.min = 1,
		.max = 1,
		.set = set_wan,
		.arguments = "INTERFACE",
		.default_value = "the interface of the default route",
		.doc = "Names the interface by which the containers reach the world and forwards "
		       "enter.",
		.example = "wan eth0",
	},
	{
		.name = "bridge",
		.context = CONTEXT_TOP,
		.min = 2,
		.max = 3,
		.set = set_bridge,
		.arguments = "INTERFACE ADDRESS/LENGTH [ADDRESS6/LENGTH]",
		.doc = "Names the bridge on which the containers live, and its own address on it.",
		.more = "It is created when it does not exist; one that exists with this address "
			"is used as "
			"it is. Containers reach the world through it by masquerading, and get "
			"their "
			"addresses from a DHCP server on it. Without this directive the kernel's "
			"packet "
			"filter is not touched.",
		.example = "bridge lxcbr0 10.0.3.1/24 fd00:3::1/64",
	},
	{
		.name = "listen",
		.context = CONTEXT_TOP,
		.min = 1,
		.max = 2,
		.repeats = true,
		.set = set_listen,
		.arguments = "[ADDRESS:]PORT [plain|tls]",
		.doc = "Opens a port for HTTP; every site answers on every listener.",
		.more = "A port alone is opened on all IPv4 and all IPv6 addresses. Without a "
			"further word the "
			"port redirects every request to the first tls port, except paths below "
			"/.well-known/acme-challenge/ that a site routes to a folder.",
		.example = "listen 443 tls",
	},
	{
		.name = "certificate",
		.context = CONTEXT_TOP,
		.min = 3,
		.max = 3,
		.repeats = true,
		.set = set_certificate,
		.arguments = "NAME CHAIN-FILE KEY-FILE",
		.doc = "Defines a certificate: its chain and its private key, both in PEM.",
		.more = "The one with the name default is served for every site that names no "
			"other, and to "
			"clients that ask for an unknown name or for none. Without it such a "
			"handshake ends "
			"with the alert unrecognized_name. The files are read again at every "
			"reload.",
		.example = "certificate default /etc/sluice/tls/fullchain.pem "
			   "/etc/sluice/tls/privkey.pem",
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
			"domain), or * alone "
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
		.name = "container",
		.context = CONTEXT_TOP,
		.min = 1,
		.max = 1,
		.repeats = true,
		.block = PART_MAY,
		.opens = CONTEXT_CONTAINER,
		.set = set_container,
		.arguments = "NAME [{ ... }]",
		.doc = "Names an LXC container that Sluice keeps.",
		.more = "It is created when it does not exist. One that exists is adopted: only "
			"the keys that "
			"the block names are edited, and its old configuration is kept beside it "
			"as "
			"config.before-sluice. A container that the file does not name is listed "
			"and never "
			"touched; one whose block is removed goes on running, unmanaged.",
		.example = "container wiki {\n"
			   "    image   debian/bookworm\n"
			   "    address 10.0.3.102\n"
			   "    memory  256M\n"
			   "    autostart order 1\n"
			   "}",
	},
	{
		.name = "forward",
		.context = CONTEXT_TOP,
		.min = 2,
		.max = 2,
		.repeats = true,
		.target = PART_MUST,
		.set = set_forward,
		.arguments = "tcp|udp PORT[-PORT] -> CONTAINER:PORT[-PORT] [from CIDR...]",
		.doc = "Sends a port of the host to a container, in the kernel.",
		.more = "The container sees the client's own address. Of a range the target may "
			"name the first "
			"port only; both ranges have the same size. It works from the wan, from "
			"other "
			"containers and from the host itself.",
		.example = "forward tcp 2222 -> jenkins:22 from 198.51.100.0/24\n"
			   "forward udp 6000-6010 -> games:6000",
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
		.name = "timeout",
		.context = CONTEXT_TOP,
		.min = 2,
		.max = WORDS_ANY,
		.repeats = true,
		.set = set_timeout,
		.arguments = "{connect|read|send|idle} TIME ...",
		.default_value = "connect 30s read 60s send 60s idle 60s",
		.doc = "Says how long the proxy waits for others.",
		.more = "Several may stand in one line; each of the four once in one place. Each "
			"may also be set in a site or in a "
			"route, where it "
			"holds instead of the outer one, wherever in the file that stands.",
		.example = "timeout connect 90s send 90s read 90s",
	},
	{
		.name = "timeout",
		.context = CONTEXT_SITE,
		.min = 2,
		.max = WORDS_ANY,
		.repeats = true,
		.set = set_timeout,
		.arguments = "{connect|read|send|idle} TIME ...",
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
		.arguments = "{connect|read|send|idle} TIME ...",
		.default_value = "those of the site",
		.doc = "The same for this route.",
	},
	{
		.name = "control",
		.context = CONTEXT_TOP,
		.min = 1,
		.max = 3,
		.set = set_control,
		.arguments = "PATH [group GROUP]",
		.default_value = CONF_DEFAULT_CONTROL,
		.doc = "Names the socket by which sluice(1) speaks to the daemon.",
		.more = "Its folder is created when it is missing; a second socket, PATH.exec, is "
			"opened beside "
			"it. It can't change while the daemon runs.",
		.example = "control /run/sluice/control.sock group adm",
	},
	{
		.name = "state",
		.context = CONTEXT_TOP,
		.min = 1,
		.max = 1,
		.set = set_state,
		.arguments = "FOLDER",
		.default_value = CONF_DEFAULT_STATE,
		.doc = "Names the folder where the daemon keeps what must outlive it.",
		.more = "It can't change while the daemon runs.",
		.example = "state /var/lib/sluice",
	},
	{
		.name = "lxc-path",
		.context = CONTEXT_TOP,
		.min = 1,
		.max = 1,
		.set = set_lxc_path,
		.arguments = "FOLDER",
		.default_value = CONF_DEFAULT_LXC_PATH,
		.doc = "Names the folder where the containers are.",
		.more = "The default is LXC's own, so that lxc-ls(1) and lxc-attach(1) see the "
			"same containers. "
			"It can't change while the daemon runs.",
		.example = "lxc-path /var/lib/lxc",
	},
	{
		.name = "threads",
		.context = CONTEXT_TOP,
		.min = 1,
		.max = 1,
		.set = set_threads,
		.arguments = "N|auto",
		.default_value = "auto",
		.doc = "Says how many threads the proxy has; auto is one for each core.",
		.more = "It can't change while the daemon runs.",
		.example = "threads 2",
	},
	{
		.name = "log",
		.context = CONTEXT_TOP,
		.min = 2,
		.max = 3,
		.repeats = true,
		.set = set_log,
		.arguments = "access PATH [combined|json] | level LEVEL | format FORMAT",
		.default_value = "level info, format text, no access log",
		.doc = "Says what is logged; each of its three forms may stand once.",
		.example = "log access /var/log/sluice/access.log json\n"
			   "log level warn",
	},
	{
		.name = "certificate",
		.context = CONTEXT_SITE,
		.min = 1,
		.max = 1,
		.set = set_site_certificate,
		.arguments = "NAME",
		.default_value = "default",
		.doc = "Names the certificate of this site, which the top level defines.",
		.example = "certificate wildcard",
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
	{
		.name = "image",
		.context = CONTEXT_CONTAINER,
		.min = 1,
		.max = WORDS_ANY,
		.set = set_image,
		.arguments = "DISTRIBUTION/RELEASE | busybox | template NAME [ARGUMENT...]",
		.default_value = "none; the container must exist",
		.doc = "Says what the container is made from when it does not exist.",
		.more = "It is ignored for a container that exists.",
		.example = "image debian/bookworm",
	},
	{
		.name = "address",
		.context = CONTEXT_CONTAINER,
		.min = 1,
		.max = 2,
		.set = set_address,
		.arguments = "ADDRESS [ADDRESS6]",
		.default_value = "none",
		.doc = "Gives the container a fixed address on the bridge.",
		.more = "Routes and forwards need it.",
		.example = "address 10.0.3.101",
	},
	{
		.name = "memory",
		.context = CONTEXT_CONTAINER,
		.min = 1,
		.max = 3,
		.set = set_memory,
		.arguments = "SIZE [swap SIZE]",
		.default_value = "no limit",
		.doc = "Limits the container's memory, and the swap that it may use on top.",
		.more = "Without swap it has none.",
		.example = "memory 750M swap 250M",
	},
	{
		.name = "cpus",
		.context = CONTEXT_CONTAINER,
		.min = 1,
		.max = 1,
		.set = set_cpus,
		.arguments = "LIST",
		.default_value = "all",
		.doc = "Says on which CPUs the container may run.",
		.example = "cpus 0-1,3",
	},
	{
		.name = "autostart",
		.context = CONTEXT_CONTAINER,
		.min = 0,
		.max = 4,
		.set = set_autostart,
		.arguments = "[order N] [delay TIME]",
		.default_value = "not started by itself",
		.doc = "Starts the container with the host.",
		.more = "The lower order starts first and stops last; equal ones go in the order "
			"of the file.",
		.example = "autostart order 3 delay 10s",
	},
	{
		.name = "mount",
		.context = CONTEXT_CONTAINER,
		.min = 2,
		.max = 3,
		.repeats = true,
		.set = set_mount,
		.arguments = "SOURCE TARGET [ro|rw]",
		.default_value = "ro",
		.doc = "Shows a folder of the host inside the container.",
		.more = "The source is absolute, the target relative to the container's root.",
		.example = "mount /srv/jenkins home/jenkins rw",
	},
	{
		.name = "privileged",
		.context = CONTEXT_CONTAINER,
		.min = 1,
		.max = 1,
		.set = set_privileged,
		.arguments = "yes|no",
		.default_value = "no",
		.doc = "Creates the container with the host's user ids instead of a range of its "
		       "own.",
		.more = "The root of a privileged container is root of the host to much of the "
			"kernel.",
		.example = "privileged yes",
	},
	{
		.name = "stop-timeout",
		.context = CONTEXT_CONTAINER,
		.min = 1,
		.max = 1,
		.set = set_stop_timeout,
		.arguments = "TIME",
		.default_value = "10s",
		.doc = "Says how long the container may take to stop before it is killed.",
		.example = "stop-timeout 30s",
	},
};
const size_t schema_n_rows = sizeof(schema_rows) / sizeof(schema_rows[0]);
_Static_assert(sizeof(schema_rows) / sizeof(schema_rows[0]) <= SCHEMA_ROWS_MAX, "scope.seen");

const struct schema_word schema_words[] = {
	{"listen", "plain", CONF_LISTEN_PLAIN, "", "serves without TLS"},
	{"listen", "tls", CONF_LISTEN_TLS, "", "serves with TLS 1.2 and 1.3"},
	{"forward", "tcp", CONF_TCP, "PORT[-PORT]", "a TCP port or range"},
	{"forward", "udp", CONF_UDP, "PORT[-PORT]", "a UDP port or range"},
	{"forward target", "from", 0, "CIDR...", "only these sources may use it"},
	{"body-limit", "off", 0, "", "no limit"},
	{"timeout", "connect", CONF_TIMEOUT_CONNECT, "TIME",
		"to get a connection to the backend, waiting for its container included; then 504"},
	{"timeout", "read", CONF_TIMEOUT_READ, "TIME", "silence of the backend; then 504"},
	{"timeout", "send", CONF_TIMEOUT_SEND, "TIME",
		"the backend takes no byte of the request, then 504; or the client takes no byte "
		"of "
		"the answer, then its connection is closed"},
	{"timeout", "idle", CONF_TIMEOUT_IDLE, "TIME",
		"silence of the client: between requests its connection is closed, inside one it "
		"gets 408"},
	{"control", "group", 0, "GROUP",
		"members of this group may use it too; without, root only"},
	{"threads", "auto", 0, "", "one for each core"},
	{"log", "access", 0, "PATH [combined|json]", "one line for each request, into this file"},
	{"log", "level", 1, "error|warn|info|debug", "events of this level and above are logged"},
	{"log", "format", 2, "text|json", "how they are written"},
	{"log access", "combined", CONF_ACCESS_COMBINED, "", "the format that web servers share"},
	{"log access", "json", CONF_ACCESS_JSON, "", "one JSON object for each line"},
	{"log level", "error", LOG_LEVEL_ERROR, "", "somebody must act"},
	{"log level", "warn", LOG_LEVEL_WARN, "", "somebody should look"},
	{"log level", "info", LOG_LEVEL_INFO, "", "something happened"},
	{"log level", "debug", LOG_LEVEL_DEBUG, "", "for those who write the program"},
	{"log format", "text", LOG_FORMAT_TEXT, "", "key=value"},
	{"log format", "json", LOG_FORMAT_JSON, "", "one JSON object for each line"},
	{"target", "dir", CONF_TARGET_DIR, "FOLDER", "the files of a folder of the host"},
	{"target", "redirect", CONF_TARGET_REDIRECT, "CODE URL",
		"an answer with 301, 302, 303, 307 or 308 and this Location"},
	{"target", "status", CONF_TARGET_STATUS, "CODE", "an answer with this status, 200 to 599"},
	{"image", "busybox", CONF_IMAGE_BUSYBOX, "", "the small system of the busybox template"},
	{"image", "template", CONF_IMAGE_TEMPLATE, "NAME [ARGUMENT...]",
		"what an installed lxc template makes with these arguments"},
	{"memory", "swap", 0, "SIZE", "swap on top of the memory"},
	{"autostart", "order", 0, "N", "its place in the order; 0 when it is not given"},
	{"autostart", "delay", 1, "TIME", "waited after its start, before the next one is started"},
	{"mount", "ro", 0, "", "the container may read"},
	{"mount", "rw", 1, "", "the container may read and write"},
	{"privileged", "no", 0, "", "a range of user ids of its own"},
	{"privileged", "yes", 1, "", "the host's user ids"},
};
const size_t schema_n_words = sizeof(schema_words) / sizeof(schema_words[0]);

const struct schema_row *
schema_find(enum context context, struct slice name)
{
	for (size_t i = 0; i < schema_n_rows; i++)
		if (schema_rows[i].context == context && slice_eq_str(name, schema_rows[i].name))
			return &schema_rows[i];
	return NULL;
}

const char *
schema_context_name(enum context context)
{
	switch (context) {
	case CONTEXT_TOP:
		return "at top level";
	case CONTEXT_SITE:
		return "in a site";
	case CONTEXT_ROUTE:
		return "in a route";
	case CONTEXT_CONTAINER:
		return "in a container";
	case CONTEXT_COUNT:
		break;
	}
	return "?";
}

const char *
schema_contexts(struct slice name, char *out, size_t out_size)
{
	size_t n = 0;

	for (size_t i = 0; i < schema_n_rows && n < out_size; i++)
		if (slice_eq_str(name, schema_rows[i].name))
			n += (size_t)snprintf(out + n, out_size - n, "%s%s", n ? " or " : "",
				schema_context_name(schema_rows[i].context));
	return n ? out : NULL;
}

int
schema_word_value(const char *directive, struct slice word)
{
	for (size_t i = 0; i < schema_n_words; i++)
		if (strcmp(schema_words[i].directive, directive) == 0 &&
			slice_eq_str(word, schema_words[i].word))
			return schema_words[i].value;
	return -1;
}

const char *
schema_word_name(const char *directive, int value)
{
	for (size_t i = 0; i < schema_n_words; i++)
		if (strcmp(schema_words[i].directive, directive) == 0 &&
			schema_words[i].value == value)
			return schema_words[i].word;
	return "?";
}
