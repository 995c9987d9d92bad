/*
 * Rules of iptables, as iptables-save writes them and as people type them: words, options, one
 * rule a line. An option that is not understood makes the whole rule so.
 */
#include "daemon/import/import.h"

#include "core/own.h"

#include <string.h>

#define WORDS_MAX 128
#define WORDS_SIZE 4096

struct words {
	struct slice v[WORDS_MAX];
	size_t n, at;
	char text[WORDS_SIZE]; /* of words that were quoted */
	size_t used;
	bool too_long;
};

struct table {
	bool nat, filter, raw;
};

/* Takes one word off the line, quotes removed. */
static void
take_word(struct words *w, struct slice *line)
{
	char quote = 0;
	size_t start = w->used, k = 0;

	for (; k < line->n; k++) {
		char c = line->p[k];

		if (!quote && (c == ' ' || c == '\t'))
			break;
		if ((c == '"' || c == '\'') && (!quote || quote == c)) {
			quote = (char)(quote ? 0 : c);
			continue;
		}
		if (w->used == sizeof(w->text)) {
			w->too_long = true;
			break;
		}
		w->text[w->used++] = c;
	}
	*line = slice_trim(slice_skip(*line, k));
	w->v[w->n++] = slice_of(w->text + start, w->used - start);
}

static void
split(struct slice line, struct words *w)
{
	w->n = w->at = w->used = 0;
	w->too_long = false;
	line = slice_trim(line);
	while (line.n && w->n < WORDS_MAX && !w->too_long)
		take_word(w, &line);
	w->too_long = w->too_long || line.n > 0;
}

static bool
is_one_of(struct slice word, const char *const *names)
{
	for (; *names; names++)
		if (slice_eq_str(word, *names))
			return true;
	return false;
}

static struct slice
next_word(struct words *w)
{
	return w->at < w->n ? w->v[w->at++] : (struct slice){.p = ""};
}

static void
set_table(struct slice name, struct table *t)
{
	*t = (struct table){.nat = slice_eq_str(name, "nat"),
		.filter = slice_eq_str(name, "filter"),
		.raw = slice_eq_str(name, "raw") || slice_eq_str(name, "mangle")};
}

static enum import_chain
chain_of(struct slice name)
{
	static const struct {
		const char *name;
		enum import_chain chain;
	} chains[] = {{"PREROUTING", IMPORT_PREROUTING}, {"OUTPUT", IMPORT_OUTPUT},
		{"POSTROUTING", IMPORT_POSTROUTING}, {"FORWARD", IMPORT_FORWARD},
		{"INPUT", IMPORT_INPUT}, {"DOCKER-USER", IMPORT_FORWARD}};

	for (size_t k = 0; k < ARRAY_SIZE(chains); k++)
		if (slice_eq_str(name, chains[k].name))
			return chains[k].chain;
	return IMPORT_OTHER;
}

/* --- values of options ----------------------------------------------------------------------- */

static void
take_prefixes(struct import_rule *r, struct slice list)
{
	while (list.n) {
		struct slice one = slice_head(list, slice_index(list, ','));

		list = slice_skip(list, one.n + 1);
		if (r->n_from == IMPORT_SOURCES_MAX || import_prefix(one, &r->from[r->n_from]) < 0)
			import_odd(r, "its sources are not understood");
		else
			r->n_from++;
	}
}

static void
take_ports(struct import_rule *r, struct slice list)
{
	while (list.n) {
		struct slice one = slice_head(list, slice_index(list, ','));

		list = slice_skip(list, one.n + 1);
		if (r->n_ports == IMPORT_PORTS_MAX ||
			import_port_range(one, ':', &r->ports[r->n_ports]) < 0)
			import_odd(r, "its ports are not understood");
		else
			r->n_ports++;
	}
}

/* "10.0.3.100", "10.0.3.100:80", "10.0.3.100:6000-6010", "[fd00::1]:80" */
static void
take_target(struct import_rule *r, struct slice s)
{
	struct slice host = s, port = {.p = ""};
	size_t colon;

	if (s.n && s.p[0] == '[') {
		host = slice_head(slice_skip(s, 1), slice_index(slice_skip(s, 1), ']'));
		port = slice_skip(s, host.n + 3);
	} else if ((colon = slice_index(s, ':')) < s.n &&
		   slice_index(slice_skip(s, colon + 1), ':') == s.n - colon - 1) {
		host = slice_head(s, colon);
		port = slice_skip(s, colon + 1);
	}
	if (addr_parse(host, &r->target) < 0 ||
		(port.n && import_port_range(port, '-', &r->target_ports) < 0))
		import_odd(r, "its target is not understood");
}

static void
take_protocol(struct import_rule *r, struct slice s)
{
	static const char *const any[] = {"all", "0", NULL};

	r->tcp = slice_eq_str(s, "tcp") || slice_eq_str(s, "6");
	r->udp = slice_eq_str(s, "udp") || slice_eq_str(s, "17");
	if (!r->tcp && !r->udp && !is_one_of(s, any))
		import_odd(r, "its protocol is neither tcp nor udp");
}

