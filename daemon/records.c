/*
 * The file only grows, by O_APPEND and fsync; a line is written once for each kind and name.
 */
#include "daemon/records.h"

#include "core/buf.h"
#include "core/file.h"
#include "core/own.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define RECORDS_SIZE_MAX (256 * 1024)

static struct slice
take_word(struct slice *line)
{
	struct slice word = slice_head(*line, slice_index(*line, ' '));

	*line = slice_skip(*line, word.n + 1);
	return word;
}

bool
records_has(struct slice text, struct slice kind, struct slice name)
{
	while (text.n > 0) {
		struct slice line = slice_head(text, slice_index(text, '\n'));

		text = slice_skip(text, line.n + 1);
		if (slice_eq(take_word(&line), kind) && slice_eq(take_word(&line), name))
			return true;
	}
	return false;
}

static bool
is_clean(struct slice s, bool blanks)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c < 0x20 || c == 0x7f || (c == ' ' && !blanks))
			return false;
	}
	return true;
}

int
records_read(const char *path, struct buf *out, struct err *e)
{
	if (access(path, F_OK) < 0 && errno == ENOENT)
		return 0;
	return file_read(path, out, e);
}

static int
append_line(const char *path, struct slice line, struct err *e)
{
	_fd_ int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return err_errno(e, errno, "cannot open %s", path);
	if (write(fd, line.p, line.n) != (ssize_t)line.n || fsync(fd) < 0)
		return err_errno(e, errno, "cannot write %s", path);
	return 0;
}

int
records_add(
	const char *path, struct slice kind, struct slice name, struct slice value, struct err *e)
{
	struct buf old, line;
	int rc = -1;

	buf_init(&old, RECORDS_SIZE_MAX);
	buf_init(&line, RECORDS_SIZE_MAX);
	if (kind.n == 0 || name.n == 0 || !is_clean(kind, false) || !is_clean(name, false) ||
		!is_clean(value, true))
		err_set(e, "a record with a blank or a control character");
	else if (records_read(path, &old, e) < 0)
		rc = -1;
	else if (records_has(buf_slice(&old), kind, name))
		rc = 0;
	else if (buf_len(&old) + kind.n + name.n + value.n + 3 > RECORDS_SIZE_MAX)
		err_set(e, "%s is full", path);
	else if (buf_printf(&line, "%.*s %.*s %.*s\n", SLICE_ARG(kind), SLICE_ARG(name),
			 SLICE_ARG(value)) < 0)
		err_set(e, "out of memory");
	else
		rc = append_line(path, buf_slice(&line), e);
	buf_clear(&old);
	buf_clear(&line);
	return rc;
}
