/*
 * Golden tests of `sluice import`: FOLDER/NAME.iptables, .nft, .json, .lxc-net and .config give
 * NAME.EXTENSION.out (with --update rewritten). What comes out has to be a configuration.
 */
#include "core/file.h"
#include "core/own.h"
#include "daemon/import/import.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRAME "listen 127.0.0.1:65535 plain\nsite * -> status 404\n"
#define PATH_SIZE 1024

static void
take(struct import *i, const char *name, struct slice text)
{
	const char *kind = strrchr(name, '.') + 1;

	if (strcmp(kind, "iptables") == 0)
		import_iptables(i, text);
	else if (strcmp(kind, "lxc-net") == 0)
		import_lxc_net(i, text);
	else if (strcmp(kind, "config") == 0)
		import_lxc_container(
			i, slice_head(slice_str(name), slice_index(slice_str(name), '.')), text);
	else
		import_nft(i, text);
}

static int
is_configuration(const char *name, struct slice text)
{
	_cleanup_(buf_clear) struct buf whole;
	_free_ struct conf_errors *errors = calloc(1, sizeof(*errors));
	struct conf_input in = {.name = name};
	struct conf *c = NULL;

	buf_init(&whole, IMPORT_OUTPUT_MAX);
	if (!errors || buf_append_str(&whole, FRAME) < 0 || buf_append_slice(&whole, text) < 0)
		return -1;
	in.text = buf_slice(&whole);
	if (conf_parse(&in, &c, NULL, errors) < 0) {
		fprintf(stderr, "%s: line %u of what came: %s\n%.*s", name, errors->errors[0].line,
			errors->errors[0].msg, SLICE_ARG(in.text));
		return -1;
	}
	conf_unref(&c);
	return 0;
}

static int
compare(const char *path, struct slice text, bool update)
{
	_cleanup_(buf_clear) struct buf wanted;

	buf_init(&wanted, IMPORT_OUTPUT_MAX);
	if (update)
		return file_write_atomic(path, text, 0644, NULL);
	if (file_read(path, &wanted, NULL) < 0 || !slice_eq(buf_slice(&wanted), text)) {
		fprintf(stderr, "%s differs; what came:\n%.*s", path, SLICE_ARG(text));
		return -1;
	}
	return 0;
}

static int
run_case(const char *folder, const char *name, bool update)
{
	_cleanup_(buf_clear) struct buf text, out;
	char path[PATH_SIZE], result[PATH_SIZE];
	struct import i;
	struct err e = {0};
	int rc;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	(void)snprintf(result, sizeof(result), "%s/%s.out", folder, name);
	buf_init(&text, IMPORT_TEXT_MAX);
	buf_init(&out, IMPORT_OUTPUT_MAX);
	if (file_read(path, &text, &e) < 0 || import_init(&i) < 0)
		return -1;
	take(&i, name, buf_slice(&text));
	rc = import_print(&i, &out, &e);
	import_clear(&i);
	if (rc < 0 || is_configuration(name, buf_slice(&out)) < 0)
		return -1;
	return compare(result, buf_slice(&out), update);
}

int
main(int argc, char **argv)
{
	bool update = argc == 3 && strcmp(argv[1], "--update") == 0;
	const char *folder = argv[argc - 1];
	DIR *dir = argc >= 2 ? opendir(folder) : NULL;
	unsigned cases = 0, failed = 0;
	struct dirent *d;

	while (dir && (d = readdir(dir))) {
		size_t n = strlen(d->d_name);

		if (d->d_name[0] == '.' || !strchr(d->d_name, '.') ||
			(n > 4 && strcmp(d->d_name + n - 4, ".out") == 0))
			continue;
		cases++;
		failed += run_case(folder, d->d_name, update) < 0;
	}
	if (dir)
		closedir(dir);
	printf("%u cases, %u failed\n", cases, failed);
	return cases == 0 || failed;
}
