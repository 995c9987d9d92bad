/*
 * What `nft list ruleset` shows: tables, chains, one rule a line. What asks a set or a map is
 * written out first (import_sets.c); those that no rule asks are told as such.
 */
#include "daemon/import/import.h"

#include "core/own.h"
#include "daemon/import/import_sets.h"

#include <string.h>

#define WORDS_MAX 256

struct words {
	struct slice v[WORDS_MAX];
	size_t n, at;
	bool too_long;
};

/* Where a line stands. */
struct place {
	unsigned depth;
	bool in_chain;
	enum import_chain chain;
	struct slice table; /* its line */
	struct import_set_place set;
	struct import_sets *sets;
	struct import *import;
};

static void
split(struct slice line, struct words *w)
{
	*w = (struct words){0};
	line = slice_trim(line);
	while (line.n) {
		bool quoted = line.p[0] == '"';
		struct slice rest = quoted ? slice_skip(line, 1) : line;
		size_t n = 0;

		if (w->n == WORDS_MAX) {
			w->too_long = true;
			return;
		}
		while (n < rest.n &&
			(quoted ? rest.p[n] != '"' : rest.p[n] != ' ' && rest.p[n] != '\t'))
			n++;
		w->v[w->n++] = slice_head(rest, n);
		line = slice_trim(slice_skip(rest, quoted ? n + 1 : n));
	}
}

static struct slice
next_word(struct words *w)
{
	return w->at < w->n ? w->v[w->at++] : (struct slice){.p = ""};
}

static bool
next_is(struct words *w, const char *word)
{
	if (w->at == w->n || !slice_eq_str(w->v[w->at], word))
		return false;
	w->at++;
	return true;
}

static struct slice
without_comma(struct slice s)
{
	return s.n && s.p[s.n - 1] == ',' ? slice_head(s, s.n - 1) : s;
}

/* Calls take for a value, or for each of a set in braces. */
static void
each_value(struct words *w, struct import_rule *r,
	void (*take)(struct import_rule *r, struct slice value))
{
	struct slice value;

	if (!next_is(w, "{")) {
		take(r, without_comma(next_word(w)));
		return;
	}
	while ((value = next_word(w)).n && !slice_eq_str(value, "}"))
		take(r, without_comma(value));
}

static void
take_port(struct import_rule *r, struct slice value)
{
	if (r->n_ports == IMPORT_PORTS_MAX ||
		import_port_range(value, '-', &r->ports[r->n_ports]) < 0)
		import_odd(r, "its ports are not understood");
	else
		r->n_ports++;
}

static void
take_source(struct import_rule *r, struct slice value)
{
	if (r->n_from == IMPORT_SOURCES_MAX || import_prefix(value, &r->from[r->n_from]) < 0)
		import_odd(r, "its sources are not understood");
	else
		r->n_from++;
}

static void
take_destination(struct import_rule *r, struct slice value)
{
	if (r->to.addr.family || import_prefix(value, &r->to) < 0)
		import_odd(r, "its destination is not understood");
}

static void
take_protocol(struct import_rule *r, struct slice value)
{
	if (slice_eq_str(value, "tcp"))
		r->tcp = true;
	else if (slice_eq_str(value, "udp"))
		r->udp = true;
	else
		import_odd(r, "its protocol is neither tcp nor udp");
}

/* "established,related", or one of a set. */
static void
take_state(struct import_rule *r, struct slice value)
{
	r->established = true;
	while (value.n) {
		struct slice one = slice_head(value, slice_index(value, ','));

		value = slice_skip(value, one.n + 1);
		if (!slice_eq_str(one, "established") && !slice_eq_str(one, "related") &&
			!slice_eq_str(one, "dnat"))
			import_odd(r, "it depends on a connection's state");
	}
}

/* --- statements: each reads what stands behind its word ----------------------------------------
 */

static void
read_in(struct import_rule *r, struct words *w)
{
	r->in_not = next_is(w, "!=");
	if (import_ifname(next_word(w), r->in) < 0)
		import_odd(r, "its interface is not understood");
}

static void
read_out(struct import_rule *r, struct words *w)
{
	r->out_not = next_is(w, "!=");
	if (import_ifname(next_word(w), r->out) < 0)
		import_odd(r, "its interface is not understood");
}

