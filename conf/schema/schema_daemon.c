/* The language: what concerns the daemon itself. */
#include "conf/schema/schema.h"

#include "conf/conf.h"
#include "conf/setters.h"

static const struct schema_row rows[] = {
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
		.more = "A JSON line of a request to a route with a cache says in cache what "
			"became "
			"of it: hit, miss, collapsed (another request's answer served it too), "
			"stale (served though it was), revalidated (the backend said that it is "
			"still right), expired (the backend sent another one) or bypass.",
		.example = "log access /var/log/sluice/access.log json\n"
			   "log level warn",
	},
};

static const struct schema_word words[] = {
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
};

const struct schema_table schema_daemon = {
	.rows = rows,
	.n_rows = sizeof(rows) / sizeof(rows[0]),
	.words = words,
	.n_words = sizeof(words) / sizeof(words[0]),
};
