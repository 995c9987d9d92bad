/*
 * Suggestions by edit distance (optimal string alignment, three rows), and the table of foreign
 * words.
 */
#include "conf/suggest.h"

#include "conf/value.h"
#include "core/own.h"

#include <stdio.h>

static const struct {
	const char *word, *hint;
} foreign[] = {
	{"DocumentRoot", "write: route / -> dir FOLDER"},
	{"Listen", "write: listen [ADDRESS:]PORT"},
	{"ProxyPass", "write: route PATH -> CONTAINER:PORT/PATH"},
	{"ProxyPassReverse", "write: rewrite on; it is on where the target has a path"},
	{"ServerAlias", "the names stand in the site's first line: site HOST... { ... }"},
	{"ServerName", "the names stand in the site's first line: site HOST... { ... }"},
	{"access_log", "write: log access PATH [combined|json]"},
	{"acl", "write: site HOST, route PATH, access allow|deny CIDR"},
	{"acme", "this version fetches no certificates; route /.well-known/acme-challenge/ to a "
		 "dir, for certbot"},
	{"add_header", "write: header response NAME VALUE"},
	{"alias", "write: route PATH -> dir FOLDER"},
	{"allow", "write: access allow CIDR"},
	{"auth_basic", "write: auth basic FILE realm TEXT"},
	{"auth_basic_user_file", "write: auth basic FILE"},
	{"auth_request", "write: auth forward TARGET"},
	{"autoindex", "write: listing on|off"},
	{"backend", "a route names its target itself: route PATH -> CONTAINER:PORT"},
	{"backup", "this version makes no backups; `sluice container exec NAME -- tar -c ...` "
		   "writes one"},
	{"basic_auth", "write: auth basic FILE"},
	{"basicauth", "write: auth basic FILE"},
	{"bind", "write: listen [ADDRESS:]PORT [plain|tls]"},
	{"brotli", "write: compress on|off"},
	{"client_body_buffer_size", "write: body-buffer SIZE"},
	{"client_body_timeout", "write: timeout idle TIME"},
	{"client_header_timeout", "write: timeout idle TIME"},
	{"client_max_body_size", "write: body-limit SIZE"},
	{"cpu", "write: cpus LIST"},
	{"cpu-share", "this version limits by: cpus LIST, memory SIZE"},
	{"cpu-shares", "this version limits by: cpus LIST, memory SIZE"},
	{"cpu_shares", "this version limits by: cpus LIST, memory SIZE"},
	{"cpuset", "write: cpus LIST"},
	{"daemon", "nothing of the kind is needed"},
	{"default_backend", "write: route / -> CONTAINER:PORT"},
	{"default_type", "nothing of the kind is needed: types follow from a file's name"},
	{"defaults", "nothing stands around directives of the top level"},
	{"delay", "write: autostart delay TIME"},
	{"deny", "write: access deny CIDR|all"},
	{"dnat", "write: forward tcp PORT -> CONTAINER:PORT"},
	{"domain", "write: site HOST { ... }"},
	{"encode", "write: compress on|off"},
	{"error_log", "write: log level LEVEL; the log itself goes to standard error"},
	{"error_page", "write: error-page CODE... FILE"},
	{"events", "nothing of the kind is needed"},
	{"expires", "write: header response Cache-Control VALUE"},
	{"file_server", "write: route PATH -> dir FOLDER"},
	{"forward_auth", "write: auth forward TARGET"},
	{"frontend", "write: listen [ADDRESS:]PORT [plain|tls], and site HOST { ... }"},
	{"global", "nothing stands around directives of the top level"},
	{"gzip", "write: compress on|off"},
	{"gzip_static", "write: precompressed on"},
	{"gzip_types", "write: compress on|off; what is worth it is known"},
	{"handle", "write: route PATH -> TARGET"},
	{"handle_path", "write: route PATH -> CONTAINER:PORT/"},
	{"header_down", "write: header response NAME VALUE"},
	{"header_up", "write: header request NAME VALUE"},
	{"host", "write: site HOST { ... }"},
	{"http", "nothing stands around sites; write: site HOST { ... }"},
	{"if", "there are no conditions; a route says what is served for a path"},
	{"ip", "write: address ADDRESS, or address auto"},
	{"ip6tables",
		"write: forward, block or limit; sluice import iptables translates what there is"},
	{"ip_hash", "write: balance hash client"},
	{"iptables",
		"write: forward, block or limit; sluice import iptables translates what there is"},
	{"ipv4", "write: address ADDRESS, or address auto"},
	{"keepalive", "connections to targets are kept without asking"},
	{"keepalive_timeout", "write: timeout idle TIME"},
	{"least_conn", "write: balance least-connections"},
	{"limit_conn", "write: connection-limit N"},
	{"limit_req", "write: rate-limit RATE burst N"},
	{"location", "write: route PATH -> TARGET"},
	{"lxc.cgroup.cpu.shares", "this version limits by: cpus LIST, memory SIZE"},
	{"lxc.cgroup.cpuset.cpus", "write: cpus LIST"},
	{"lxc.cgroup.memory.limit_in_bytes", "write: memory SIZE"},
	{"lxc.cgroup.memory.memsw.limit_in_bytes",
		"write: memory SIZE swap SIZE; swap comes on top of memory"},
	{"lxc.cgroup2.cpu.weight", "this version limits by: cpus LIST, memory SIZE"},
	{"lxc.cgroup2.cpuset.cpus", "write: cpus LIST"},
	{"lxc.cgroup2.memory.max", "write: memory SIZE"},
	{"lxc.cgroup2.memory.swap.max", "write: memory SIZE swap SIZE"},
	{"lxc.idmap", "write: privileged yes|no; a range of ids is given without asking"},
	{"lxc.mount.entry", "write: mount SOURCE TARGET [ro|rw]"},
	{"lxc.net.0.ipv4.address", "write: address ADDRESS, or address auto"},
	{"lxc.net.0.link", "write, at top level: bridge INTERFACE ADDRESS/LENGTH"},
	{"lxc.network.ipv4", "write: address ADDRESS, or address auto"},
	{"lxc.network.link", "write, at top level: bridge INTERFACE ADDRESS/LENGTH"},
	{"lxc.start.auto", "write: autostart"},
	{"lxc.start.delay", "write: autostart delay TIME"},
	{"lxc.start.order", "write: autostart order N"},
	{"lxc.uts.name", "the name stands in the first line: container NAME { ... }"},
	{"map", "there are no maps; a route says what is served for a path"},
	{"masquerade", "what the bridge's containers send is masqueraded without asking"},
	{"maxconn", "write: connections N|auto; or of a target: max-connections N"},
	{"mode", "write: listen for HTTP, forward tcp for anything else"},
	{"nat", "what the bridge's containers send is masqueraded; write: bridge INTERFACE "
		"ADDRESS/LENGTH"},
	{"nbthread", "write: threads N|auto"},
	{"nft", "write: forward, block or limit; sluice import nft translates what there is"},
	{"option", "nothing of the kind is needed"},
	{"order", "write: autostart order N"},
	{"pid", "nothing of the kind is needed"},
	{"ports", "outside of the container, write: forward tcp PORT -> CONTAINER:PORT"},
	{"proxy_buffer_size", "write: buffers N SIZE"},
	{"proxy_buffering", "write: buffers N SIZE, or buffers off"},
	{"proxy_buffers", "write: buffers N SIZE"},
	{"proxy_busy_buffers_size", "write: buffers N SIZE busy SIZE"},
	{"proxy_cache", "write: cache static|on|off"},
	{"proxy_cache_path", "write, at top level: cache memory SIZE disk SIZE PATH"},
	{"proxy_cache_valid", "write: cache on default-ttl TIME"},
	{"proxy_connect_timeout", "write: timeout connect TIME"},
	{"proxy_hide_header", "write: header response remove NAME"},
	{"proxy_http_version", "nothing of the kind is needed"},
	{"proxy_max_temp_file_size", "write: buffers N SIZE file SIZE"},
	{"proxy_next_upstream", "write: passive fail N in TIME for TIME"},
	{"proxy_pass", "write: route PATH -> CONTAINER:PORT, or -> http://HOST:PORT"},
	{"proxy_read_timeout", "write: timeout read TIME"},
	{"proxy_redirect", "write: rewrite on|off"},
	{"proxy_request_buffering", "write: request-buffering on|off"},
	{"proxy_send_timeout", "write: timeout send TIME"},
	{"proxy_set_header", "write: header request NAME VALUE; X-Real-IP and X-Forwarded-For are "
			     "sent without asking"},
	{"proxy_ssl_trusted_certificate", "write: upstream-ca FILE"},
	{"proxy_ssl_verify", "write: upstream-verify on|off"},
	{"proxy_temp_file_write_size",
		"nothing of the kind is needed; write: buffers N SIZE busy SIZE file SIZE"},
	{"proxy_temp_path", "bodies go to the state folder; write: buffers N SIZE file SIZE"},
	{"ram", "write: memory SIZE"},
	{"real_ip_header", "write: trusted CIDR...; X-Forwarded-For is what is read"},
	{"redir", "write: route PATH -> redirect CODE URL"},
	{"redirect", "write: route PATH -> redirect CODE URL"},
	{"resolver", "names are looked up as the host does; nothing is to be set"},
	{"respond", "write: route PATH -> status CODE"},
	{"return", "write: route PATH -> redirect CODE URL, or -> status CODE"},
	{"reverse_proxy", "write: route PATH -> CONTAINER:PORT"},
	{"root", "write: route / -> dir FOLDER"},
	{"sendfile", "nothing of the kind is needed"},
	{"server", "write: site HOST { ... }; or, for a backend: route PATH -> CONTAINER:PORT"},
	{"server_name", "the names stand in the site's first line: site HOST... { ... }"},
	{"server_tokens", "nothing of the kind is needed: no answer names the version"},
	{"set_real_ip_from", "write: trusted CIDR..."},
	{"ssl", "write: listen PORT tls, and certificate NAME CHAIN-FILE KEY-FILE"},
	{"ssl_certificate", "write: certificate NAME CHAIN-FILE KEY-FILE"},
	{"ssl_certificate_key", "write: certificate NAME CHAIN-FILE KEY-FILE"},
	{"ssl_ciphers", "write: tls modern|compat"},
	{"ssl_client_certificate", "write: client-certificates require|optional CA-FILE"},
	{"ssl_dhparam", "nothing of the kind is needed; write: tls modern|compat"},
	{"ssl_protocols", "TLS 1.2 and 1.3 are spoken; write: tls modern|compat"},
	{"ssl_session_cache", "nothing of the kind is needed; sessions are resumed by tickets"},
	{"ssl_session_timeout", "nothing of the kind is needed; sessions are resumed by tickets"},
	{"ssl_stapling", "write: ocsp on|off"},
	{"ssl_verify_client", "write: client-certificates require|optional CA-FILE"},
	{"store", "this version makes no backups, and so has no stores for them"},
	{"stream", "write: forward tcp PORT -> CONTAINER:PORT"},
	{"swap", "write: memory SIZE swap SIZE"},
	{"tcp_nodelay", "nothing of the kind is needed"},
	{"tcp_nopush", "nothing of the kind is needed"},
	{"try_files", "write: try FILE..."},
	{"types", "nothing of the kind is needed: types follow from a file's name"},
	{"upstream", "a route names its target itself: route PATH -> http://HOST:PORT"},
	{"use_backend", "write: route PATH -> CONTAINER:PORT"},
	{"user", "each process has its own user; nothing is to be set"},
	{"vhost", "write: site HOST { ... }"},
	{"volume", "write: mount SOURCE TARGET [ro|rw]"},
	{"worker_connections", "write: connections N|auto"},
	{"worker_processes", "write: threads N|auto"},
	{"zstd", "write: compress on|off"},
};

