/*
 * Kernel parameters. What writing the global ones does beside: net.ipv4.ip_forward and
 * net.ipv6.conf.all.forwarding set the same parameter of every interface. For IPv6 that makes
 * each interface a router's, which ignores router advertisements; so every one but the outside
 * and the bridge gets its old value back, and the outside, if it took advertisements, is told to
 * take them all the same (accept_ra=2) before forwarding turns on. (An interface's own IPv6
 * parameter does not suffice: the kernel's ip6_forward asks for the global one.)
 */
#include "router/sysctl.h"

#include "core/file.h"
#include "core/log.h"
#include "core/own.h"

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_SIZE 512

struct collecting {
	const struct sysctl_input *in;
	struct sysctl_list *list;
};

void
sysctl_list_clear(struct sysctl_list *list)
{
	free(list->v);
	*list = (struct sysctl_list){0};
}

/* Reads a value without its line end; false when there is no such parameter. */
static bool
read_value(const char *root, const char *name, char ret[static SYSCTL_VALUE_MAX])
{
	char path[PATH_SIZE];
	struct buf b;
	struct slice value;

	if (snprintf(path, sizeof(path), "%s/%s", root, name) >= (int)sizeof(path))
		return false;
	buf_init(&b, SYSCTL_VALUE_MAX - 1);
	if (file_read(path, &b, NULL) < 0) {
		buf_clear(&b);
		return false;
	}
	value = slice_head(buf_slice(&b), slice_index(buf_slice(&b), '\n'));
	memcpy(ret, value.p, value.n);
	ret[value.n] = '\0';
	buf_clear(&b);
	return true;
}

static int
append(struct sysctl_list *list, const struct sysctl_change *change, struct err *e)
{
	if (list->n == list->cap) {
		size_t cap = list->cap ? list->cap * 2 : 16;
		struct sysctl_change *v;

		if (cap > SYSCTL_CHANGES_MAX)
			return err_set(
				e, "more than %d kernel parameters to change", SYSCTL_CHANGES_MAX);
		v = realloc(list->v, cap * sizeof(*v));
		if (!v)
			return err_set(e, "out of memory");
		list->v = v;
		list->cap = cap;
	}
	list->v[list->n++] = *change;
	return 0;
}

/* Wants a value of a parameter whose old value is this. */
static int
want(struct collecting *c, const struct sysctl_change *change, struct err *e)
{
	return append(c->list, change, e);
}

static void
name_of(char ret[static SYSCTL_NAME_MAX], const char *family, const char *iface, const char *what)
{
	(void)snprintf(ret, SYSCTL_NAME_MAX, "net/%s/conf/%s/%s", family, iface, what);
}

/* The parameter of one interface shall have this value; nothing when it has. */
static int
want_iface(struct collecting *c, const char *family, const char *iface, const char *what,
	const char *value, struct err *e)
{
	struct sysctl_change change = {.record = true};
	bool bridge = c->in->bridge && strcmp(iface, c->in->bridge) == 0;

	name_of(change.name, family, iface, what);
	(void)snprintf(change.want, sizeof(change.want), "%s", value);
	/* The bridge may not exist yet; then it is ours. */
	if (!read_value(c->in->root, change.name, change.old) && !bridge)
		return 0;
	if (strcmp(change.old, change.want) == 0)
		return 0;
	if (bridge && (c->in->bridge_ours || !change.old[0]))
		change.record = false;
	return want(c, &change, e);
}

static bool
is_wan(const struct sysctl_input *in, const char *iface)
{
	for (size_t i = 0; i < in->wans.n; i++)
		if (strcmp(in->wans.names[i], iface) == 0)
			return true;
	return false;
}

/* Calls visit for every interface (and "default") that has parameters of the family. */
static int
each_iface(struct collecting *c, const char *family,
	int (*visit)(struct collecting *c, const char *iface, struct err *e), struct err *e)
{
	char path[PATH_SIZE];
	struct dirent *entry;
	DIR *folder;
	int ret = 0;

	(void)snprintf(path, sizeof(path), "%s/net/%s/conf", c->in->root, family);
	folder = opendir(path);
	if (!folder)
		return err_errno(e, errno, "%s", path);
	while (ret == 0 && (entry = readdir(folder)) != NULL) /* NOLINT(concurrency-mt-unsafe) */
		if (entry->d_name[0] != '.' && strcmp(entry->d_name, "all") != 0)
			ret = visit(c, entry->d_name, e);
	(void)closedir(folder);
	return ret;
}

/* Undoing the global parameter clears every interface's: what was 1 before must be recorded. */
static int
keep_if_set(struct collecting *c, const char *family, const char *iface, struct err *e)
{
	struct sysctl_change change = {.record = true};

	name_of(change.name, family, iface, "forwarding");
	if (!read_value(c->in->root, change.name, change.old) || strcmp(change.old, "1") != 0)
		return 0;
	memcpy(change.want, change.old, sizeof(change.want));
	return want(c, &change, e);
}

static int
visit_keep_v4(struct collecting *c, const char *iface, struct err *e)
{
	return keep_if_set(c, "ipv4", iface, e);
}

static int
visit_keep_v6(struct collecting *c, const char *iface, struct err *e)
{
	return keep_if_set(c, "ipv6", iface, e);
}

/* After the global IPv6 parameter was written: this interface stays what it was. */
static int
visit_back_v6(struct collecting *c, const char *iface, struct err *e)
{
	struct sysctl_change change = {.record = false};

	if (is_wan(c->in, iface) || (c->in->bridge && strcmp(iface, c->in->bridge) == 0))
		return 0;
	name_of(change.name, "ipv6", iface, "forwarding");
	if (!read_value(c->in->root, change.name, change.old))
		return 0;
	memcpy(change.want, change.old, sizeof(change.want));
	return want(c, &change, e);
}

