/*
 * The reader of liblxc's monitor FIFO; see monitor.h. While lxc-monitord holds its lock on the FIFO
 * it is left alone: two readers would steal messages from each other. lxc-monitord removes the FIFO
 * when it ends, so that it has to be made again.
 */
#include "lxc/monitor.h"

#include "core/file.h"
#include "core/log.h"
#include "core/own.h"
#include "lxc/ending.h"
#include "lxc/guest.h"
#include "lxc/task.h"
#include "lxc/text.h"
#include "lxc/world.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIFO_FOLDER "/run/lxc/"
#define FIFO_NAME "/monitor-fifo"
#define NAME_OFFSET sizeof(int)
#define NAME_SIZE 256
#define TYPE_STATE 0
#define TYPE_EXIT 2

static void on_readable(evutil_socket_t fd, short events, void *ctx);

int
monitor_parse(struct slice packet, struct monitor_message *ret)
{
	int type;

	if (packet.n != MONITOR_PACKET_SIZE)
		return -1;
	memcpy(&type, packet.p, sizeof(type));
	if (type != TYPE_STATE && type != TYPE_EXIT)
		return -1;
	ret->kind = type == TYPE_STATE ? MONITOR_STATE : MONITOR_EXIT;
	ret->name = slice_head(slice_skip(packet, NAME_OFFSET), NAME_SIZE);
	ret->name = slice_head(ret->name, slice_index(ret->name, '\0'));
	memcpy(&ret->value, packet.p + NAME_OFFSET + NAME_SIZE, sizeof(ret->value));
	return 0;
}

static int
open_fifo(const struct lxc *lxc, struct err *e)
{
	char path[PATH_MAX];
	struct stat st;
	_fd_ int fd = -1;

	if (text_print(path, sizeof(path), FIFO_FOLDER "%s", lxc_path(lxc)) < 0)
		return err_set(e, "%s: path too long", lxc_path(lxc));
	if (file_mkdirs(path, 0755, e) < 0)
		return -1;
	if (text_add(path, sizeof(path), FIFO_NAME) < 0)
		return err_set(e, "%s: path too long", lxc_path(lxc));
	if (mkfifo(path, 0600) < 0 && errno != EEXIST)
		return err_errno(e, errno, "%s", path);
	/* For writing as well, so that it never reads as ended between two writers. */
	fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(e, errno, "%s", path);
	if (!S_ISFIFO(st.st_mode))
		return err_set(e, "%s is not a FIFO", path);
	return steal_fd(&fd);
}

static bool
is_removed(int fd)
{
	struct stat st;

	return fstat(fd, &st) < 0 || st.st_nlink == 0;
}

void
monitor_stop(struct lxc *lxc)
{
	if (lxc->monitor)
		event_free(lxc->monitor);
	lxc->monitor = NULL;
	lxc->monitor_fd = close_fd(lxc->monitor_fd);
}

void
monitor_listen(struct lxc *lxc)
{
	struct err e;

	if (lxc->monitor && !is_removed(lxc->monitor_fd)) {
		(void)event_add(lxc->monitor, NULL);
		return;
	}
	monitor_stop(lxc);
	lxc->monitor_fd = open_fifo(lxc, &e);
	if (lxc->monitor_fd < 0) {
		log_err("cannot hear liblxc's monitors: endings of containers are unknown", &e);
		return;
	}
	lxc->monitor =
		event_new(lxc->base, lxc->monitor_fd, EV_READ | EV_PERSIST, on_readable, lxc);
	if (!lxc->monitor || event_add(lxc->monitor, NULL) < 0)
		log_error("out of memory: endings of containers are unknown");
}

static void
on_message(struct lxc *lxc, const struct monitor_message *m)
{
	struct guest *g = guest_find(lxc, m->name);
	const struct task *t = g ? task_current(g) : NULL;

	if (!g)
		return;
	log_debug("liblxc says", kv_s("container", g->name), kv_u("exit", m->kind == MONITOR_EXIT),
		kv_i("value", m->value));
	if (m->kind == MONITOR_EXIT)
		ending_status(g, m->value);
	else if (!t)
		task_want(g, TASK_QUERY);
}

static bool
is_monitords(int fd)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	return fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

static void
on_readable(evutil_socket_t fd, short events, void *ctx)
{
	char packet[MONITOR_PACKET_SIZE];
	struct monitor_message m;
	struct lxc *lxc = ctx;
	ssize_t n;

	(void)events;
	/* Its messages; the next resync looks whether it has gone. */
	if (is_monitords(fd)) {
		(void)event_del(lxc->monitor);
		return;
	}
	n = read(fd, packet, sizeof(packet));
	if (n > 0 && monitor_parse(slice_of(packet, (size_t)n), &m) == 0)
		on_message(lxc, &m);
}