/* Words of a directive that other programs have there, or that a later version will have. */
static const struct {
	const char *directive, *word, *hint;
} foreign_words[] = {
	{"autostart", "ready", "this version waits for a time: autostart order N delay TIME"},
	{"listen", "default_server", "what no site names is served by: site * { ... }"},
	{"listen", "h2", "write: listen PORT tls http2"},
	{"listen", "https", "write: listen PORT tls"},
	{"listen", "http", "write: listen PORT plain"},
	{"listen", "reuseport", "nothing of the kind is needed"},
};

static unsigned
smaller(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

unsigned
suggest_distance(struct slice a, struct slice b, unsigned limit)
{
	unsigned rows[3][SUGGEST_WORD_MAX + 1] = {0};
	size_t gap = a.n > b.n ? a.n - b.n : b.n - a.n;

	if (a.n > SUGGEST_WORD_MAX || b.n > SUGGEST_WORD_MAX || gap > limit)
		return limit + 1;
	for (size_t j = 0; j <= b.n; j++)
		rows[0][j] = (unsigned)j;
	for (size_t i = 1; i <= a.n; i++) {
		unsigned *now = rows[i % 3];
		const unsigned *last = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];

		now[0] = (unsigned)i;
		for (size_t j = 1; j <= b.n; j++) {
			unsigned same = a.p[i - 1] == b.p[j - 1] ? 0 : 1;

			now[j] = smaller(smaller(last[j], now[j - 1]) + 1, last[j - 1] + same);
			if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1])
				now[j] = smaller(now[j], before[j - 2] + 1);
		}
	}
	return smaller(rows[a.n % 3][b.n], limit + 1);
}