static int
want_wans(struct collecting *c, const char *family, struct err *e)
{
	for (size_t i = 0; i < c->in->wans.n; i++)
		if (want_iface(c, family, c->in->wans.names[i], "forwarding", "1", e) < 0)
			return -1;
	if (c->in->bridge)
		return want_iface(c, family, c->in->bridge, "forwarding", "1", e);
	return 0;
}

static int
collect_v4(struct collecting *c, struct err *e)
{
	struct sysctl_change change = {.name = "net/ipv4/ip_forward", .want = "1", .record = true};

	if (!read_value(c->in->root, change.name, change.old))
		return err_set(e, "%s/%s cannot be read", c->in->root, change.name);
	if (strcmp(change.old, "0") != 0)
		return want_wans(c, "ipv4", e);
	if (c->in->upkeep) {
		c->list->off = true;
		return 0;
	}
	if (each_iface(c, "ipv4", visit_keep_v4, e) < 0)
		return -1;
	return want(c, &change, e);
}

/* An outside interface that takes router advertisements goes on doing so. */
static int
collect_accept_ra(struct collecting *c, struct err *e)
{
	for (size_t i = 0; i < c->in->wans.n; i++) {
		char name[SYSCTL_NAME_MAX], value[SYSCTL_VALUE_MAX];

		name_of(name, "ipv6", c->in->wans.names[i], "forwarding");
		if (!read_value(c->in->root, name, value) || strcmp(value, "0") != 0)
			continue;
		name_of(name, "ipv6", c->in->wans.names[i], "accept_ra");
		if (!read_value(c->in->root, name, value) || strcmp(value, "1") != 0)
			continue;
		if (want_iface(c, "ipv6", c->in->wans.names[i], "accept_ra", "2", e) < 0)
			return -1;
	}
	return 0;
}

static int
collect_v6(struct collecting *c, struct err *e)
{
	struct sysctl_change change = {
		.name = "net/ipv6/conf/all/forwarding", .want = "1", .record = true};

	/* A container must not become the host's router. */
	if (c->in->bridge && want_iface(c, "ipv6", c->in->bridge, "accept_ra", "0", e) < 0)
		return -1;
	if (!c->in->v6)
		return 0;
	if (!read_value(c->in->root, change.name, change.old))
		return err_set(e, "the file wants IPv6, but this host has it switched off");
	if (strcmp(change.old, "0") == 0 && c->in->upkeep) {
		c->list->off = true;
		return 0;
	}
	if (collect_accept_ra(c, e) < 0)
		return -1;
	if (strcmp(change.old, "0") != 0)
		return want_wans(c, "ipv6", e);
	if (each_iface(c, "ipv6", visit_keep_v6, e) < 0 || want(c, &change, e) < 0 ||
		each_iface(c, "ipv6", visit_back_v6, e) < 0)
		return -1;
	/* A bridge that is made later takes the default's value, not the global one's. */
	if (c->in->bridge)
		return want_iface(c, "ipv6", c->in->bridge, "forwarding", "1", e);
	return 0;
}

/* What the host sends to 127.0.0.1 leaves by the bridge, when that is forwarded. The rules drop
 * what comes to or from loopback's addresses by any interface but lo. */
static int
collect_localnet(struct collecting *c, struct err *e)
{
	if (!c->in->localnet || !c->in->bridge)
		return 0;
	return want_iface(c, "ipv4", c->in->bridge, "route_localnet", "1", e);
}

int
sysctl_collect(const struct sysctl_input *in, struct sysctl_list *ret, struct err *e)
{
	struct sysctl_list list = {0};
	struct collecting c = {.in = in, .list = &list};

	if (collect_v4(&c, e) < 0 || collect_v6(&c, e) < 0 || collect_localnet(&c, e) < 0) {
		sysctl_list_clear(&list);
		return -1;
	}
	*ret = list;
	return 0;
}

static int
write_one(const char *root, const struct sysctl_change *change, struct err *e)
{
	char path[PATH_SIZE], now[SYSCTL_VALUE_MAX];

	/* Looked at again: an entry before it may have changed it, and its interface may have
	 * come or gone since. */
	if (!read_value(root, change->name, now) || strcmp(now, change->want) == 0)
		return 0;
	(void)snprintf(path, sizeof(path), "%s/%s", root, change->name);
	if (file_poke(path, change->want, e) < 0) {
		if (access(path, F_OK) < 0)
			return 0;
		return -1;
	}
	log_info("kernel parameter set", kv_s("name", change->name), kv_s("old", now),
		kv_s("new", change->want));
	return 0;
}

int
sysctl_write(const char *root, const struct sysctl_list *list, struct err *e)
{
	for (size_t i = 0; i < list->n; i++)
		if (write_one(root, &list->v[i], e) < 0)
			return -1;
	return 0;
}

int
sysctl_restore(const char *root, struct slice name, struct slice value, struct err *e)
{
	struct sysctl_change change = {0};
	_free_ char *copy = slice_dup(name);

	if (!copy)
		return err_set(e, "out of memory");
	if (!slice_starts(name, SLICE_LIT("net/")) || strlen(copy) != name.n ||
		strstr(copy, "..") || name.n >= sizeof(change.name) ||
		value.n >= sizeof(change.want))
		return err_set(e, "record of a kernel parameter that is none of ours: \"%.*s\"",
			SLICE_ARG(name));
	memcpy(change.name, name.p, name.n);
	memcpy(change.want, value.p, value.n);
	return write_one(root, &change, e);
}
