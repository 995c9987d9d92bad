/* KEEP, NEW and DROP, by the key of each part. */
#include "conf/diff.h"

#include "core/map.h"
#include "core/own.h"

#include <stdio.h>
#include <stdlib.h>

#define KEY_MAX 4200 /* a folder's path is the longest */

/* A list under construction. */
struct parts {
	struct conf_diff_item *items;
	size_t n;
	struct map *by_key; /* "KIND KEY" -> index + 1, never followed */
	bool failed;
};

static struct slice
part_key(enum conf_diff_kind kind, const char *key, char out[static KEY_MAX])
{
	int n = snprintf(out, KEY_MAX, "%d %s", (int)kind, key);

	return slice_of(out, n < KEY_MAX ? (size_t)n : KEY_MAX - 1);
}

static size_t
find_part(const struct parts *parts, enum conf_diff_kind kind, const char *key)
{
	char text[KEY_MAX];

	return (size_t)(uintptr_t)map_find(parts->by_key, part_key(kind, key, text));
}

static struct conf_diff_item *
grow(struct parts *parts)
{
	if ((parts->n & (parts->n - 1)) == 0) {
		struct conf_diff_item *grown =
			reallocarray(parts->items, parts->n ? parts->n * 2 : 1, sizeof(*grown));

		if (!grown)
			return NULL;
		parts->items = grown;
	}
	return &parts->items[parts->n];
}

/* Adds a part, unless one of the same key is there (two routes to one folder). */
static void
add_part(struct parts *parts, const struct conf_diff_item *part, const char *key)
{
	struct conf_diff_item *item;
	char text[KEY_MAX];

	if (parts->failed || find_part(parts, part->kind, key))
		return;
	item = grow(parts);
	if (!item) {
		parts->failed = true;
		return;
	}
	*item = *part;
	item->key = slice_dup(slice_str(key));
	if (!item->key) {
		parts->failed = true;
		return;
	}
	parts->n++;
	if (map_set(parts->by_key, part_key(part->kind, key, text), (void *)(uintptr_t)parts->n,
		    NULL) < 0)
		parts->failed = true;
}

/* ---- the parts of a configuration ---- */

static void
add_listen(struct parts *parts, const struct conf *c, size_t i)
{
	struct addr both[] = {{.family = AF_INET}, {.family = AF_INET6}};
	const struct conf_listen *l = &c->listens[i];
	const struct addr *addrs = l->addr.family ? &l->addr : both;
	size_t n = l->addr.family ? 1 : ARRAY_SIZE(both);
	char key[ADDR_PORT_TEXT_MAX];

	for (size_t k = 0; k < n; k++) {
		struct conf_diff_item part = {
			.kind = CONF_DIFF_LISTEN,
			.new_index = (uint32_t)i,
			.addr = addrs[k],
		};

		add_part(parts, &part, addr_print_port(&addrs[k], l->port, key));
	}
}

static void
add_roots(struct parts *parts, const struct conf_site *site)
{
	for (size_t i = 0; i < site->n_routes; i++) {
		const struct conf_route *route = &site->routes[i];
		struct conf_diff_item part = {
			.kind = CONF_DIFF_ROOT,
			.new_index = route->ordinal,
		};

		if (route->target.type == CONF_TARGET_DIR)
			add_part(parts, &part, route->target.path);
	}
}

static void
add_forward(struct parts *parts, const struct conf *c, size_t i)
{
	const struct conf_forward *f = &c->forwards[i];
	struct conf_diff_item part = {.kind = CONF_DIFF_FORWARD, .new_index = (uint32_t)i};
	char key[128], listen[ADDR_TEXT_MAX], ports[16];

	if (f->low == f->high)
		(void)snprintf(ports, sizeof(ports), "%u", f->low);
	else
		(void)snprintf(ports, sizeof(ports), "%u-%u", f->low, f->high);
	(void)snprintf(key, sizeof(key), "%s %s%s%s%s%s", conf_proto_name(f->proto),
		f->listen.family ? addr_print(&f->listen, listen) : "", f->listen.family ? " " : "",
		ports, f->interface ? " on " : "", f->interface ? f->interface : "");
	add_part(parts, &part, key);
}

static void
add_certificate(struct parts *parts, const struct conf *c, size_t i)
{
	struct conf_diff_item part = {.kind = CONF_DIFF_CERTIFICATE, .new_index = (uint32_t)i};
	char key[CONF_NAME_MAX + sizeof(" second")];

	(void)snprintf(key, sizeof(key), "%s%s", c->certificates[i].name,
		c->certificates[i].is_second ? " second" : "");
	add_part(parts, &part, key);
}

static void
list_parts(struct parts *parts, const struct conf *c)
{
	*parts = (struct parts){.by_key = map_new()};
	parts->failed = !parts->by_key;
	for (size_t i = 0; i < c->n_listens; i++)
		add_listen(parts, c, i);
	for (size_t i = 0; i < c->n_certificates; i++)
		add_certificate(parts, c, i);
	for (size_t i = 0; i < c->n_sites; i++)
		add_roots(parts, &c->sites[i]);
	for (size_t i = 0; i < c->n_containers; i++) {
		struct conf_diff_item part = {
			.kind = CONF_DIFF_CONTAINER,
			.new_index = (uint32_t)i,
		};

		add_part(parts, &part, c->containers[i].name);
	}
	for (size_t i = 0; i < c->n_forwards; i++)
		add_forward(parts, c, i);
}