bool
suggest_better(struct slice word, struct slice candidate, unsigned *best)
{
	/* One mistake in a short word, one in every three letters of a long one. */
	unsigned limit = candidate.n < 3 ? 0 : (unsigned)(candidate.n + 1) / 3;
	unsigned distance = suggest_distance(word, candidate, limit);

	if (distance > limit || distance >= *best || distance >= word.n)
		return false;
	*best = distance;
	return true;
}

const char *
suggest_directive(enum context context, struct slice name)
{
	unsigned best = SUGGEST_NONE;
	const char *found = NULL;

	for (size_t i = 0; i < schema_n_rows(); i++)
		if (schema_row(i)->context == context &&
			suggest_better(name, slice_str(schema_row(i)->name), &best))
			found = schema_row(i)->name;
	return found;
}

const char *
suggest_word(const char *directive, struct slice word)
{
	unsigned best = SUGGEST_NONE;
	const char *found = NULL;

	/* nginx's word for it, which no spelling leads from. */
	if (strcmp(directive, "listen") == 0 && slice_eq_str(word, "ssl"))
		return "tls";
	for (size_t i = 0; i < schema_n_words(); i++)
		if (strcmp(schema_word(i)->directive, directive) == 0 &&
			suggest_better(word, slice_str(schema_word(i)->word), &best))
			found = schema_word(i)->word;
	return found;
}

