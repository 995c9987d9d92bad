/* The accessor of cgroup.h. */
#include "lxc/cgroup.h"

#include "core/file.h"
#include "core/own.h"
#include "lxc/text.h"

#include <dirent.h>
#include <string.h>
#include <unistd.h>

static bool
next_line(struct slice *text, struct slice *ret)
{
	size_t n = slice_index(*text, '\n');

	if (text->n == 0)
		return false;
	*ret = slice_head(*text, n);
	*text = slice_skip(*text, n + 1);
	return true;
}

/* Field number n, from 0, of words with one blank between them. */
static struct slice
field(struct slice line, unsigned n)
{
	while (n-- > 0)
		line = slice_skip(line, slice_index(line, ' ') + 1);
	return slice_head(line, slice_index(line, ' '));
}

/* Whether the list "a,b,c" (separated by sep) has the word. */
static bool
has_word(struct slice list, char sep, const char *word)
{
	while (list.n > 0) {
		size_t n = slice_index(list, sep);

		if (slice_eq_str(slice_head(list, n), word))
			return true;
		list = slice_skip(list, n + 1);
	}
	return false;
}

static bool
copy(struct slice s, char *out, size_t size)
{
	return text_copy(out, size, s) == 0;
}

/* mountinfo: id parent major:minor root PATH options optional… - TYPE source SUPEROPTIONS */
static bool
parse_mount(struct slice line, struct cgroup_mount *ret)
{
	struct slice tail = line, type;

	while (tail.n > 0 && !slice_starts(tail, SLICE_LIT(" - ")))
		tail = slice_skip(tail, 1);
	tail = slice_skip(tail, 3);
	type = field(tail, 0);
	ret->v2 = slice_eq_str(type, "cgroup2");
	if (!ret->v2 && !slice_eq_str(type, "cgroup"))
		return false;
	return copy(field(line, 4), ret->path, sizeof(ret->path)) &&
	       copy(field(tail, 2), ret->controllers, sizeof(ret->controllers));
}

static bool
is_known(const struct cgroup_layout *layout, const struct cgroup_mount *m)
{
	for (size_t i = 0; i < layout->n; i++) {
		const struct cgroup_mount *other = &layout->mounts[i];

		if (other->v2 == m->v2 && (m->v2 || !strcmp(other->controllers, m->controllers)))
			return true;
	}
	return false;
}

void
cgroup_layout_parse(struct slice mountinfo, struct cgroup_layout *ret)
{
	struct slice line;

	ret->n = 0;
	while (next_line(&mountinfo, &line) && ret->n < CGROUP_MOUNTS_MAX) {
		if (parse_mount(line, &ret->mounts[ret->n]) && !is_known(ret, &ret->mounts[ret->n]))
			ret->n++;
	}
}

/* Whether a v2 hierarchy offers the controller to its children. */
static bool
v2_offers(const struct cgroup_mount *m, const char *controller)
{
	char path[PATH_MAX + sizeof("/cgroup.controllers")];
	struct buf text;
	struct slice list;
	bool found;

	if (!strcmp(controller, "freezer"))
		return true;
	(void)text_print(path, sizeof(path), "%s/cgroup.controllers", m->path);
	buf_init(&text, CGROUP_VALUE_MAX);
	if (file_read(path, &text, NULL) < 0) {
		buf_clear(&text);
		return false;
	}
	list = buf_slice(&text);
	if (list.n > 0 && list.p[list.n - 1] == '\n')
		list.n--;
	found = has_word(list, ' ', controller);
	buf_clear(&text);
	return found;
}

const struct cgroup_mount *
cgroup_find(const struct cgroup_layout *layout, const char *controller)
{
	for (size_t i = 0; i < layout->n; i++) {
		const struct cgroup_mount *m = &layout->mounts[i];

		if (!m->v2 && has_word(slice_str(m->controllers), ',', controller))
			return m;
	}
	for (size_t i = 0; i < layout->n; i++) {
		if (layout->mounts[i].v2 && v2_offers(&layout->mounts[i], controller))
			return &layout->mounts[i];
	}
	return NULL;
}