static void
take_states(struct import_rule *r, struct slice list)
{
	static const char *const known[] = {"ESTABLISHED", "RELATED", "DNAT", NULL};

	r->established = true;
	while (list.n) {
		struct slice one = slice_head(list, slice_index(list, ','));

		list = slice_skip(list, one.n + 1);
		if (!is_one_of(one, known))
			import_odd(r, "it depends on a connection's state");
	}
}

static void
take_jump(struct import_rule *r, struct slice target)
{
	if (slice_eq_str(target, "DNAT"))
		r->verdict = IMPORT_DNAT;
	else if (slice_eq_str(target, "MASQUERADE"))
		r->verdict = IMPORT_MASQUERADE;
	else if (slice_eq_str(target, "ACCEPT"))
		r->verdict = IMPORT_ACCEPT;
	else if (slice_eq_str(target, "DROP") || slice_eq_str(target, "REJECT"))
		r->verdict = IMPORT_DROP;
	else if (slice_eq_str(target, "RETURN") || slice_eq_str(target, "LOG"))
		r->verdict = IMPORT_NOTHING;
	else if (slice_eq_str(target, "SNAT") || slice_eq_str(target, "REDIRECT") ||
		 slice_eq_str(target, "NETMAP") || slice_eq_str(target, "TPROXY"))
		import_odd(r, "sluice has no such target");
	else
		r->verdict = IMPORT_JUMP;
}

/* --- options --------------------------------------------------------------------------------- */

static void
option_in(struct import_rule *r, struct slice v, bool negated)
{
	if (import_ifname(v, r->in) < 0)
		import_odd(r, "its interface is not understood");
	r->in_not = negated;
}

static void
option_out(struct import_rule *r, struct slice v, bool negated)
{
	if (import_ifname(v, r->out) < 0)
		import_odd(r, "its interface is not understood");
	r->out_not = negated;
}

static void
option_protocol(struct import_rule *r, struct slice v, bool negated)
{
	if (negated)
		import_odd(r, "it is for all protocols but one");
	take_protocol(r, v);
}

static void
option_source(struct import_rule *r, struct slice v, bool negated)
{
	take_prefixes(r, v);
	r->from_not = negated;
}

static void
option_destination(struct import_rule *r, struct slice v, bool negated)
{
	if (import_prefix(v, &r->to) < 0)
		import_odd(r, "its destination is not understood");
	r->to_not = negated;
}

static void
option_ports(struct import_rule *r, struct slice v, bool negated)
{
	if (negated)
		import_odd(r, "it is for all ports but some");
	take_ports(r, v);
}

static void
option_states(struct import_rule *r, struct slice v, bool negated)
{
	if (negated)
		import_odd(r, "it depends on a connection's state");
	take_states(r, v);
}

static void
option_jump(struct import_rule *r, struct slice v, bool negated)
{
	(void)negated;
	take_jump(r, v);
}

static void
option_target(struct import_rule *r, struct slice v, bool negated)
{
	(void)negated;
	take_target(r, v);
}

/* Of addresses of the host itself: that is what forwards are for. */
static void
option_type(struct import_rule *r, struct slice v, bool negated)
{
	if (negated || !slice_eq_str(v, "LOCAL"))
		import_odd(r, "it is for a type of address");
}

static void
option_module(struct import_rule *r, struct slice v, bool negated)
{
	static const char *const plain[] = {
		"tcp", "udp", "multiport", "state", "conntrack", "comment", "addrtype", NULL};

	(void)negated;
	if (!is_one_of(v, plain))
		import_odd(r, "it uses a module that is not understood");
}

/* What says nothing about packets. */
static void
option_ignored(struct import_rule *r, struct slice v, bool negated)
{
	(void)r;
	(void)v;
	(void)negated;
}

struct option {
	const char *words[6];
	void (*take)(struct import_rule *r, struct slice value, bool negated);
	bool alone; /* it has no value */
};

static const struct option options[] = {
	{{"-i", "--in-interface"}, option_in, false},
	{{"-o", "--out-interface"}, option_out, false},
	{{"-p", "--protocol", "--proto"}, option_protocol, false},
	{{"-s", "--source", "--src"}, option_source, false},
	{{"-d", "--destination", "--dst"}, option_destination, false},
	{{"--dport", "--dports", "--destination-port", "--destination-ports"}, option_ports, false},
	{{"--state", "--ctstate"}, option_states, false},
	{{"-j", "--jump", "-g", "--goto"}, option_jump, false},
	{{"--to-destination", "--to"}, option_target, false},
	{{"--dst-type"}, option_type, false},
	{{"-m", "--match"}, option_module, false},
	{{"--comment", "--reject-with"}, option_ignored, false},
	{{"-w", "--wait", "-n", "-v", "--random", "--persistent"}, option_ignored, true},
};

