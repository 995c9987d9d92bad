/*
 * Golden tests of the configuration language: each FOLDER/NAME.conf is parsed, and what comes of
 * it, the errors as people see them or the canonical text, is compared with NAME.errors or
 * NAME.text. With --update those are rewritten instead. `include` reads below the same folder.
 */
#include "conf/conf.h"
#include "core/file.h"
#include "core/own.h"

#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TEXT_MAX (4 * 1024 * 1024)
#define PATH_TEXT_MAX 4096

struct golden {
	const char *folder;
	bool update;
	unsigned cases, failed;
};

/* Reads a file into a new buffer. 0 or -1. */
static int
read_text(const char *path, struct buf *ret)
{
	struct err e;

	buf_init(ret, TEXT_MAX);
	return file_read(path, ret, &e);
}

static int
add_included(const char *path, const char *name, struct conf_included *ret)
{
	_cleanup_(buf_clear) struct buf text;

	if (read_text(path, &text) < 0)
		return -1;
	ret->name = strdup(name);
	ret->text = slice_dup(buf_slice(&text));
	ret->size = buf_len(&text);
	return ret->name && ret->text ? 0 : -1;
}

/* The callback of conf_parse: names are relative to the folder of the cases. */
static int
include(void *ctx, const char *from, const char *pattern, struct conf_included **ret, size_t *ret_n,
	struct err *e)
{
	const struct golden *golden = ctx;
	char path[PATH_TEXT_MAX];
	glob_t found;
	size_t n = 0;

	(void)from;
	(void)snprintf(path, sizeof(path), "%s/%s", golden->folder, pattern);
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
	if (glob(path, 0, NULL, &found) != 0) {
		globfree(&found);
		return strchr(pattern, '*') ? 0 : err_set(e, "can't read \"%s\"", pattern);
	}
	*ret = calloc(found.gl_pathc, sizeof(**ret));
	for (; *ret && n < found.gl_pathc; n++)
		if (add_included(found.gl_pathv[n], found.gl_pathv[n] + strlen(golden->folder) + 1,
			    &(*ret)[n]) < 0)
			break;
	*ret_n = n;
	globfree(&found);
	return *ret ? 0 : err_set(e, "out of memory");
}

struct case_texts {
	struct golden *golden;
	struct buf main;
	const char *main_name;
	struct buf other; /* the included file that was asked for last */
};

static struct slice
text_of(void *ctx, const char *file)
{
	struct case_texts *texts = ctx;
	char path[PATH_TEXT_MAX];

	if (strcmp(file, texts->main_name) == 0)
		return buf_slice(&texts->main);
	(void)snprintf(path, sizeof(path), "%s/%s", texts->golden->folder, file);
	buf_clear(&texts->other);
	return read_text(path, &texts->other) < 0 ? slice_of("", 0) : buf_slice(&texts->other);
}

/* Parses; the outcome goes to out. Returns the suffix of the file that holds it. */
static const char *
run_case(struct golden *golden, const char *name, struct buf *out)
{
	struct case_texts texts = {.golden = golden, .main_name = name};
	char path[PATH_TEXT_MAX];
	struct conf_input in = {.name = name, .include = include, .ctx = golden};
	struct conf *c = NULL;
	struct conf_errors errs;
	struct err e;
	const char *suffix = "text";

	(void)snprintf(path, sizeof(path), "%s/%s", golden->folder, name);
	buf_init(&texts.other, TEXT_MAX);
	if (read_text(path, &texts.main) < 0)
		return NULL;
	in.text = buf_slice(&texts.main);
	if (conf_parse(&in, &c, NULL, &errs) < 0) {
		suffix = conf_errors_print(&errs, text_of, &texts, out) < 0 ? NULL : "errors";
	} else if (conf_print(c, out, NULL, NULL, &e) < 0) {
		suffix = NULL;
	}
	conf_unref(&c);
	buf_clear(&texts.main);
	buf_clear(&texts.other);
	return suffix;
}

/* FOLDER/NAME.SUFFIX for NAME.conf; the caller frees it. */
static char *
outcome_path(const struct golden *golden, const char *name, const char *suffix)
{
	char *path;

	return asprintf(&path, "%s/%.*s%s", golden->folder, (int)(strlen(name) - strlen("conf")),
		       name, suffix) < 0
		       ? NULL
		       : path;
}

static int
update_case(const char *path, struct slice outcome)
{
	struct err e;

	if (file_write_atomic(path, outcome, 0644, &e) == 0)
		return 0;
	(void)fprintf(stderr, "%s\n", e.msg);
	return -1;
}

static int
compare_case(const char *path, struct slice outcome)
{
	_cleanup_(buf_clear) struct buf wanted;

	if (read_text(path, &wanted) < 0) {
		printf("%s is missing; the outcome is:\n%.*s", path, SLICE_ARG(outcome));
		return -1;
	}
	if (slice_eq(buf_slice(&wanted), outcome))
		return 0;
	printf("%s says:\n%.*sbut the outcome is:\n%.*s", path, SLICE_ARG(buf_slice(&wanted)),
		SLICE_ARG(outcome));
	return -1;
}

static void
golden_case(struct golden *golden, const char *name)
{
	_cleanup_(buf_clear) struct buf out;
	_free_ char *path = NULL;
	_free_ char *other = NULL;
	const char *suffix;
	int ret;

	buf_init(&out, TEXT_MAX);
	golden->cases++;
	suffix = run_case(golden, name, &out);
	if (suffix) {
		path = outcome_path(golden, name, suffix);
		other = outcome_path(golden, name, suffix[0] == 't' ? "errors" : "text");
	}
	if (!path || !other) {
		printf("%s: could not be run\n", name);
		golden->failed++;
		return;
	}
	if (golden->update)
		unlink(other);
	ret = golden->update ? update_case(path, buf_slice(&out))
			     : compare_case(path, buf_slice(&out));
	golden->failed += ret < 0;
}

static int
is_case(const struct dirent *entry)
{
	return slice_ends(slice_str(entry->d_name), SLICE_LIT(".conf"));
}

int
main(int argc, char **argv)
{
	struct golden golden = {.update = argc == 3 && strcmp(argv[1], "--update") == 0};
	struct dirent **names;
	int n;

	if (argc != 2 + golden.update) {
		(void)fprintf(stderr, "usage: %s [--update] FOLDER\n", argv[0]);
		return 2;
	}
	golden.folder = argv[argc - 1];
	n = scandir(golden.folder, &names, is_case, alphasort);
	for (int i = 0; i < n; i++) {
		golden_case(&golden, names[i]->d_name);
		free(names[i]);
	}
	if (n >= 0)
		free(names);
	printf("%u cases, %u failed\n", golden.cases, golden.failed);
	return golden.cases == 0 || golden.failed ? 1 : 0;
}
