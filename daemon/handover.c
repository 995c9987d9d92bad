/* The parent's facts as JSON, and from JSON again. */
#include "daemon/handover.h"

#include "core/memfd.h"
#include "core/own.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- writing --------------------------------------------------------------------------------- */

static json_t *
number(uint64_t n)
{
	return json_integer((json_int_t)n);
}

/* Members that hold descriptors are named so: "…_fd", and "fds" for a list. */
static void
put_fd(json_t *o, const char *key, int fd)
{
	if (fd >= 0)
		json_object_set_new(o, key, json_integer(fd));
}

static json_t *
listener_json(const struct listening *l)
{
	char text[ADDR_TEXT_MAX];
	json_t *fds = json_array();

	for (uint32_t i = 0; i < l->n_fds; i++)
		json_array_append_new(fds, json_integer(l->fds[i]));
	return json_pack("{s:s, s:i, s:o}", "address", addr_print(&l->addr, text), "port", l->port,
		"fds", fds);
}

/* Everything that was read from files, so that the next program serves exactly that. */
static json_t *
files_json(const struct edition *g)
{
	json_t *files = json_array();

	for (size_t i = 0; i < g->n_files; i++)
		json_array_append_new(files, json_pack("{s:s, s:i}", "path", g->files[i].path,
						     "sealed_fd", g->files[i].fd));
	return files;
}

static json_t *
root_json(const struct root *r)
{
	return json_pack("{s:s, s:s, s:b, s:b, s:o, s:o}", "source", r->source, "path", r->path,
		"mounted", r->mounted, "writable", r->writable, "device", number(r->device),
		"inode", number(r->inode));
}

static void
put_edition(json_t *h, const struct edition *g)
{
	json_t *listeners = json_array(), *roots = json_array();

	for (size_t i = 0; i < g->listeners.n; i++)
		json_array_append_new(listeners, listener_json(g->listeners.items[i]));
	for (size_t i = 0; i < g->roots.n; i++)
		json_array_append_new(roots, root_json(g->roots.items[i].root));
	json_object_set_new(h, "generation", number(g->number));
	json_object_set_new(h, "listeners", listeners);
	json_object_set_new(h, "roots", roots);
	json_object_set_new(h, "files", files_json(g));
	put_fd(h, "text_fd", g->text_fd);
}

static json_t *
child_json(const struct child *c)
{
	json_t *o = json_pack("{s:s, s:o, s:o, s:o}", "role", role_name(c->role), "pid",
		number((uint64_t)c->proc.pid), "restarts", number(c->restarts), "started",
		number(c->started_ms));

	put_fd(o, "pid_fd", c->proc.pidfd);
	put_fd(o, "channel_fd", c->chan ? chan_fd(c->chan) : -1);
	return o;
}

static json_t *
counters_json(const struct parent *p)
{
	json_t *o = json_object();

	for (unsigned i = 0; i < STAT_COUNT; i++)
		if (stats_role((enum stat_id)i) == ROLE_PARENT)
			json_object_set_new(o, stats_name((enum stat_id)i),
				number(atomic_load(&p->stats.value[i])));
	return o;
}

json_t *
handover_new(const struct parent *p)
{
	json_t *h = json_object(), *children = json_array();

	if (!h)
		return NULL;
	put_edition(h, p->current);
	json_object_set_new(h, "version", json_string(SLUICE_VERSION));
	json_object_set_new(h, "last_generation", number(p->last_number));
	json_object_set_new(h, "upgrades", number(p->children[ROLE_PARENT].restarts));
	json_object_set_new(h, "group", number((uint64_t)p->control_gid));
	put_fd(h, "lock_fd", p->lock_fd);
	put_fd(h, "table_fd", p->table_fd);
	put_fd(h, "http_fd", p->http_fd);
	put_fd(h, "exec_fd", p->exec_fd);
	put_fd(h, "binary_fd", p->binary_fd);
	for (enum role role = ROLE_PROXY; role <= ROLE_CONTROL; role++)
		if (p->children[role].state == CHILD_UP)
			json_array_append_new(children, child_json(&p->children[role]));
	json_object_set_new(h, "children", children);
	json_object_set_new(h, "dnsmasq", dnsmasq_handover(p->dnsmasq));
	json_object_set_new(h, "counters", counters_json(p));
	return h;
}

