/*
 * What was found, and its text: interfaces first, then containers, forwards and blocks, then what
 * is no directive, as comments.
 */
#include "daemon/import/import.h"

#include "core/own.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_SIZE 64
#define DEFAULT_BRIDGE "lxcbr0"

int
import_init(struct import *i)
{
	*i = (struct import){0};
	buf_init(&i->done, IMPORT_OUTPUT_MAX);
	buf_init(&i->unknown, IMPORT_OUTPUT_MAX);
	i->containers = calloc(IMPORT_CONTAINERS_MAX, sizeof(*i->containers));
	return i->containers ? 0 : -1;
}

void
import_clear(struct import *i)
{
	for (size_t k = 0; k < i->n_forwards; k++)
		free(i->forwards[k].line);
	for (size_t k = 0; k < i->n_containers; k++)
		buf_clear(&i->containers[k].directives);
	free(i->forwards);
	free(i->blocks);
	free(i->containers);
	buf_clear(&i->done);
	buf_clear(&i->unknown);
	*i = (struct import){0};
}

struct slice
import_line(struct slice *text)
{
	struct slice line = slice_head(*text, slice_index(*text, '\n'));

	*text = slice_skip(*text, line.n + 1);
	if (line.n && line.p[line.n - 1] == '\r')
		line.n--;
	return slice_trim(line);
}

/* A line as a comment: what is no text is shown as '?'. */
static void
note(struct import *i, struct buf *out, const char *why, struct slice line)
{
	char text[IMPORT_LINE_MAX];
	struct slice cut = slice_head(line, sizeof(text) - 1);

	for (size_t k = 0; k < cut.n; k++) {
		unsigned char c = (unsigned char)cut.p[k];

		text[k] = cut.p[k];
		if (c == '\t')
			text[k] = ' ';
		else if (c < ' ' || c == 0x7f)
			text[k] = '?';
	}
	text[cut.n] = '\0';
	/* A last backslash would continue the comment. */
	if (cut.n && text[cut.n - 1] == '\\')
		text[cut.n - 1] = '?';
	if (buf_printf(out, "# %s: %s%s\n", why, text, cut.n < line.n ? " …" : "") < 0)
		i->failed = true;
}

void
import_note_done(struct import *i, const char *why, struct slice line)
{
	note(i, &i->done, why, line);
}

void
import_note_unknown(struct import *i, const char *why, struct slice line)
{
	note(i, &i->unknown, why, line);
}

struct import_container *
import_add_container(struct import *i, struct slice name)
{
	struct import_container *c;

	for (size_t k = 0; k < i->n_containers; k++)
		if (slice_eq_str(name, i->containers[k].name))
			return &i->containers[k];
	if (i->n_containers == IMPORT_CONTAINERS_MAX || name.n == 0 || name.n > CONF_NAME_MAX)
		return NULL;
	c = &i->containers[i->n_containers++];
	*c = (struct import_container){0};
	memcpy(c->name, name.p, name.n);
	buf_init(&c->directives, IMPORT_TEXT_MAX);
	return c;
}

/* One more place in an array; NULL: memory, or max is reached. */
static void *
grow(void *v, size_t n, size_t *cap, size_t size, size_t max)
{
	size_t wanted = *cap ? *cap * 2 : 16;
	void *grown;

	if (n < *cap)
		return v;
	grown = n < max ? realloc(v, wanted * size) : NULL;
	if (grown)
		*cap = wanted;
	return grown;
}

void
import_add_forward(struct import *i, const struct import_rule *r, size_t port)
{
	struct import_forward f = {.rule = *r, .line = slice_dup(r->line), .port = port};
	void *v =
		grow(i->forwards, i->n_forwards, &i->cap_forwards, sizeof(f), IMPORT_FORWARDS_MAX);

	if (!v || !f.line) {
		free(f.line);
		i->failed = true;
		return;
	}
	f.rule.line = slice_str(f.line);
	i->forwards = v;
	i->forwards[i->n_forwards++] = f;
}

