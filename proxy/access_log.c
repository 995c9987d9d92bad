/*
 * Buffered writing of access lines. A line that cannot be written is lost: no request waits for a
 * full disk.
 */
#include "proxy/access_log.h"

#include "core/log.h"
#include "core/own.h"

#include <errno.h>
#include <unistd.h>

static void
access_log_flush(struct access_log *log)
{
	struct slice left = buf_slice(&log->lines);

	while (left.n > 0 && log->fd >= 0) {
		ssize_t n = write(log->fd, left.p, left.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			if (!log->failed)
				log_error("access log cannot be written", kv_i("errno", errno));
			log->failed = true;
			break;
		}
		log->failed = false;
		left = slice_skip(left, (size_t)n);
	}
	buf_reset(&log->lines);
}

static void
access_log_on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct access_log *log = arg;

	(void)fd;
	(void)what;
	log->pending = false;
	access_log_flush(log);
	buf_clear(&log->lines);
}

int
access_log_init(struct access_log *log, struct event_base *base)
{
	log->fd = -1;
	buf_init(&log->lines, ACCESS_LOG_BUFFER_MAX);
	log->flush = event_new(base, -1, 0, access_log_on_timer, log);
	return log->flush ? 0 : -1;
}

void
access_log_clear(struct access_log *log)
{
	if (!log->flush)
		return;
	access_log_set(log, -1);
	buf_clear(&log->lines);
	event_free(log->flush);
	log->flush = NULL;
}

void
access_log_set(struct access_log *log, int fd)
{
	access_log_flush(log);
	close_fd(log->fd);
	log->fd = fd;
}

void
access_log_add(
	struct access_log *log, const struct access_line *line, enum conf_access_format format)
{
	if (log->fd < 0)
		return;
	if (buf_room(&log->lines) < ACCESS_LINE_MAX)
		access_log_flush(log);
	if (access_line_print(line, format, &log->lines) < 0)
		return;
	if (!log->pending)
		event_add(log->flush, &(struct timeval){.tv_sec = ACCESS_LOG_FLUSH_MS / 1000});
	log->pending = true;
}