static bool
is_fd_key(const char *key)
{
	size_t n = strlen(key);

	return n > 3 && strcmp(key + n - 3, "_fd") == 0;
}

static int
collect(const json_t *value, bool is_fd, int *ret, size_t max, size_t *n)
{
	const char *key;
	json_t *member;
	size_t i;

	if (json_is_integer(value) && is_fd) {
		if (*n == max)
			return -1;
		ret[(*n)++] = (int)json_integer_value(value);
	}
	json_array_foreach(value, i, member)
	{
		if (collect(member, is_fd, ret, max, n) < 0)
			return -1;
	}
	json_object_foreach((json_t *)(uintptr_t)value, key, member)
	{
		if (collect(member, is_fd_key(key) || strcmp(key, "fds") == 0, ret, max, n) < 0)
			return -1;
	}
	return 0;
}

int
handover_fds(const json_t *h, int *ret, size_t max, size_t *ret_n)
{
	*ret_n = 0;
	return collect(h, false, ret, max, ret_n);
}

void
handover_keep(const json_t *h, bool keep)
{
	_free_ int *fds = calloc(HANDOVER_FDS_MAX, sizeof(*fds));
	size_t n = 0;

	if (!fds || handover_fds(h, fds, HANDOVER_FDS_MAX, &n) < 0)
		return;
	for (size_t i = 0; i < n; i++)
		(void)fcntl(fds[i], F_SETFD, keep ? 0 : FD_CLOEXEC);
}

int
handover_seal(const json_t *h, struct err *e)
{
	_free_ char *text = json_dumps(h, JSON_COMPACT);

	return text ? memfd_new("handover", slice_str(text), e) : err_set(e, "out of memory");
}

/* --- reading --------------------------------------------------------------------------------- */

json_t *
handover_read(int fd, struct err *e)
{
	struct memfd_map map;
	json_t *h;

	if (memfd_map(fd, HANDOVER_MAX, &map, e) < 0)
		return NULL;
	h = json_loadb(map.bytes.p, map.bytes.n, 0, NULL);
	memfd_unmap(&map);
	if (json_is_object(h))
		return h;
	json_decref(h);
	err_set(e, "what was handed over is no JSON object");
	return NULL;
}

uint64_t
handover_number(const json_t *o, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(o, key));

	return n > 0 ? (uint64_t)n : 0;
}

static int
open_fd(const json_t *value)
{
	json_int_t fd = json_is_integer(value) ? json_integer_value(value) : -1;

	return fd > STDERR_FILENO && fd <= INT_MAX && fcntl((int)fd, F_SETFD, FD_CLOEXEC) == 0
		       ? (int)fd
		       : -1;
}

int
handover_fd(const json_t *o, const char *key)
{
	return open_fd(json_object_get(o, key));
}

static const char *
text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

const json_t *
handover_child(const json_t *h, enum role role)
{
	const json_t *children = json_object_get(h, "children");

	for (size_t i = 0; i < json_array_size(children); i++) {
		const json_t *c = json_array_get(children, i);

		if (strcmp(text_of(c, "role"), role_name(role)) == 0)
			return c;
	}
	return NULL;
}

static int
restore_listener(struct listening_set *set, const json_t *o)
{
	const json_t *fds = json_object_get(o, "fds");
	struct listening *l = calloc(1, sizeof(*l));

	if (!l)
		return -1;
	l->refs = 1;
	l->port = (uint16_t)handover_number(o, "port");
	l->fds = calloc(json_array_size(fds) + 1, sizeof(int));
	set->items[set->n++] = l;
	if (!l->fds || addr_parse(slice_str(text_of(o, "address")), &l->addr) < 0)
		return -1;
	for (size_t i = 0; i < json_array_size(fds); i++) {
		l->fds[l->n_fds++] = open_fd(json_array_get(fds, i));
		if (l->fds[i] < 0)
			return -1;
	}
	return 0;
}

