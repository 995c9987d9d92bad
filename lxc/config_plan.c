/* The plan of a container's configuration; see config_plan.h. */
#include "lxc/config_plan.h"

#include "core/addr.h"
#include "lxc/config_edit.h"
#include "lxc/idmap.h"
#include "lxc/text.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define ROWS_MAX 32
#define ROW_VALUE_MAX 320
#define ROW_KEY_MAX 64
#define MOUNT_KEY "lxc.mount.entry"
#define MOUNTS_MAX 256

/* The wanted lines. Lines of one key stand together. */
struct plan {
	struct plan_row {
		char key[ROW_KEY_MAX];
		char value[ROW_VALUE_MAX];
	} rows[ROWS_MAX];
	size_t n;
};

static void want(struct plan *p, const char *key, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void
want(struct plan *p, const char *key, const char *fmt, ...)
{
	struct plan_row *row = &p->rows[p->n++];
	va_list ap;

	assert(p->n <= ROWS_MAX);
	(void)snprintf(row->key, sizeof(row->key), "%s", key);
	va_start(ap, fmt);
	(void)vsnprintf(row->value, sizeof(row->value), fmt, ap);
	va_end(ap);
}

static void
want_address(
	struct plan *p, const char *family, const struct addr *address, const struct prefix *bridge)
{
	char key[ROW_KEY_MAX], text[ADDR_TEXT_MAX];

	if (address->family == 0 || bridge->addr.family == 0)
		return;
	(void)snprintf(key, sizeof(key), "lxc.net.0.%s.address", family);
	want(p, key, "%s/%u", addr_print(address, text), bridge->len);
	(void)snprintf(key, sizeof(key), "lxc.net.0.%s.gateway", family);
	want(p, key, "%s", addr_print(&bridge->addr, text));
}

static void
want_network(struct plan *p, const struct config_wish *w)
{
	/* Without any interface a container of liblxc would share the host's network. */
	if (!w->bridge && w->created)
		want(p, "lxc.net.0.type", "empty");
	if (!w->bridge)
		return;
	want(p, "lxc.net.0.type", "veth");
	want(p, "lxc.net.0.link", "%s", w->bridge->name);
	want(p, "lxc.net.0.flags", "up");
	want(p, "lxc.net.0.hwaddr", "%s", w->mac);
	want_address(p, "ipv4", &w->container->address, &w->bridge->v4);
	want_address(p, "ipv6", &w->container->address6, &w->bridge->v6);
}

static void
want_limits(struct plan *p, const struct config_wish *w, bool v2)
{
	struct limit limits[LIMITS_MAX];
	size_t n = limits_plan(w->container, v2, limits);

	for (size_t i = 0; i < n; i++) {
		char key[ROW_KEY_MAX];

		if (!w->settable[v2][limits[i].kind])
			continue;
		(void)snprintf(key, sizeof(key), "lxc.cgroup%s.%s", v2 ? "2" : "", limits[i].file);
		want(p, key, "%s", limits[i].value);
	}
}

static void
want_all(struct plan *p, const struct config_wish *w)
{
	want_network(p, w);
	if (w->created && w->idmap) {
		want(p, "lxc.idmap", "u 0 %u %u", w->idmap, IDMAP_SIZE);
		want(p, "lxc.idmap", "g 0 %u %u", w->idmap, IDMAP_SIZE);
	}
	/* Without AppArmor in the kernel liblxc refuses to start a container that asks for it. */
	if (w->created && w->apparmor) {
		want(p, "lxc.apparmor.profile", "generated");
		want(p, "lxc.apparmor.allow_nesting", "1");
	}
	want_limits(p, w, false);
	want_limits(p, w, true);
	/* The order of starting is ours; lxc.service must not start it, too. */
	want(p, "lxc.start.auto", "0");
	/* The daemon's own protection from the OOM killer is not for its containers. */
	want(p, "lxc.proc.oom_score_adj", "0");
}

static bool
has_line(struct slice lines, struct slice line)
{
	while (lines.n > 0) {
		size_t n = slice_index(lines, '\n');

		if (slice_eq(slice_head(lines, n), line))
			return true;
		lines = slice_skip(lines, n + 1);
	}
	return false;
}

static bool
is_wanted(const struct plan *p, struct slice key)
{
	for (size_t i = 0; i < p->n; i++) {
		if (slice_eq_str(key, p->rows[i].key))
			return true;
	}
	return false;
}

/* Takes out the keys that were ours and are no longer wanted. */
static int
drop_unwanted(const struct plan *p, struct slice owned, struct buf *text)
{
	while (owned.n > 0) {
		size_t n = slice_index(owned, '\n');
		char key[ROW_KEY_MAX];

		if (n > 0 && n < sizeof(key) && !is_wanted(p, slice_head(owned, n))) {
			memcpy(key, owned.p, n);
			key[n] = '\0';
			if (config_set(text, key, NULL, 0) < 0)
				return -1;
		}
		owned = slice_skip(owned, n + 1);
	}
	return 0;
}

static int
set_wanted(const struct plan *p, struct buf *text, struct buf *ret_owned)
{
	for (size_t i = 0, n; i < p->n; i += n) {
		const char *key = p->rows[i].key;
		struct slice values[ROWS_MAX];

		for (n = 0; i + n < p->n && !strcmp(p->rows[i + n].key, key); n++)
			values[n] = slice_str(p->rows[i + n].value);
		if (config_set(text, key, values, n) < 0 || buf_printf(ret_owned, "%s\n", key) < 0)
			return -1;
	}
	return 0;
}

/* The fields of lxc.mount.entry are those of fstab(5): blanks are written in octal. */
static int
put_escaped(struct buf *out, const char *s)
{
	for (; *s; s++) {
		int ret = *s == ' ' || *s == '\t' || *s == '\\'
				  ? buf_printf(out, "\\%03o", (unsigned)*s)
				  : buf_append_byte(out, *s);

		if (ret < 0)
			return -1;
	}
	return 0;
}

static int
put_mount(struct buf *out, const struct conf_mount *m, bool is_file)
{
	if (put_escaped(out, m->source) < 0 || buf_append_byte(out, ' ') < 0 ||
		put_escaped(out, m->target) < 0)
		return -1;
	return buf_printf(out, " none bind,create=%s%s 0 0", is_file ? "file" : "dir",
		m->writable ? "" : ",ro");
}

static int
set_mounts(const struct config_wish *w, struct buf *text)
{
	const struct conf_container *c = w->container;
	struct slice values[MOUNTS_MAX];
	struct buf lines;
	size_t at = 0;
	int ret = c->n_mounts > MOUNTS_MAX ? -1 : 0;

	buf_init(&lines, CONFIG_TEXT_MAX);
	for (size_t i = 0; ret == 0 && i < c->n_mounts; i++) {
		ret = put_mount(&lines, &c->mounts[i], w->mount_is_file[i]);
		ret |= buf_append_byte(&lines, '\n');
	}
	/* Only now does the buffer's memory stay where it is. */
	for (size_t i = 0; ret == 0 && i < c->n_mounts; i++) {
		struct slice rest = slice_skip(buf_slice(&lines), at);

		values[i] = slice_head(rest, slice_index(rest, '\n'));
		at += values[i].n + 1;
	}
	if (ret == 0)
		ret = config_set_marked(text, MOUNT_KEY, values, c->n_mounts);
	buf_clear(&lines);
	return ret;
}

int
config_plan(const struct config_wish *w, struct slice owned, struct buf *text,
	struct buf *ret_owned, struct err *e)
{
	static const char no_room[] = "the container's configuration is too large";
	struct plan p = {.n = 0};
	struct slice include;

	want_all(&p, w);
	if (drop_unwanted(&p, owned, text) < 0 || set_wanted(&p, text, ret_owned) < 0 ||
		set_mounts(w, text) < 0)
		return err_set(e, "%s", no_room);
	/* The shared settings of the images are for privileged ones; this takes them back. */
	if (w->created && w->idmap && w->userns_include &&
		config_get(buf_slice(text), "lxc.include", &include) &&
		config_add(text, "lxc.include", SLICE_LIT(CONFIG_USERNS)) < 0)
		return err_set(e, "%s", no_room);
	return 0;
}

int
config_plan_fixed(const struct config_wish *w, struct buf *out)
{
	const struct conf_container *c = w->container;
	struct plan p = {.n = 0};
	int ret = 0;

	want_network(&p, w);
	for (size_t i = 0; i < p.n; i++) {
		bool address = strstr(p.rows[i].key, "address") != NULL;

		ret |= buf_printf(out, "%s %s\n", address ? "address" : "bridge", p.rows[i].value);
	}
	for (size_t i = 0; i < c->n_mounts; i++) {
		ret |= buf_append_str(out, "mount ");
		ret |= put_mount(out, &c->mounts[i], false);
		ret |= buf_append_byte(out, '\n');
	}
	return ret | buf_printf(out, "privileged %s\n", c->privileged ? "yes" : "no");
}

/* Adds the first word of each line of a that b does not have. */
static void
add_missing(struct slice a, struct slice b, char *out, size_t size)
{
	while (a.n > 0) {
		struct slice line = slice_head(a, slice_index(a, '\n'));
		char word[ROW_KEY_MAX];

		a = slice_skip(a, line.n + 1);
		(void)text_copy(word, sizeof(word), slice_head(line, slice_index(line, ' ')));
		if (!has_line(b, line) && !strstr(out, word))
			(void)text_add(out, size, "%s%s", out[0] ? ", " : "", word);
	}
}

void
config_plan_changes(struct slice before, struct slice after, char *out, size_t size)
{
	out[0] = '\0';
	add_missing(before, after, out, size);
	add_missing(after, before, out, size);
}

void
config_plan_mac(const char *name, char ret[static JOB_MAC_MAX])
{
	uint32_t hash = 2166136261u; /* FNV-1a: the same on every machine and for ever */

	for (const char *p = name; *p; p++)
		hash = (hash ^ (unsigned char)*p) * 16777619u;
	hash ^= hash >> 24;
	(void)snprintf(ret, JOB_MAC_MAX, "00:16:3e:%02x:%02x:%02x", hash >> 16 & 0xff,
		hash >> 8 & 0xff, hash & 0xff);
}