void
import_add_block(struct import *i, const struct prefix *p)
{
	void *v = grow(i->blocks, i->n_blocks, &i->cap_blocks, sizeof(*p), IMPORT_BLOCKS_MAX);

	if (!v) {
		i->failed = true;
		return;
	}
	i->blocks = v;
	i->blocks[i->n_blocks++] = prefix_network(p);
}

/* The container that has this address; where none is known, one with a name to be changed. */
static const char *
target_name(struct import *i, const struct addr *a)
{
	struct import_container *c;
	char name[NAME_SIZE], text[ADDR_TEXT_MAX];
	size_t n;

	for (size_t k = 0; k < i->n_containers; k++)
		if (addr_eq(&i->containers[k].v4, a) || addr_eq(&i->containers[k].v6, a))
			return i->containers[k].name;
	n = (size_t)snprintf(name, sizeof(name), "at-%s", addr_print(a, text));
	for (size_t k = 0; k < n && k < sizeof(name); k++)
		if (!isalnum((unsigned char)name[k]))
			name[k] = '-';
	if (name[n - 1] == '-')
		name[n++] = '0', name[n] = '\0';
	c = import_add_container(i, slice_str(name));
	if (!c)
		return NULL;
	c->v4 = *a;
	return c->name;
}

static void
guess_around(struct import *i, const struct addr *a)
{
	struct prefix *net = a->family == AF_INET6 ? &i->net6 : &i->net4;
	struct prefix p = {.addr = *a, .len = a->family == AF_INET6 ? 64 : 24};

	if (!a->family || net->addr.family)
		return;
	*net = prefix_network(&p);
	net->addr.bytes[addr_len(a) - 1] |= 1;
}

/* No rule told of the network: the one that the first target stands in, as wide as usual. */
static void
guess_network(struct import *i)
{
	for (size_t k = 0; k < i->n_forwards; k++)
		guess_around(i, &i->forwards[k].rule.target);
	for (size_t k = 0; k < i->n_containers; k++) {
		guess_around(i, &i->containers[k].v4);
		guess_around(i, &i->containers[k].v6);
	}
}

static bool
inside(const struct import *i, const struct addr *a)
{
	const struct prefix *net = a->family == AF_INET ? &i->net4 : &i->net6;

	return net->addr.family && prefix_contains(net, a) && !addr_eq(&net->addr, a);
}

/* The interface that has to be said; "" for the outside and everywhere. */
static const char *
entry_of(const struct import *i, const struct import_rule *r)
{
	return r->in_not || strcmp(r->in, i->wan) == 0 ? "" : r->in;
}

/* A forward that another one has said already: rules for several chains, or twice the same. */
static bool
said_before(const struct import *i, size_t which)
{
	const struct import_forward *f = &i->forwards[which];
	const struct import_ports *p = &f->rule.ports[f->port];

	for (size_t k = 0; k < which; k++) {
		const struct import_forward *g = &i->forwards[k];
		const struct import_ports *q = &g->rule.ports[g->port];

		if (((f->rule.tcp && g->rule.tcp) || (f->rule.udp && g->rule.udp)) &&
			p->low <= q->high && q->low <= p->high &&
			addr_eq(&f->rule.to.addr, &g->rule.to.addr) &&
			strcmp(entry_of(i, &f->rule), entry_of(i, &g->rule)) == 0)
			return true;
	}
	return false;
}

static int
print_ports(const struct import_ports *p, struct buf *out)
{
	if (p->low == p->high)
		return buf_printf(out, "%u", p->low);
	return buf_printf(out, "%u-%u", p->low, p->high);
}

/* A single address without its length. */
static int
print_prefix(const struct prefix *p, struct buf *out)
{
	char text[ADDR_TEXT_MAX];
	bool host = p->len == addr_len(&p->addr) * 8;

	return buf_append_str(out, host ? addr_print(&p->addr, text) : prefix_print(p, text));
}

static bool
knows_v6(const struct import *i, const struct addr *a)
{
	for (size_t k = 0; k < i->n_containers; k++)
		if (i->containers[k].v4.family && addr_eq(&i->containers[k].v6, a))
			return true;
	return false;
}