/* Whether a line "N:controllers:/path" of /proc/PID/cgroup is about this mount. */
static bool
line_is_of(struct slice line, const struct cgroup_mount *m, struct slice *ret_path)
{
	size_t colon = slice_index(line, ':');
	struct slice rest = slice_skip(line, colon + 1), names, options;
	bool v2 = slice_starts(line, SLICE_LIT("0::"));

	colon = slice_index(rest, ':');
	names = slice_head(rest, colon);
	*ret_path = slice_skip(rest, colon + 1);
	if (m->v2 || v2)
		return m->v2 && v2;
	for (options = slice_str(m->controllers); names.n > 0;) {
		char word[CGROUP_CONTROLLERS_MAX];
		size_t n = slice_index(names, ',');

		if (copy(slice_head(names, n), word, sizeof(word)) && has_word(options, ',', word))
			return true;
		names = slice_skip(names, n + 1);
	}
	return false;
}

/* The path up to the payload's folder; without one, without a last /init.scope. */
static struct slice
cut_path(struct slice path)
{
	static const char scope[] = "/init.scope";

	for (size_t at = 0; at < path.n; at++) {
		struct slice rest = slice_skip(path, at);

		if (slice_starts(rest, SLICE_LIT("/" CGROUP_PAYLOAD)))
			return slice_head(path, at + 1 + slice_index(slice_skip(rest, 1), '/'));
	}
	if (slice_ends(path, SLICE_LIT("/init.scope")))
		return slice_head(path, path.n - (sizeof(scope) - 1));
	return path;
}

int
cgroup_path(const struct cgroup_mount *mount, struct slice proc_cgroup, char ret[static PATH_MAX])
{
	struct slice line, path;

	while (next_line(&proc_cgroup, &line)) {
		if (!line_is_of(line, mount, &path))
			continue;
		path = cut_path(path);
		if (slice_eq_str(path, "/"))
			path.n = 0;
		return text_print(ret, PATH_MAX, "%s%.*s", mount->path, SLICE_ARG(path));
	}
	return -1;
}

struct slice
cgroup_payload_name(struct slice folder)
{
	if (!slice_starts(folder, SLICE_LIT(CGROUP_PAYLOAD)))
		return (struct slice){0};
	return slice_skip(folder, sizeof(CGROUP_PAYLOAD) - 1);
}

static int
file_path(const struct cgroup_layout *layout, struct slice proc_cgroup, const char *controller,
	const char *file, char ret[static PATH_MAX])
{
	const struct cgroup_mount *m = cgroup_find(layout, controller);
	char folder[PATH_MAX];

	if (!m || cgroup_path(m, proc_cgroup, folder) < 0)
		return -1;
	return text_print(ret, PATH_MAX, "%s/%s", folder, file);
}

int
cgroup_read(const struct cgroup_layout *layout, struct slice proc_cgroup, const char *controller,
	const char *file, struct buf *out, struct err *e)
{
	char path[PATH_MAX];

	if (file_path(layout, proc_cgroup, controller, file, path) < 0)
		return err_set(e, "no cgroup with controller %s", controller);
	return file_read(path, out, e);
}

int
cgroup_write(const struct cgroup_layout *layout, struct slice proc_cgroup, const char *controller,
	const char *file, const char *value, struct err *e)
{
	char path[PATH_MAX];

	if (file_path(layout, proc_cgroup, controller, file, path) < 0)
		return err_set(e, "no cgroup with controller %s", controller);
	return file_poke(path, value, e);
}

/* The root of v2 has no limit files of its own: looks into the first child that has the
 * controller at all (shown by `base`). No such child: believed. */
static bool
v2_child_has(const struct cgroup_mount *m, const char *base, const char *file)
{
	DIR *d = opendir(m->path);
	bool seen = false, found = false;

	/* NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is our own. */
	for (struct dirent *entry; d && !seen && (entry = readdir(d));) {
		char path[PATH_MAX + NAME_MAX + 128];

		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		(void)text_print(path, sizeof(path), "%s/%s/%s", m->path, entry->d_name, base);
		if (access(path, F_OK) < 0)
			continue;
		(void)text_print(path, sizeof(path), "%s/%s/%s", m->path, entry->d_name, file);
		seen = true;
		found = access(path, F_OK) == 0;
	}
	if (d)
		closedir(d);
	return !seen || found;
}

bool
cgroup_has(const struct cgroup_layout *layout, const char *controller, const char *file)
{
	const struct cgroup_mount *m = cgroup_find(layout, controller);
	char path[PATH_MAX + 128];

	if (!m)
		return false;
	if (m->v2)
		return v2_child_has(
			m, strcmp(controller, "memory") ? "cpuset.cpus" : "memory.max", file);
	(void)text_print(path, sizeof(path), "%s/%s", m->path, file);
	return access(path, F_OK) == 0;
}