static void
read_ip(struct import_rule *r, struct words *w)
{
	struct slice what = next_word(w);

	if (slice_eq_str(what, "saddr")) {
		r->from_not = next_is(w, "!=");
		each_value(w, r, take_source);
	} else if (slice_eq_str(what, "daddr")) {
		r->to_not = next_is(w, "!=");
		each_value(w, r, take_destination);
	} else if (slice_eq_str(what, "protocol") || slice_eq_str(what, "nexthdr")) {
		each_value(w, r, take_protocol);
	} else {
		import_odd(r, "it asks for a field that is not understood");
	}
}

static void
read_port(struct import_rule *r, struct words *w)
{
	if (!next_is(w, "dport") || next_is(w, "!="))
		import_odd(r, "it asks for a field that is not understood");
	else
		each_value(w, r, take_port);
}

static void
read_tcp(struct import_rule *r, struct words *w)
{
	r->tcp = true;
	read_port(r, w);
}

static void
read_udp(struct import_rule *r, struct words *w)
{
	r->udp = true;
	read_port(r, w);
}

static void
read_meta(struct import_rule *r, struct words *w)
{
	struct slice what = next_word(w);

	if (slice_eq_str(what, "l4proto"))
		each_value(w, r, take_protocol);
	else if (slice_eq_str(what, "iifname") || slice_eq_str(what, "iif"))
		read_in(r, w);
	else if (slice_eq_str(what, "oifname") || slice_eq_str(what, "oif"))
		read_out(r, w);
	else if (slice_eq_str(what, "nfproto"))
		(void)next_word(w);
	else
		import_odd(r, "it asks for a field that is not understood");
}

static void
read_ct(struct import_rule *r, struct words *w)
{
	struct slice what = next_word(w);

	if ((slice_eq_str(what, "state") || slice_eq_str(what, "status")) && !next_is(w, "!="))
		each_value(w, r, take_state);
	else
		import_odd(r, "it depends on a connection's state");
}

static void
read_fib(struct import_rule *r, struct words *w)
{
	if (!next_is(w, "daddr") || !next_is(w, "type") || !next_is(w, "local"))
		import_odd(r, "it asks for a field that is not understood");
}

static void
read_counter(struct import_rule *r, struct words *w)
{
	(void)r;
	while (next_is(w, "packets") || next_is(w, "bytes"))
		(void)next_word(w);
}

/* "dnat to 10.0.3.100:80", "dnat ip to 10.0.3.100", "dnat ip6 to [fd00::1]:80" */
static void
read_dnat(struct import_rule *r, struct words *w)
{
	struct slice target, host;
	size_t bracket;

	r->verdict = IMPORT_DNAT;
	(void)(next_is(w, "ip") || next_is(w, "ip6"));
	if (!next_is(w, "to")) {
		import_odd(r, "its target is not understood");
		return;
	}
	target = next_word(w);
	bracket = slice_index(target, ']');
	host = slice_head(target, slice_index(target, ':'));
	if (bracket < target.n) {
		host = slice_head(slice_skip(target, 1), bracket - 1);
		target = slice_skip(target, bracket + 1);
	} else if (addr_parse(target, &r->target) == 0) {
		return;
	} else {
		target = slice_skip(target, host.n);
	}
	if (addr_parse(host, &r->target) < 0 ||
		(target.n && import_port_range(slice_skip(target, 1), '-', &r->target_ports) < 0))
		import_odd(r, "its target is not understood");
}

static void
read_masquerade(struct import_rule *r, struct words *w)
{
	r->verdict = IMPORT_MASQUERADE;
	(void)(next_is(w, "random") || next_is(w, "fully-random") || next_is(w, "persistent"));
}

static void
read_accept(struct import_rule *r, struct words *w)
{
	(void)w;
	r->verdict = IMPORT_ACCEPT;
}

static void
read_drop(struct import_rule *r, struct words *w)
{
	(void)w;
	r->verdict = IMPORT_DROP;
}

static void
read_reject(struct import_rule *r, struct words *w)
{
	r->verdict = IMPORT_DROP;
	if (next_is(w, "with"))
		w->at = w->n;
}

static void
read_jump(struct import_rule *r, struct words *w)
{
	r->verdict = IMPORT_JUMP;
	(void)next_word(w);
}

static void
read_comment(struct import_rule *r, struct words *w)
{
	(void)r;
	(void)next_word(w);
}

