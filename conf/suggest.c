/*
 * Suggestions by edit distance (optimal string alignment, three rows), and the table of foreign
 * words.
 */
#include "conf/suggest.h"

#include "core/own.h"

static const struct {
	const char *word, *hint;
} foreign[] = {
	{"access_log", "write: log access PATH [combined|json]"},
	{"alias", "write: route PATH -> dir FOLDER"},
	{"allow", "write: access allow CIDR"},
	{"auth_basic", "write: auth basic FILE realm TEXT"},
	{"auth_basic_user_file", "write: auth basic FILE"},
	{"auth_request", "write: auth forward TARGET"},
	{"backend", "a route names its target itself: route PATH -> CONTAINER:PORT"},
	{"bind", "write: listen [ADDRESS:]PORT [plain|tls]"},
	{"client_body_buffer_size", "write: body-buffer SIZE"},
	{"client_body_timeout", "write: timeout idle TIME"},
	{"client_header_timeout", "write: timeout idle TIME"},
	{"client_max_body_size", "write: body-limit SIZE"},
	{"cpuset", "write: cpus LIST"},
	{"deny", "write: access deny CIDR|all"},
	{"error_log", "write: log level LEVEL; the log itself goes to standard error"},
	{"events", "nothing of the kind is needed"},
	{"frontend", "write: listen [ADDRESS:]PORT [plain|tls], and site HOST { ... }"},
	{"http", "nothing stands around sites; write: site HOST { ... }"},
	{"ip", "write: address ADDRESS, or address auto"},
	{"ipv4", "write: address ADDRESS, or address auto"},
	{"keepalive_timeout", "write: timeout idle TIME"},
	{"limit_conn", "write: connection-limit N"},
	{"limit_req", "write: rate-limit RATE burst N"},
	{"location", "write: route PATH -> TARGET"},
	{"lxc.cgroup.cpuset.cpus", "write: cpus LIST"},
	{"lxc.cgroup.memory.limit_in_bytes", "write: memory SIZE"},
	{"lxc.cgroup.memory.memsw.limit_in_bytes",
		"write: memory SIZE swap SIZE; swap comes on top of memory"},
	{"lxc.cgroup2.cpuset.cpus", "write: cpus LIST"},
	{"lxc.cgroup2.memory.max", "write: memory SIZE"},
	{"lxc.cgroup2.memory.swap.max", "write: memory SIZE swap SIZE"},
	{"lxc.mount.entry", "write: mount SOURCE TARGET [ro|rw]"},
	{"lxc.net.0.ipv4.address", "write: address ADDRESS, or address auto"},
	{"lxc.network.ipv4", "write: address ADDRESS, or address auto"},
	{"lxc.start.auto", "write: autostart"},
	{"lxc.start.delay", "write: autostart delay TIME"},
	{"lxc.start.order", "write: autostart order N"},
	{"ports", "outside of the container, write: forward tcp PORT -> CONTAINER:PORT"},
	{"proxy_buffer_size", "write: buffers N SIZE"},
	{"proxy_buffers", "write: buffers N SIZE"},
	{"proxy_busy_buffers_size", "write: buffers N SIZE busy SIZE"},
	{"proxy_connect_timeout", "write: timeout connect TIME"},
	{"proxy_max_temp_file_size", "write: buffers N SIZE file SIZE"},
	{"proxy_pass", "write: route PATH -> CONTAINER:PORT, or -> http://HOST:PORT"},
	{"proxy_read_timeout", "write: timeout read TIME"},
	{"proxy_send_timeout", "write: timeout send TIME"},
	{"proxy_set_header", "write: header request NAME VALUE; X-Real-IP and X-Forwarded-For are "
			     "sent without asking"},
	{"ram", "write: memory SIZE"},
	{"return", "write: route PATH -> redirect CODE URL, or -> status CODE"},
	{"root", "write: route / -> dir FOLDER"},
	{"sendfile", "nothing of the kind is needed"},
	{"server", "write: site HOST { ... }"},
	{"server_name", "the names stand in the site's first line: site HOST... { ... }"},
	{"ssl_certificate", "write: certificate NAME CHAIN-FILE KEY-FILE"},
	{"ssl_certificate_key", "write: certificate NAME CHAIN-FILE KEY-FILE"},
	{"upstream", "a route names its target itself: route PATH -> http://HOST:PORT"},
	{"user", "each process has its own user; nothing is to be set"},
	{"volume", "write: mount SOURCE TARGET [ro|rw]"},
	{"worker_processes", "write: threads N|auto"},
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
	return NULL;
}