/* "[fd00::7]" of IPv6. */
static int
print_host(const struct addr *a, struct buf *out)
{
	char text[ADDR_TEXT_MAX];
	bool v6 = a->family == AF_INET6;

	return buf_printf(out, "%s%s%s", v6 ? "[" : "", addr_print(a, text), v6 ? "]" : "");
}

/* Where it enters: at one address, at an interface that is not the outside. */
static int
print_entry(const struct import *i, const struct import_forward *f, struct buf *out)
{
	const struct import_rule *r = &f->rule;

	if (r->to.len && (print_host(&r->to.addr, out) < 0 || buf_append_byte(out, ':') < 0))
		return -1;
	if (print_ports(&r->ports[f->port], out) < 0)
		return -1;
	if (entry_of(i, r)[0])
		return buf_printf(out, " on %s", r->in);
	return 0;
}

/* name: the container's, NULL for the address itself. */
static int
print_forward(
	const struct import *i, const struct import_forward *f, const char *name, struct buf *out)
{
	const struct import_rule *r = &f->rule;
	const struct import_ports *to = r->target_ports.low ? &r->target_ports : &r->ports[f->port];
	bool begun = false;

	if (buf_printf(out, "forward %s ",
		    r->tcp && r->udp ? "both"
		    : r->tcp         ? "tcp"
				     : "udp") < 0 ||
		print_entry(i, f, out) < 0 || buf_append_str(out, " -> ") < 0 ||
		(name ? buf_append_str(out, name) : print_host(&r->target, out)) < 0 ||
		buf_append_byte(out, ':') < 0 || print_ports(to, out) < 0)
		return -1;
	for (size_t k = 0; k < r->n_from; k++) {
		if (r->from[k].len == 0)
			continue;
		if (buf_append_str(out, begun ? " " : " from ") < 0 ||
			print_prefix(&r->from[k], out) < 0)
			return -1;
		begun = true;
	}
	return buf_append_byte(out, '\n');
}

/* Why there is no forward of this one; NULL: there is. */
static const char *
not_forwarded(const struct import *i, size_t which, uint32_t *ports)
{
	const struct import_forward *f = &i->forwards[which];
	const struct import_rule *r = &f->rule;
	uint32_t n = (uint32_t)(r->ports[f->port].high - r->ports[f->port].low) + 1;

	if (said_before(i, which))
		return "the same ports are forwarded by a rule before";
	n *= (r->tcp ? 1U : 0U) + (r->udp ? 1U : 0U);
	if (*ports + n > CONF_PORTS_MAX)
		return "too many ports are forwarded";
	*ports += n;
	return NULL;
}

static int
print_forwards(struct import *i, struct buf *out)
{
	uint32_t ports = 0;

	for (size_t k = 0; k < i->n_forwards; k++) {
		const struct import_forward *f = &i->forwards[k];
		const char *why = not_forwarded(i, k, &ports), *name;
		bool direct;

		if (why) {
			import_note_unknown(i, why, f->rule.line);
			continue;
		}
		/* A container's block has an IPv4 address; other targets stand for themselves. */
		direct = !inside(i, &f->rule.target) ||
			 (f->rule.target.family == AF_INET6 && !knows_v6(i, &f->rule.target));
		name = direct ? NULL : target_name(i, &f->rule.target);
		if ((!direct && !name) || print_forward(i, f, name, out) < 0)
			return -1;
		if (direct)
			import_note_unknown(i,
				"forwarded; its answers must come by this host, or add: masquerade",
				f->rule.line);
	}
	return 0;
}

static int
print_network(const struct import *i, struct buf *out)
{
	char v4[ADDR_TEXT_MAX], v6[ADDR_TEXT_MAX];

	if (i->wan[0] && buf_printf(out, "wan %s\n", i->wan) < 0)
		return -1;
	/* A bridge has IPv4, and perhaps IPv6 besides. */
	if (!i->net4.addr.family)
		return 0;
	return buf_printf(out, "bridge %s %s%s%s\n", i->bridge[0] ? i->bridge : DEFAULT_BRIDGE,
		prefix_print(&i->net4, v4), i->net6.addr.family ? " " : "",
		i->net6.addr.family ? prefix_print(&i->net6, v6) : "");
}