static void
clear_parts(struct parts *parts)
{
	for (size_t i = 0; i < parts->n; i++)
		free(parts->items[i].key);
	free(parts->items);
	map_free(&parts->by_key);
}

/* ---- verdicts ---- */

static bool
same_files(const struct conf_certificate *a, const struct conf_certificate *b)
{
	return strcmp(a->chain_file, b->chain_file) == 0 && strcmp(a->key_file, b->key_file) == 0;
}

static bool
part_changed(const struct conf *old, const struct conf *new, const struct conf_diff_item *item)
{
	uint32_t o = item->old_index, n = item->new_index;

	switch (item->kind) {
	case CONF_DIFF_LISTEN:
		return old->listens[o].mode != new->listens[n].mode ||
		       old->listens[o].http2 != new->listens[n].http2;
	case CONF_DIFF_CERTIFICATE:
		return !same_files(&old->certificates[o], &new->certificates[n]);
	case CONF_DIFF_ROOT:
		return false;
	case CONF_DIFF_CONTAINER:
		return !conf_container_equal(&old->containers[o], &new->containers[n]);
	case CONF_DIFF_FORWARD:
		return !conf_forward_equal(&old->forwards[o], &new->forwards[n]);
	}
	return true;
}

/* Gives the new one's parts their verdicts, and appends those of the old one that go. */
static void
judge(struct parts *new_parts, const struct parts *old_parts, const struct conf *old,
	const struct conf *new)
{
	size_t n_new = new_parts->n;

	for (size_t i = 0; i < n_new; i++) {
		struct conf_diff_item *item = &new_parts->items[i];
		size_t found = find_part(old_parts, item->kind, item->key);

		item->verdict = found ? CONF_KEEP : CONF_NEW;
		if (found) {
			item->old_index = old_parts->items[found - 1].new_index;
			item->changed = part_changed(old, new, item);
		}
	}
	for (size_t i = 0; i < old_parts->n; i++) {
		struct conf_diff_item gone = old_parts->items[i];

		gone.verdict = CONF_DROP;
		gone.old_index = gone.new_index;
		gone.new_index = 0;
		/* One that is kept is there by its key already, and is not added again. */
		add_part(new_parts, &gone, old_parts->items[i].key);
	}
}

struct conf_diff *
conf_diff_new(const struct conf *old, const struct conf *new)
{
	static const struct conf nothing;
	const struct conf *before = old ? old : &nothing;
	struct conf_diff *d = calloc(1, sizeof(*d));
	struct parts old_parts, new_parts;
	bool failed;

	list_parts(&old_parts, before);
	list_parts(&new_parts, new);
	if (!old_parts.failed && !new_parts.failed)
		judge(&new_parts, &old_parts, before, new);
	failed = old_parts.failed || new_parts.failed;
	if (d && !failed) {
		d->n = new_parts.n;
		d->items = steal_ptr(&new_parts.items);
		new_parts.n = 0;
	}
	clear_parts(&old_parts);
	clear_parts(&new_parts);
	if (failed)
		conf_diff_free(&d);
	return d;
}

void
conf_diff_free(struct conf_diff **d)
{
	if (!*d)
		return;
	for (size_t i = 0; i < (*d)->n; i++)
		free((*d)->items[i].key);
	free((*d)->items);
	free(*d);
	*d = NULL;
}

size_t
conf_diff_count(const struct conf_diff *d, enum conf_diff_kind kind, enum conf_verdict verdict)
{
	size_t n = 0;

	for (size_t i = 0; i < d->n; i++)
		n += d->items[i].kind == kind && d->items[i].verdict == verdict;
	return n;
}

static size_t
count_changed(const struct conf_diff *d, enum conf_diff_kind kind)
{
	size_t n = 0;

	for (size_t i = 0; i < d->n; i++)
		n += d->items[i].kind == kind && d->items[i].changed;
	return n;
}

/* " N WORD" when there are any. */
static int
print_count(size_t n, const char *word, struct buf *out)
{
	return n ? buf_printf(out, " %zu %s", n, word) : 0;
}

static int
print_kind(const struct conf_diff *d, enum conf_diff_kind kind, const char *name, struct buf *out)
{
	size_t changed = count_changed(d, kind);
	size_t new = conf_diff_count(d, kind, CONF_NEW);
	size_t dropped = conf_diff_count(d, kind, CONF_DROP);

	if (changed + new + dropped == 0)
		return 0;
	if (buf_printf(out, "%s%s", buf_len(out) ? ", " : "", name) < 0 ||
		print_count(new, "new", out) < 0 || print_count(changed, "changed", out) < 0)
		return -1;
	return print_count(dropped, "dropped", out);
}

int
conf_diff_print(const struct conf_diff *d, struct buf *out)
{
	static const char *const names[] = {
		[CONF_DIFF_LISTEN] = "listen",
		[CONF_DIFF_CERTIFICATE] = "certificate",
		[CONF_DIFF_ROOT] = "dir",
		[CONF_DIFF_CONTAINER] = "container",
		[CONF_DIFF_FORWARD] = "forward",
	};

	for (size_t kind = 0; kind < ARRAY_SIZE(names); kind++)
		if (print_kind(d, (enum conf_diff_kind)kind, names[kind], out) < 0)
			return -1;
	return buf_len(out) ? 0 : buf_append_str(out, "nothing");
}
