/*
 * Reads the configuration file and its includes. A name in `include` is relative to the folder of
 * the file that says it; wildcards match in name order. Only regular files are read, each at most
 * CONF_TEXT_MAX bytes and all together too, and no file may include itself, however long the way.
 */
#include "daemon/load.h"

#include "core/file.h"
#include "core/own.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SERVICE_TEXT_MAX 1024 /* one line of services(5) */

static void
text_clear(struct load_text *t)
{
	free(t->name);
	free(t->parent);
	free(t->bytes);
	*t = (struct load_text){0};
}

void
load_clear(struct load *l)
{
	conf_unref(&l->conf);
	conf_places_free(&l->places);
	for (size_t i = 0; i < l->n_texts; i++)
		text_clear(&l->texts[i]);
	free(l->texts);
	*l = (struct load){0};
}

void
load_add_error(struct conf_errors *errs, const struct err *e)
{
	if (errs->n == CONF_ERRORS_MAX) {
		errs->too_many = true;
		return;
	}
	errs->errors[errs->n++] = *e;
}

/* Opens a regular file without ever waiting for a writer of a FIFO. */
static int
open_regular(const char *path, struct stat *ret_st, struct err *e)
{
	_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return err_errno(e, errno, "cannot open %s", path);
	if (fstat(fd, ret_st) < 0)
		return err_errno(e, errno, "cannot read %s", path);
	if (!S_ISREG(ret_st->st_mode))
		return err_set(e, "%s is not a regular file", path);
	return steal_fd(&fd);
}

static int
read_all(int fd, const char *path, size_t room, struct load_text *t, struct err *e)
{
	struct buf b;

	buf_init(&b, room + 1);
	if (file_read_fd(fd, path, &b, e) < 0) {
		buf_clear(&b);
		return -1;
	}
	if (buf_len(&b) > room) {
		buf_clear(&b);
		return err_set(e, "%s is too large: all files together may have %zu bytes", path,
			(size_t)CONF_TEXT_MAX);
	}
	t->size = buf_len(&b);
	t->bytes = slice_dup(buf_slice(&b));
	buf_clear(&b);
	return t->bytes ? 0 : err_set(e, "out of memory");
}

static const struct load_text *
find_text(const struct load *l, const char *name)
{
	/* The last one read under this name is the one being parsed now. */
	for (size_t i = l->n_texts; i > 0; i--)
		if (strcmp(l->texts[i - 1].name, name) == 0)
			return &l->texts[i - 1];
	return NULL;
}

/* Says whether the file t is among those that led to an include in `from`. */
static int
check_loop(const struct load *l, const char *from, const struct load_text *t, struct err *e)
{
	const struct load_text *up = from ? find_text(l, from) : NULL;

	for (; up; up = up->parent ? find_text(l, up->parent) : NULL)
		if (up->device == t->device && up->inode == t->inode)
			return err_set(e, "include loop: %s is included by itself, through %s",
				t->name, from);
	return 0;
}

static int
add_text(struct load *l, struct load_text *t, struct err *e)
{
	struct load_text *grown = reallocarray(l->texts, l->n_texts + 1, sizeof(struct load_text));

	if (!grown)
		return err_set(e, "out of memory");
	l->texts = grown;
	l->texts[l->n_texts++] = *t;
	l->total += t->size;
	return 0;
}

/* Reads one file and puts it behind the others. */
static int
read_text(struct load *l, const char *path, const char *from, struct err *e)
{
	struct load_text t = {0};
	struct stat st = {0};
	_fd_ int fd = open_regular(path, &st, e);

	if (fd < 0)
		return -1;
	if (l->n_texts >= CONF_INCLUDE_FILES_MAX)
		return err_set(e, "more than %d files", CONF_INCLUDE_FILES_MAX);
	t.device = st.st_dev;
	t.inode = st.st_ino;
	t.name = strdup(path);
	t.parent = from ? strdup(from) : NULL;
	if (!t.name || (from && !t.parent))
		err_set(e, "out of memory");
	else if (check_loop(l, from, &t, e) == 0 &&
		 read_all(fd, path, CONF_TEXT_MAX - l->total, &t, e) == 0 &&
		 add_text(l, &t, e) == 0)
		return 0;
	text_clear(&t);
	return -1;
}

/* The pattern as seen from the including file's folder. NULL when memory is short. */
static char *
resolve_pattern(const char *from, const char *pattern)
{
	const char *slash = strrchr(from, '/');
	char *resolved = NULL;

	if (pattern[0] == '/' || !slash)
		return strdup(pattern);
	if (asprintf(&resolved, "%.*s%s", (int)(slash - from + 1), from, pattern) < 0)
		return NULL;
	return resolved;
}

static int
copy_included(const struct load_text *t, struct conf_included *ret, struct err *e)
{
	ret->name = strdup(t->name);
	ret->text = slice_dup(slice_of(t->bytes, t->size));
	ret->size = t->size;
	return ret->name && ret->text ? 0 : err_set(e, "out of memory");
}

static void
free_included(struct conf_included *files, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(files[i].name);
		free(files[i].text);
	}
	free(files);
}

/* Reads every path of the match into a fresh array. */
static int
read_matches(struct load *l, const char *from, char **paths, size_t n, struct conf_included **ret,
	struct err *e)
{
	struct conf_included *files = calloc(n + 1, sizeof(*files));

	if (!files)
		return err_set(e, "out of memory");
	for (size_t i = 0; i < n; i++) {
		if (read_text(l, paths[i], from, e) < 0 ||
			copy_included(&l->texts[l->n_texts - 1], &files[i], e) < 0) {
			free_included(files, n);
			return -1;
		}
	}
	*ret = files;
	return 0;
}