static int
print_container(const struct import_container *c, struct buf *out)
{
	char text[ADDR_TEXT_MAX];
	/* Our DHCP server knows those alone that the file gives an address. */
	const char *v4 = c->v4.family ? addr_print(&c->v4, text) : c->linked ? "auto" : NULL;
	char text6[ADDR_TEXT_MAX];

	if (buf_printf(out, "container %s {\n", c->name) < 0)
		return -1;
	if (v4 && buf_printf(out, "    address %s", v4) < 0)
		return -1;
	if (v4 && c->v6.family && buf_printf(out, " %s", addr_print(&c->v6, text6)) < 0)
		return -1;
	if (v4 && buf_append_byte(out, '\n') < 0)
		return -1;
	if (buf_append_slice(out, buf_slice(&c->directives)) < 0)
		return -1;
	return buf_append_str(out, "}\n");
}

/* Those whose config gave only the name for an address are printed where a forward needs them. */
static bool
wanted(const struct import *i, const struct import_container *c)
{
	if (c->named)
		return true;
	for (size_t k = 0; k < i->n_forwards; k++)
		if (addr_eq(&i->forwards[k].rule.target, &c->v4) ||
			addr_eq(&i->forwards[k].rule.target, &c->v6))
			return true;
	return false;
}

/* An address outside of the bridge's network would be refused. */
static void
check_addresses(struct import *i, struct import_container *c)
{
	struct addr *addresses[] = {&c->v4, &c->v6};
	char text[ADDR_TEXT_MAX];

	for (size_t k = 0; k < ARRAY_SIZE(addresses); k++) {
		if (!addresses[k]->family || inside(i, addresses[k]))
			continue;
		import_note_unknown(i, "a container's address is not in the bridge's network",
			slice_str(addr_print(addresses[k], text)));
		*addresses[k] = (struct addr){0};
	}
}

static int
print_containers(struct import *i, struct buf *out)
{
	for (size_t k = 0; k < i->n_containers; k++)
		check_addresses(i, &i->containers[k]);
	for (size_t k = 0; k < i->n_containers; k++)
		if (wanted(i, &i->containers[k]) && print_container(&i->containers[k], out) < 0)
			return -1;
	return 0;
}

static int
print_blocks(const struct import *i, struct buf *out)
{
	for (size_t k = 0; k < i->n_blocks; k++)
		if (buf_append_str(out, "block ") < 0 || print_prefix(&i->blocks[k], out) < 0 ||
			buf_append_byte(out, '\n') < 0)
			return -1;
	return 0;
}

static int
print_comments(const struct import *i, struct buf *out)
{
	if (buf_len(&i->done) &&
		(buf_append_str(out, "\n# not needed, sluice does so without being told:\n") < 0 ||
			buf_append_slice(out, buf_slice(&i->done)) < 0))
		return -1;
	if (buf_len(&i->unknown) &&
		(buf_append_str(out, "\n# NOT IMPORTED, look at these yourself:\n") < 0 ||
			buf_append_slice(out, buf_slice(&i->unknown)) < 0))
		return -1;
	return 0;
}

static int
print_all(struct import *i, struct buf *out)
{
	struct buf forwards;
	int rc;

	buf_init(&forwards, IMPORT_OUTPUT_MAX);
	guess_network(i);
	/* Forwards first: they tell which containers there are. */
	rc = print_forwards(i, &forwards);
	if (rc == 0 && (print_network(i, out) < 0 || print_containers(i, out) < 0 ||
			       buf_append_slice(out, buf_slice(&forwards)) < 0 ||
			       print_blocks(i, out) < 0 || print_comments(i, out) < 0))
		rc = -1;
	buf_clear(&forwards);
	return i->failed ? -1 : rc;
}

int
import_print(struct import *i, struct buf *out, struct err *e)
{
	struct buf text;
	int rc;

	buf_init(&text, IMPORT_OUTPUT_MAX);
	if (print_all(i, &text) < 0)
		rc = err_set(e, "there is too much to be imported");
	else
		rc = import_check(buf_slice(&text), out, e);
	buf_clear(&text);
	return rc;
}
