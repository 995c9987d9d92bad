/*
 * Gathering of access lines. What is full or a second old goes to the writer's thread
 * (access_writer.h): no request waits for a disk.
 */
#include "proxy/log/access_log.h"

#include "core/own.h"

static void
access_log_flush(struct access_log *log)
{
	if (log->file && buf_len(&log->lines) > 0)
		access_writer_put(log->writer, log->file, &log->lines, log->n_lines);
	buf_reset(&log->lines);
	log->n_lines = 0;
}

static void
access_log_on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct access_log *log = arg;

	(void)fd;
	(void)what;
	log->pending = false;
	access_log_flush(log);
}

int
access_log_init(struct access_log *log, struct event_base *base)
{
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
	access_file_unref(&log->file);
	if (fd >= 0)
		log->file = access_file_new(fd);
}

void
access_log_add(
	struct access_log *log, const struct access_line *line, enum conf_access_format format)
{
	if (!log->file)
		return;
	if (buf_room(&log->lines) < ACCESS_LINE_MAX)
		access_log_flush(log);
	if (access_line_print(line, format, &log->lines) < 0)
		return;
	log->n_lines++;
	if (!log->pending)
		event_add(log->flush, &(struct timeval){.tv_sec = ACCESS_LOG_FLUSH_MS / 1000});
	log->pending = true;
}