static int
on_include(void *ctx, const char *from, const char *pattern, struct conf_included **ret,
	size_t *ret_n, struct err *e)
{
	struct load *l = ctx;
	_free_ char *resolved = resolve_pattern(from, pattern);
	glob_t g = {0};
	int rc;

	if (!resolved)
		return err_set(e, "out of memory");
	if (!strpbrk(pattern, "*?[")) {
		char *one[] = {resolved};

		*ret_n = 1;
		return read_matches(l, from, one, 1, ret, e);
	}
	rc = glob(resolved, GLOB_ERR, NULL, &g); /* NOLINT(concurrency-mt-unsafe): one thread */
	if (rc == GLOB_NOMATCH) {
		g.gl_pathc = 0;
	} else if (rc != 0) {
		globfree(&g);
		return err_set(e, "cannot read the folder of %s", resolved);
	}
	rc = read_matches(l, from, g.gl_pathv, g.gl_pathc, ret, e);
	*ret_n = g.gl_pathc;
	globfree(&g);
	return rc;
}

/* /etc/services, or what nsswitch.conf says. */
static int
on_service(void *ctx, const char *name, const char *proto, uint16_t *ret_port)
{
	char text[SERVICE_TEXT_MAX];
	struct servent entry, *found = NULL;

	(void)ctx;
	if (getservbyname_r(name, proto, &entry, text, sizeof(text), &found) != 0 || !found)
		return -1;
	*ret_port = ntohs((uint16_t)found->s_port);
	return 0;
}

int
load_file(const char *path, struct load *ret, struct conf_errors *errs)
{
	struct conf_input in = {
		.name = path, .include = on_include, .service = on_service, .ctx = ret};
	struct err e = {0};

	*ret = (struct load){0};
	*errs = (struct conf_errors){0};
	if (read_text(ret, path, NULL, &e) < 0) {
		load_add_error(errs, &e);
		return -1;
	}
	in.text = slice_of(ret->texts[0].bytes, ret->texts[0].size);
	return conf_parse(&in, &ret->conf, &ret->places, errs);
}

static struct slice
text_of(void *ctx, const char *file)
{
	const struct load *l = ctx;
	const struct load_text *t = find_text(l, file);

	return t ? slice_of(t->bytes, t->size) : SLICE_LIT("");
}

/* The line of a text, from 1; empty when there is none. */
static struct slice
line_of(struct slice text, uint32_t number)
{
	for (; number > 1 && text.n > 0; number--)
		text = slice_skip(text, slice_index(text, '\n') + 1);
	return slice_head(text, slice_index(text, '\n'));
}

/* The path that a message names, or nothing: its first word that begins with "/". */
static struct slice
path_in(const char *msg)
{
	struct slice rest = slice_str(msg);

	while (rest.n > 0 && rest.p[0] != '/')
		rest = slice_skip(rest, slice_index(rest, ' ') + 1);
	rest = slice_head(rest, slice_index(rest, ' '));
	if (rest.n > 0 && rest.p[rest.n - 1] == ':')
		rest = slice_head(rest, rest.n - 1);
	return rest;
}

static bool
ends_word(struct slice line, size_t at)
{
	return at >= line.n || strchr(" \t\r;{}\"", line.p[at]);
}

/* Moves the place of an error from its directive to the path that it is about. */
static void
point_at_path(const struct load *l, struct err *e)
{
	const struct load_text *t = find_text(l, e->file);
	struct slice path = path_in(e->msg);
	struct slice line = t ? line_of(slice_of(t->bytes, t->size), e->line) : SLICE_LIT("");

	if (!line.p || path.n == 0)
		return;
	for (size_t at = e->col; at + path.n <= line.n; at++)
		if (memcmp(line.p + at, path.p, path.n) == 0 && ends_word(line, at - 1) &&
			ends_word(line, at + path.n)) {
			e->col = (uint32_t)at + 1;
			return;
		}
}

static bool
stands_behind(const struct err *a, const struct err *b)
{
	int order = strcmp(a->file, b->file);

	return order == 0 && (a->line > b->line || (a->line == b->line && a->col > b->col));
}

void
load_place_errors(const struct load *l, struct conf_errors *errs)
{
	for (size_t i = 0; i < errs->n && l->places; i++) {
		struct err *e = &errs->errors[i];

		if (e->line > 0 || e->ordinal == 0)
			continue;
		conf_places_apply(l->places, NULL, 0, e);
		if (e->line > 0)
			point_at_path(l, e);
	}
	for (size_t i = 1; i < errs->n; i++)
		for (size_t j = i; j > 0 && stands_behind(&errs->errors[j - 1], &errs->errors[j]);
			j--) {
			struct err later = errs->errors[j - 1];

			errs->errors[j - 1] = errs->errors[j];
			errs->errors[j] = later;
		}
}

int
load_print_errors(const struct load *l, const struct conf_errors *errs, struct buf *out)
{
	struct load copy = *l;

	return conf_errors_print(errs, text_of, &copy, out);
}

int
load_print_lines(const struct conf_errors *errs, struct buf *out)
{
	char line[ERR_FILE_MAX + ERR_MSG_MAX + 64];

	for (size_t i = 0; i < errs->n; i++) {
		err_print(&errs->errors[i], line, sizeof(line));
		if (buf_printf(out, "%s\n", line) < 0)
			return -1;
	}
	return errs->too_many ? buf_append_str(out, "too many errors; the rest is not shown\n") : 0;
}
