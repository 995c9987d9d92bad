/*
 * Tables of iptables-legacy: the kernel hands out each as one block of entries, and a chain's
 * policy is the verdict of the entry at its underflow. A table is only asked for when it is loaded:
 * asking would load it.
 */
#include "router/doctor/doctor.h"

#include "core/file.h"
#include "core/own.h"

#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define BLOB_MAX (64U * 1024 * 1024)
#define NAMES_MAX 4096
#define PATH_SIZE 256
#define VERDICT_AT sizeof(struct xt_entry_target)

/* Where things stand in an entry; IPv4's and IPv6's differ in little else. */
struct layout {
	size_t size; /* of the entry, without matches and target */
	size_t addresses;
	size_t in, out, proto, inverted;
	size_t target, next;
	int family, level, info, entries;
	const char *names; /* the file that lists the tables that are loaded */
	const char *word;  /* "ip filter" */
};

static const struct layout layouts[] = {
	{.size = sizeof(struct ipt_entry),
		.addresses = offsetof(struct ipt_ip, iniface),
		.in = offsetof(struct ipt_entry, ip.iniface),
		.out = offsetof(struct ipt_entry, ip.outiface),
		.proto = offsetof(struct ipt_entry, ip.proto),
		.inverted = offsetof(struct ipt_entry, ip.invflags),
		.target = offsetof(struct ipt_entry, target_offset),
		.next = offsetof(struct ipt_entry, next_offset),
		.family = AF_INET,
		.level = IPPROTO_IP,
		.info = IPT_SO_GET_INFO,
		.entries = IPT_SO_GET_ENTRIES,
		.names = "net/ip_tables_names",
		.word = "ip"},
	{.size = sizeof(struct ip6t_entry),
		.addresses = offsetof(struct ip6t_ip6, iniface),
		.in = offsetof(struct ip6t_entry, ipv6.iniface),
		.out = offsetof(struct ip6t_entry, ipv6.outiface),
		.proto = offsetof(struct ip6t_entry, ipv6.proto),
		.inverted = offsetof(struct ip6t_entry, ipv6.invflags),
		.target = offsetof(struct ip6t_entry, target_offset),
		.next = offsetof(struct ip6t_entry, next_offset),
		.family = AF_INET6,
		.level = IPPROTO_IPV6,
		.info = IP6T_SO_GET_INFO,
		.entries = IP6T_SO_GET_ENTRIES,
		.names = "net/ip6_tables_names",
		.word = "ip6"},
};

/* One entry, its borders checked. */
struct entry {
	const uint8_t *p;
	size_t size, target;
};

static uint16_t
u16_at(const uint8_t *p, size_t at)
{
	uint16_t v;

	memcpy(&v, p + at, sizeof(v));
	return v;
}

/* False at the end, or where sizes do not fit. */
static bool
entry_at(const struct doctor_blob *b, const struct layout *l, size_t at, struct entry *ret)
{
	struct entry e = {.p = b->bytes + at};

	if (at > b->size || b->size - at < l->size)
		return false;
	e.size = u16_at(e.p, l->next);
	e.target = u16_at(e.p, l->target);
	if (e.size < l->size || e.size > b->size - at || e.target < l->size || e.target > e.size ||
		e.size - e.target < VERDICT_AT)
		return false;
	*ret = e;
	return true;
}

static bool
target_is(const struct entry *e, const char *name)
{
	const uint8_t *at = e->p + e->target + offsetof(struct xt_entry_target, u.user.name);
	size_t n = strlen(name);

	return memcmp(at, name, n + 1) == 0;
}

/* The verdict of a standard target: negative, minus one, is final. */
static bool
standard_verdict(const struct entry *e, int *ret)
{
	if (!target_is(e, XT_STANDARD_TARGET) || e->size - e->target < VERDICT_AT + sizeof(*ret))
		return false;
	memcpy(ret, e->p + e->target + VERDICT_AT, sizeof(*ret));
	return true;
}

static bool
is_zero(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i])
			return false;
	return true;
}

static bool
interface_is(const uint8_t *at, const char *bridge)
{
	return memcmp(at, bridge, strlen(bridge) + 1) == 0;
}

/* Going through the entries: in which chain they stand. */
struct walk {
	const struct doctor_blob *blob;
	const struct layout *layout;
	char chain[XT_FUNCTION_MAXNAMELEN + 1];
};

static const char *const hook_chains[DOCTOR_HOOK_COUNT] = {
	"PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"};

static bool
drops_all(const struct entry *e)
{
	int verdict;

	return target_is(e, "REJECT") || (standard_verdict(e, &verdict) && verdict == -NF_DROP - 1);
}

/* A rule for everything, in a chain of these hooks, is as good as a policy. */
static void
note_last_rule(const struct walk *w, struct doctor_table *t)
{
	static const enum doctor_hook hooks[] = {DOCTOR_INPUT, DOCTOR_FORWARD};

	for (size_t i = 0; i < ARRAY_SIZE(hooks); i++) {
		if (strcmp(w->chain, hook_chains[hooks[i]]) != 0)
			continue;
		t->drops[hooks[i]] = true;
		(void)snprintf(t->chains[hooks[i]], DOCTOR_NAME_MAX, "%s", w->chain);
	}
}