static const struct statement {
	const char *word;
	void (*read)(struct import_rule *r, struct words *w);
} statements[] = {
	{"iifname", read_in},
	{"iif", read_in},
	{"oifname", read_out},
	{"oif", read_out},
	{"ip", read_ip},
	{"ip6", read_ip},
	{"tcp", read_tcp},
	{"udp", read_udp},
	{"th", read_port},
	{"meta", read_meta},
	{"ct", read_ct},
	{"fib", read_fib},
	{"counter", read_counter},
	{"dnat", read_dnat},
	{"masquerade", read_masquerade},
	{"accept", read_accept},
	{"drop", read_drop},
	{"reject", read_reject},
	{"jump", read_jump},
	{"goto", read_jump},
	{"comment", read_comment},
};

/* A rule as it stands, or one of those that it is written out to. */
static void
take_rule(void *ctx, struct slice line)
{
	const struct place *p = ctx;
	struct import_rule r = {.line = line, .chain = p->chain};
	struct words w;

	split(line, &w);
	while (w.at < w.n && !slice_starts(w.v[w.at], SLICE_LIT("#"))) {
		struct slice word = next_word(&w);
		const struct statement *s = NULL;

		for (size_t k = 0; k < ARRAY_SIZE(statements) && !s; k++)
			if (slice_eq_str(word, statements[k].word))
				s = &statements[k];
		if (!s) {
			import_odd(&r, "it has a word that is not understood");
			break;
		}
		s->read(&r, &w);
	}
	if (w.too_long)
		import_odd(&r, "it is too long");
	import_take(p->import, &r);
}

/* "type nat hook prerouting priority dstnat; policy accept;" */
static void
take_hook(struct import *i, struct place *p, struct slice line)
{
	static const struct {
		const char *hook;
		enum import_chain chain;
	} hooks[] = {{" hook prerouting ", IMPORT_PREROUTING}, {" hook output ", IMPORT_OUTPUT},
		{" hook postrouting ", IMPORT_POSTROUTING}, {" hook forward ", IMPORT_FORWARD},
		{" hook input ", IMPORT_INPUT}};

	for (size_t k = 0; k < ARRAY_SIZE(hooks); k++)
		if (memmem(line.p, line.n, hooks[k].hook, strlen(hooks[k].hook)))
			p->chain = hooks[k].chain;
	if (!memmem(line.p, line.n, "policy drop", sizeof("policy drop") - 1))
		return;
	if (p->chain == IMPORT_FORWARD)
		import_note_done(i,
			"what comes from outside to a container is dropped unless it is forwarded",
			line);
	else
		import_note_unknown(i, "sluice leaves this policy to you", line);
}

static void
take_line(struct import *i, struct place *p, struct slice line)
{
	bool opens = line.p[line.n - 1] == '{';

	if (!p->in_chain && import_sets_owns(&p->set, line))
		return;
	if (slice_eq_str(line, "}")) {
		p->depth -= p->depth > 0;
		p->in_chain = p->in_chain && p->depth > 1;
	} else if (opens && p->depth == 0 && slice_starts(line, SLICE_LIT("table "))) {
		p->depth = 1;
		p->table = line;
	} else if (opens && slice_starts(line, SLICE_LIT("chain ")) && !p->in_chain) {
		p->depth++;
		p->in_chain = true;
		p->chain = IMPORT_OTHER;
	} else if (p->in_chain && slice_starts(line, SLICE_LIT("type "))) {
		take_hook(i, p, line);
	} else if (p->in_chain) {
		i->failed =
			import_sets_expand(p->sets, p->table, line, take_rule, p) < 0 || i->failed;
	} else {
		p->depth += opens;
		import_note_unknown(i, "it is no rule", line);
	}
}

void
import_nft(struct import *i, struct slice text)
{
	struct import_sets sets = {0};
	struct place p = {.sets = &sets, .import = i};
	struct slice first = slice_trim(text);

	while (first.n && (first.p[0] == '\n' || first.p[0] == '\r'))
		first = slice_trim(slice_skip(first, 1));
	if (first.n && first.p[0] == '{') {
		import_json(i, text);
		return;
	}
	if (import_sets_read(text, &sets) < 0) {
		i->failed = true;
		return;
	}
	while (text.n) {
		struct slice line = import_line(&text);

		if (line.n && line.p[0] != '#')
			take_line(i, &p, line);
	}
	for (size_t k = 0; k < sets.n; k++)
		if (!sets.v[k].used)
			import_note_unknown(i, "no rule asks it, or it is empty", sets.v[k].head);
	import_sets_clear(&sets);
}
