/* Readers of stat, smaps_rollup, limits and the folder of descriptors. */
#include "daemon/process_usage.h"

#include "core/file.h"
#include "core/num.h"
#include "core/own.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PATH_TEXT_MAX 64
#define FILE_MAX (16 * 1024)
#define STAT_UTIME 11 /* fields behind the name's ')', from 0 */

static struct slice
skip_blanks(struct slice s)
{
	while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = slice_skip(s, 1);
	return s;
}

/* Takes one word off the front. */
static struct slice
take_word(struct slice *s)
{
	struct slice word;
	size_t n = 0;

	*s = skip_blanks(*s);
	while (n < s->n && s->p[n] != ' ' && s->p[n] != '\n')
		n++;
	word = slice_head(*s, n);
	*s = slice_skip(*s, n);
	return word;
}

int
process_usage_parse_stat(struct slice text, uint64_t *ret_ticks)
{
	/* The name may have blanks and parentheses of its own: the last one ends it. */
	const char *end = text.n ? memrchr(text.p, ')', text.n) : NULL;
	struct slice rest = end ? slice_skip(text, (size_t)(end - text.p) + 1) : SLICE_LIT("");
	uint64_t user, system;

	for (int i = 0; i < STAT_UTIME; i++)
		(void)take_word(&rest);
	if (num_parse(take_word(&rest), 0, UINT64_MAX / 2, &user) < 0 ||
		num_parse(take_word(&rest), 0, UINT64_MAX / 2, &system) < 0)
		return -1;
	*ret_ticks = user + system;
	return 0;
}

/* What stands behind this text at the beginning of a line; empty: no line begins so. */
static struct slice
find_line(struct slice text, const char *start)
{
	while (text.n > 0) {
		size_t n = slice_index(text, '\n');

		if (slice_starts(text, slice_str(start)))
			return slice_skip(slice_head(text, n), strlen(start));
		text = slice_skip(text, n + 1);
	}
	return SLICE_LIT("");
}

uint64_t
process_usage_parse_kib(struct slice text, const char *name)
{
	struct slice rest = find_line(text, name);
	uint64_t kib = 0;

	if (rest.n == 0 || rest.p[0] != ':')
		return 0;
	rest = slice_skip(rest, 1);
	(void)num_parse(take_word(&rest), 0, UINT64_MAX / 1024, &kib);
	return kib * 1024;
}

uint64_t
process_usage_parse_limit(struct slice text)
{
	struct slice rest = find_line(text, "Max open files");
	uint64_t n = 0;

	(void)num_parse(take_word(&rest), 0, UINT64_MAX, &n);
	return n;
}

static uint64_t
count_entries(const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *d;
	uint64_t n = 0;

	while (dir && (d = readdir(dir))) /* NOLINT(concurrency-mt-unsafe): one thread */
		n += d->d_name[0] != '.';
	if (dir)
		closedir(dir);
	return n;
}

/* The file's text in b; empty when it can't be read. */
static struct slice
read_file(pid_t pid, const char *name, struct buf *b)
{
	char path[PATH_TEXT_MAX];

	buf_reset(b);
	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	if (file_read(path, b, NULL) < 0)
		buf_reset(b);
	return buf_slice(b);
}

void
process_usage_read(pid_t pid, struct process_usage *ret)
{
	uint64_t ticks = 0, per_second = (uint64_t)sysconf(_SC_CLK_TCK);
	char path[PATH_TEXT_MAX];
	struct slice text;
	struct buf b;

	*ret = (struct process_usage){0};
	buf_init(&b, FILE_MAX);
	if (process_usage_parse_stat(read_file(pid, "stat", &b), &ticks) == 0)
		ret->cpu_ms = ticks * 1000 / per_second;
	text = read_file(pid, "smaps_rollup", &b);
	ret->rss = process_usage_parse_kib(text, "Rss");
	ret->pss = process_usage_parse_kib(text, "Pss");
	ret->fds_max = process_usage_parse_limit(read_file(pid, "limits", &b));
	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	ret->fds = count_entries(path);
	buf_clear(&b);
}