/* A rule that accepts, and asks for the bridge. */
static void
see_rule(const struct walk *w, const struct entry *e, struct doctor_table *t)
{
	const struct doctor_blob *b = w->blob;
	const struct layout *l = w->layout;
	struct doctor_place place = doctor_place_of(t, w->chain);
	bool in = interface_is(e->p + l->in, b->bridge);
	bool out = interface_is(e->p + l->out, b->bridge);
	bool plain = e->target == l->size && is_zero(e->p, l->addresses) &&
		     u16_at(e->p, l->proto) == 0 && e->p[l->inverted] == 0;
	int verdict;

	if (plain && !e->p[l->in] && !e->p[l->out] && drops_all(e))
		note_last_rule(w, t);
	if (!standard_verdict(e, &verdict) || verdict != -NF_ACCEPT - 1)
		return;
	t->accepts_some_in = t->accepts_some_in || (place.input && in);
	t->accepts_in = t->accepts_in || (place.forward && in && !e->p[l->out] && plain);
	t->accepts_out = t->accepts_out || (place.forward && out && !e->p[l->in] && plain);
}

/* A hook's chain begins where its entry is. */
static void
see_hook(struct walk *w, size_t at)
{
	for (size_t hook = 0; hook < DOCTOR_HOOK_COUNT; hook++)
		if (w->blob->valid_hooks & 1U << hook && w->blob->entry[hook] == at)
			(void)snprintf(w->chain, sizeof(w->chain), "%s", hook_chains[hook]);
}

/* The entry that begins a chain of a user's own has its name. */
static void
see_chain(struct walk *w, const struct entry *e, struct doctor_table *t)
{
	char *name = w->chain;
	size_t left = e->size - e->target - VERDICT_AT;

	if (!target_is(e, XT_ERROR_TARGET))
		return;
	memset(w->chain, 0, sizeof(w->chain));
	memcpy(name, e->p + e->target + VERDICT_AT,
		left < XT_FUNCTION_MAXNAMELEN ? left : XT_FUNCTION_MAXNAMELEN);
	if (strcmp(name, "DOCKER-USER") == 0)
		t->keeper = DOCTOR_DOCKER;
	else if (strncmp(name, "ufw", 3) == 0 && t->keeper == DOCTOR_ANYONE)
		t->keeper = DOCTOR_UFW;
}

void
doctor_parse_legacy(const struct doctor_blob *b, struct doctor_table *ret)
{
	const struct layout *l = &layouts[b->v6];
	struct walk w = {.blob = b, .layout = l};
	struct entry e;
	int verdict;

	for (size_t hook = 0; hook < DOCTOR_HOOK_COUNT; hook++) {
		if (!(b->valid_hooks & 1U << hook) || !entry_at(b, l, b->underflow[hook], &e) ||
			!standard_verdict(&e, &verdict) || verdict != -NF_DROP - 1)
			continue;
		ret->drops[hook] = true;
		(void)snprintf(ret->chains[hook], DOCTOR_NAME_MAX, "%s", hook_chains[hook]);
	}
	for (size_t at = 0; entry_at(b, l, at, &e); at += e.size) {
		see_hook(&w, at);
		see_chain(&w, &e, ret);
		if (b->bridge)
			see_rule(&w, &e, ret);
	}
}

/* Both families' structures are the same here, but for their names. */
static void
read_table(int fd, const struct layout *l, struct slice name, struct doctor_facts *f)
{
	_free_ struct ipt_get_entries *entries = NULL;
	struct ipt_getinfo info = {0};
	socklen_t size = sizeof(info);
	struct doctor_blob blob;
	struct doctor_table *t;

	if (name.n == 0 || name.n >= sizeof(info.name) || f->n_tables == DOCTOR_TABLES_MAX)
		return;
	memcpy(info.name, name.p, name.n);
	if (getsockopt(fd, l->level, l->info, &info, &size) < 0 || info.size > BLOB_MAX)
		return;
	size = (socklen_t)(sizeof(*entries) + info.size);
	entries = calloc(1, size);
	if (!entries)
		return;
	memcpy(entries->name, info.name, sizeof(entries->name));
	entries->size = info.size;
	if (getsockopt(fd, l->level, l->entries, entries, &size) < 0)
		return;
	t = &f->tables[f->n_tables++];
	*t = (struct doctor_table){.legacy = true, .v6 = l->family == AF_INET6};
	t->v4 = !t->v6;
	(void)snprintf(t->name, sizeof(t->name), "%s %.31s", l->word, info.name);
	blob = (struct doctor_blob){.bytes = (const uint8_t *)entries->entrytable,
		.size = info.size,
		.v6 = t->v6,
		.valid_hooks = info.valid_hooks,
		.bridge = f->conf->bridge ? f->conf->bridge->name : NULL};
	memcpy(blob.entry, info.hook_entry, sizeof(blob.entry));
	memcpy(blob.underflow, info.underflow, sizeof(blob.underflow));
	doctor_parse_legacy(&blob, t);
}

void
doctor_read_legacy(const char *proc, struct doctor_facts *facts)
{
	for (size_t i = 0; i < ARRAY_SIZE(layouts); i++) {
		const struct layout *l = &layouts[i];
		_fd_ int fd = -1;
		char path[PATH_SIZE];
		struct buf names;
		struct slice rest;

		(void)snprintf(path, sizeof(path), "%s/%s", proc, l->names);
		buf_init(&names, NAMES_MAX);
		/* A kernel without them has no such file. */
		if (file_read(path, &names, NULL) == 0 && buf_len(&names))
			fd = socket(l->family, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
		rest = buf_slice(&names);
		while (fd >= 0 && rest.n) {
			struct slice line = slice_head(rest, slice_index(rest, '\n'));

			rest = slice_skip(rest, line.n + 1);
			read_table(fd, l, line, facts);
		}
		buf_clear(&names);
	}
}