const char *
suggest_foreign(struct slice name)
{
	for (size_t i = 0; i < ARRAY_SIZE(foreign); i++)
		if (slice_eq_str(name, foreign[i].word))
			return foreign[i].hint;
	if (slice_starts(name, SLICE_LIT("lxc.")))
		return "keys of LXC stay in the container's own configuration; a container that "
		       "exists "
		       "keeps its own";
	return NULL;
}

const char *
suggest_foreign_word(const char *directive, struct slice word)
{
	for (size_t i = 0; i < ARRAY_SIZE(foreign_words); i++)
		if (strcmp(directive, foreign_words[i].directive) == 0 &&
			slice_eq_str(word, foreign_words[i].word))
			return foreign_words[i].hint;
	return NULL;
}

/* Units as others write them, in lower case. */
static const struct {
	enum suggest_kind kind;
	const char *theirs, *ours;
} units[] = {
	{SUGGEST_SIZE, "k", "K"},
	{SUGGEST_SIZE, "kb", "K"},
	{SUGGEST_SIZE, "kib", "K"},
	{SUGGEST_SIZE, "m", "M"},
	{SUGGEST_SIZE, "mb", "M"},
	{SUGGEST_SIZE, "mib", "M"},
	{SUGGEST_SIZE, "g", "G"},
	{SUGGEST_SIZE, "gb", "G"},
	{SUGGEST_SIZE, "gib", "G"},
	{SUGGEST_SIZE, "b", ""},
	{SUGGEST_TIME, "", "s"},
	{SUGGEST_TIME, "s", "s"},
	{SUGGEST_TIME, "sec", "s"},
	{SUGGEST_TIME, "secs", "s"},
	{SUGGEST_TIME, "seconds", "s"},
	{SUGGEST_TIME, "m", "m"},
	{SUGGEST_TIME, "min", "m"},
	{SUGGEST_TIME, "mins", "m"},
	{SUGGEST_TIME, "minutes", "m"},
	{SUGGEST_TIME, "h", "h"},
	{SUGGEST_TIME, "hr", "h"},
	{SUGGEST_TIME, "hours", "h"},
	{SUGGEST_TIME, "d", "d"},
	{SUGGEST_TIME, "days", "d"},
	{SUGGEST_TIME, "ms", "ms"},
	{SUGGEST_TIME, "msec", "ms"},
	{SUGGEST_RATE, "", "/s"},
	{SUGGEST_RATE, "r/s", "/s"},
	{SUGGEST_RATE, "/sec", "/s"},
	{SUGGEST_RATE, "/second", "/s"},
	{SUGGEST_RATE, "r/m", "/m"},
	{SUGGEST_RATE, "/min", "/m"},
	{SUGGEST_RATE, "/minute", "/m"},
	{SUGGEST_RATE, "/hour", "/h"},
};

const char *
suggest_value(enum suggest_kind kind, struct slice text, char out[static SUGGEST_VALUE_MAX])
{
	size_t digits = 0;

	while (digits < text.n && text.p[digits] >= '0' && text.p[digits] <= '9')
		digits++;
	if (digits == 0 || text.n > SUGGEST_VALUE_MAX / 2)
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (units[i].kind != kind ||
			!slice_ieq(slice_skip(text, digits), slice_str(units[i].theirs)))
			continue;
		memcpy(out, text.p, digits);
		(void)snprintf(out + digits, SUGGEST_VALUE_MAX / 2, "%s", units[i].ours);
		return out;
	}
	return NULL;
}

bool
suggest_is_odd_quote(struct slice word)
{
	return slice_starts(word, SLICE_LIT("'")) ||
	       slice_starts(word, SLICE_LIT("\xe2\x80\x98")) ||
	       slice_starts(word, SLICE_LIT("\xe2\x80\x9c")) ||
	       slice_starts(word, SLICE_LIT("\xe2\x80\x9e"));
}

bool
suggest_has_odd_blank(struct slice word)
{
	return word.n > 0 && memmem(word.p, word.n, "\xc2\xa0", 2) != NULL;
}

bool
suggest_is_host(struct slice word)
{
	return slice_index(word, '.') < word.n && !value_site_host(word);
}