static int
restore_root(struct root_set *set, const json_t *o, bool borrow)
{
	struct root *r = calloc(1, sizeof(*r));

	if (!r)
		return -1;
	r->refs = 1;
	r->source = strdup(text_of(o, "source"));
	r->path = strdup(text_of(o, "path"));
	r->mounted = json_is_true(json_object_get(o, "mounted")) && !borrow;
	r->writable = json_is_true(json_object_get(o, "writable"));
	r->device = (dev_t)handover_number(o, "device");
	r->inode = (ino_t)handover_number(o, "inode");
	set->items[set->n++].root = r;
	return r->source && r->path ? 0 : -1;
}

static int
restore_file(struct edition *g, const json_t *o)
{
	struct edition_file *f = &g->files[g->n_files++];

	f->path = strdup(text_of(o, "path"));
	f->fd = handover_fd(o, "sealed_fd");
	return f->path && f->fd >= 0 ? 0 : -1;
}

/* An edition of which there are only the things that the next one may share. */
static int
restore_things(struct edition *g, const json_t *h, bool borrow)
{
	const json_t *listeners = json_object_get(h, "listeners");
	const json_t *roots = json_object_get(h, "roots"), *files = json_object_get(h, "files");
	size_t n_listeners = json_array_size(listeners), n_roots = json_array_size(roots);
	size_t n_files = json_array_size(files);

	g->listeners.items = calloc(n_listeners + 1, sizeof(struct listening *));
	g->roots.items = calloc(n_roots + 1, sizeof(struct root_use));
	g->files = calloc(n_files + 1, sizeof(struct edition_file));
	if (!g->listeners.items || !g->roots.items || !g->files)
		return -1;
	for (size_t i = 0; i < n_listeners; i++)
		if (restore_listener(&g->listeners, json_array_get(listeners, i)) < 0)
			return -1;
	for (size_t i = 0; i < n_roots; i++)
		if (restore_root(&g->roots, json_array_get(roots, i), borrow) < 0)
			return -1;
	for (size_t i = 0; i < n_files; i++)
		if (restore_file(g, json_array_get(files, i)) < 0)
			return -1;
	return 0;
}

static int
restore_edition(struct parent *p, const json_t *h, bool borrow, struct err *e)
{
	struct edition *before = edition_new_empty();

	p->upgrade.before = before;
	if (!before)
		return err_set(e, "out of memory");
	before->is_handed = true;
	before->text_fd = handover_fd(h, "text_fd");
	if (restore_things(before, h, borrow) < 0)
		return err_set(e, "what was handed over is not complete");
	p->next = edition_from_text(before->text_fd, handover_number(h, "generation"), e);
	if (!p->next || parent_settle_paths(p, p->next->conf, e) < 0)
		return -1;
	return edition_prepare(p->next, before, p->roots_folder, e);
}

static void
restore_counters(struct parent *p, const json_t *h)
{
	const json_t *counters = json_object_get(h, "counters");

	for (unsigned i = 0; i < STAT_COUNT; i++)
		if (stats_role((enum stat_id)i) == ROLE_PARENT)
			atomic_store(&p->stats.value[i],
				handover_number(counters, stats_name((enum stat_id)i)));
}

int
handover_restore(struct parent *p, const json_t *h, bool borrow, struct err *e)
{
	p->lock_fd = handover_fd(h, "lock_fd");
	p->table_fd = handover_fd(h, "table_fd");
	p->http_fd = handover_fd(h, "http_fd");
	p->exec_fd = handover_fd(h, "exec_fd");
	p->control_gid = (gid_t)handover_number(h, "group");
	p->last_number = handover_number(h, "last_generation");
	p->children[ROLE_PARENT].restarts = (uint32_t)handover_number(h, "upgrades");
	restore_counters(p, h);
	if (p->lock_fd < 0 || p->http_fd < 0 || p->exec_fd < 0)
		return err_set(e, "what was handed over is not complete");
	return restore_edition(p, h, borrow, e);
}
