/* What the daemon's unit tests share: cmocka in its right order, and a folder of their own. */
#ifndef TESTS_UNIT_DAEMON_UNIT_H
#define TESTS_UNIT_DAEMON_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above first. */
#include <cmocka.h>

#include "core/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define UNIT_PATH_MAX 512

/* A fresh folder of this test; removed by unit_folder_clear. */
struct unit_folder {
	char path[UNIT_PATH_MAX / 2];
};

static inline int
unit_folder_new(void **state)
{
	static struct unit_folder folder;

	(void)snprintf(folder.path, sizeof(folder.path), "/tmp/sluice-unit-XXXXXX");
	assert_non_null(mkdtemp(folder.path));
	*state = &folder;
	return 0;
}

static inline int
unit_folder_clear(void **state)
{
	const struct unit_folder *folder = *state;
	char command[UNIT_PATH_MAX];

	(void)snprintf(command, sizeof(command), "rm -rf '%s'", folder->path);
	return system(command); /* NOLINT(concurrency-mt-unsafe): one thread */
}

static inline const char *
unit_path(const struct unit_folder *folder, const char *name, char out[static UNIT_PATH_MAX])
{
	(void)snprintf(out, UNIT_PATH_MAX, "%s/%s", folder->path, name);
	return out;
}

static inline void
unit_write(const struct unit_folder *folder, const char *name, const char *text)
{
	char path[UNIT_PATH_MAX];
	FILE *f = fopen(unit_path(folder, name, path), "we");

	assert_non_null(f);
	(void)fputs(text, f);
	(void)fclose(f);
}

/* The buffer's bytes as a string. */
static inline void
unit_text(const struct buf *b, char *out, size_t size)
{
	assert_true(buf_len(b) < size);
	memcpy(out, buf_slice(b).p, buf_len(b));
	out[buf_len(b)] = '\0';
}

#endif