static const struct option *
find_option(struct slice word)
{
	for (size_t k = 0; k < ARRAY_SIZE(options); k++)
		for (size_t n = 0; n < ARRAY_SIZE(options[k].words); n++)
			if (options[k].words[n] && slice_eq_str(word, options[k].words[n]))
				return &options[k];
	return NULL;
}

static void
take_options(struct import_rule *r, struct words *w)
{
	while (w->at < w->n) {
		struct slice word = next_word(w);
		bool negated = slice_eq_str(word, "!");
		const struct option *o;
		struct slice value;

		if (negated)
			word = next_word(w);
		o = find_option(word);
		if (!o) {
			import_odd(r, "it has an option that is not understood");
			return;
		}
		/* Old iptables put the mark behind: "-s ! 10.0.0.0/8". */
		if (!o->alone && w->at < w->n && slice_eq_str(w->v[w->at], "!")) {
			negated = true;
			w->at++;
		}
		value = o->alone ? SLICE_LIT("") : next_word(w);
		o->take(r, value, negated);
	}
}

/* --- lines ----------------------------------------------------------------------------------- */

static bool
is_number(struct slice s)
{
	for (size_t k = 0; k < s.n; k++)
		if (s.p[k] < '0' || s.p[k] > '9')
			return false;
	return s.n > 0;
}

static void
take_rule(struct import *i, struct words *w, const struct table *t, struct slice line)
{
	struct import_rule r = {.line = line};

	r.chain = chain_of(next_word(w));
	if (w->at < w->n && is_number(w->v[w->at]))
		w->at++;
	take_options(&r, w);
	if (!t->nat && (r.verdict == IMPORT_DNAT || r.verdict == IMPORT_MASQUERADE))
		import_odd(&r, "it is not in table nat");
	if (w->too_long)
		import_odd(&r, "it is too long");
	import_take(i, &r);
}

/* -P CHAIN POLICY, :CHAIN POLICY */
static void
take_policy(struct import *i, struct slice chain, struct slice policy, struct slice line)
{
	if (slice_eq_str(policy, "DROP") && chain_of(chain) == IMPORT_FORWARD)
		import_note_done(i,
			"what comes from outside to a container is dropped unless it is forwarded",
			line);
	else if (slice_eq_str(policy, "DROP"))
		import_note_unknown(i, "sluice leaves this policy to you", line);
}

/* The command of a line, behind the options that stand in front of it. */
static void
take_command(struct import *i, struct words *w, const struct table *in, struct slice line)
{
	static const char *const adds[] = {"-A", "--append", "-I", "--insert", NULL};
	static const char *const frames[] = {
		"-N", "--new-chain", "-F", "--flush", "-X", "-Z", NULL};
	struct table t = *in;

	while (w->at < w->n) {
		struct slice word = next_word(w);

		if (slice_eq_str(word, "-t") || slice_eq_str(word, "--table")) {
			set_table(next_word(w), &t);
		} else if (is_one_of(word, adds)) {
			take_rule(i, w, &t, line);
			return;
		} else if (slice_eq_str(word, "-P") || slice_eq_str(word, "--policy")) {
			struct slice chain = next_word(w);

			take_policy(i, chain, next_word(w), line);
			return;
		} else if (is_one_of(word, frames)) {
			return;
		} else if (!slice_eq_str(word, "-w") && !(word.n && word.p[0] == '[')) {
			break;
		}
	}
	import_note_unknown(i, "this is no rule", line);
}

/* Whether a line is one of a shell, and its words up to the program's. */
static bool
skip_program(struct words *w)
{
	while (w->at < w->n) {
		struct slice word = w->v[w->at];
		size_t slash = word.n;

		while (slash > 0 && word.p[slash - 1] != '/')
			slash--;
		word = slice_skip(word, slash);
		w->at++;
		if (slice_starts(word, SLICE_LIT("iptables")) ||
			slice_starts(word, SLICE_LIT("ip6tables")))
			return true;
		if (!slice_eq_str(word, "sudo"))
			break;
	}
	w->at = 0;
	return false;
}

static void
take_line(struct import *i, struct slice line, struct table *t)
{
	_free_ struct words *w = calloc(1, sizeof(*w));
	struct table typed = {.filter = true};

	if (!w) {
		i->failed = true;
		return;
	}
	split(line, w);
	if (skip_program(w))
		take_command(i, w, &typed, line);
	else if (line.p[0] == ':')
		take_policy(i, slice_skip(w->v[0], 1), w->n > 1 ? w->v[1] : line, line);
	else
		take_command(i, w, t, line);
}

void
import_iptables(struct import *i, struct slice text)
{
	struct table t = {.filter = true};

	while (text.n) {
		struct slice line = import_line(&text);

		if (line.n == 0 || line.p[0] == '#' || slice_eq_str(line, "COMMIT"))
			continue;
		if (line.p[0] == '*')
			set_table(slice_skip(line, 1), &t);
		else
			take_line(i, line, &t);
	}
}
