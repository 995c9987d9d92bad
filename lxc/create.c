/*
 * Creation; see create.h. The template runs as root, unmapped: templates like debootstrap's make
 * device nodes, and the download template's cache is root's. Then every owner is shifted into the
 * container's range, and only then is the container's folder opened to its mapped root.
 */
#include "lxc/create.h"

#include "core/buf.h"
#include "core/num.h"
#include "core/own.h"
#include "lxc/busybox.h"
#include "lxc/engine.h"
#include "lxc/job.h"
#include "lxc/text.h"
#include "lxc/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARGS_MAX 256
#define LINE_MAX_BYTES 1024
#define TAIL_MAX 240 /* of the last lines, for the error */

struct order {
	char *template;
	char *argv[ARGS_MAX + 1];
	size_t argc;
	uint32_t idmap;
};

/* What the template prints: the line under way, and the last ones for the error. */
struct lines {
	char line[LINE_MAX_BYTES];
	size_t used;
	char tail[TAIL_MAX]; /* joined by "; " */
	void (*on_line)(void *ctx, struct slice line);
	void *ctx;
};

static void
order_clear(struct order *o)
{
	free(o->template);
	for (size_t i = 0; i < o->argc; i++)
		free(o->argv[i]);
}

static int
order_line(struct order *o, struct slice key, struct slice value)
{
	uint64_t idmap;

	if (slice_eq_str(key, "template") && !o->template)
		return (o->template = slice_dup(value)) ? 0 : -1;
	if (slice_eq_str(key, "arg") && o->argc < ARGS_MAX)
		return (o->argv[o->argc++] = slice_dup(value)) ? 0 : -1;
	if (!slice_eq_str(key, "idmap") || num_parse(value, 1, UINT32_MAX, &idmap) < 0)
		return -1;
	o->idmap = (uint32_t)idmap;
	return 0;
}

static int
order_read(struct order *o, struct slice args, struct err *e)
{
	struct slice key, value;

	while (job_next(&args, &key, &value)) {
		if (order_line(o, key, value) < 0)
			return err_set(e, "create: bad arguments");
	}
	return o->template ? 0 : err_set(e, "create: no template");
}

/* Lets the mapped root pass the container's folder, and nobody else. */
static int
open_folder(const char *folder, uint32_t start, struct err *e)
{
	if (chown(folder, 0, start) < 0 || chmod(folder, 0710) < 0)
		return err_errno(e, errno, "%s", folder);
	return 0;
}

static int
create_and_shift(const char *lxc_path, const char *name, const struct order *o, struct err *e)
{
	char folder[PATH_MAX], rootfs[PATH_MAX + sizeof("/rootfs")];
	struct engine *engine = engine_open(lxc_path, name, e);

	if (!engine || engine_create(engine, o->template, o->argv, e) < 0)
		return -1;
	(void)snprintf(folder, sizeof(folder), "%s/%s", lxc_path, name);
	(void)snprintf(rootfs, sizeof(rootfs), "%s/rootfs", folder);
	if (slice_ends(slice_str(o->template), SLICE_LIT("/lxc-busybox")) &&
		busybox_mend(rootfs, e) < 0)
		return -1;
	if (o->idmap == 0)
		return 0;
	if (tree_shift(rootfs, o->idmap, e) < 0)
		return -1;
	return open_folder(folder, o->idmap, e);
}

/* The child's whole life: what it prints goes to the pipe, why it failed behind it. */
static _Noreturn void
child(const char *lxc_path, const char *name, const struct order *o, int out, int why)
{
	struct err e = {0};
	int ret;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (dup2(out, STDOUT_FILENO) < 0 || dup2(out, STDERR_FILENO) < 0)
		_exit(1);
	ret = create_and_shift(lxc_path, name, o, &e);
	if (ret < 0)
		(void)!write(why, e.msg, strlen(e.msg));
	_exit(ret < 0 ? 1 : 0);
}

/* Keeps the end of what was printed, whole lines where that is possible. */
static void
keep_tail(struct lines *l)
{
	size_t n = l->used < TAIL_MAX / 2 ? l->used : TAIL_MAX / 2;

	while (strlen(l->tail) + n + 3 > sizeof(l->tail)) {
		const char *next = strstr(l->tail, "; ");

		if (next)
			memmove(l->tail, next + 2, strlen(next + 2) + 1);
		else
			l->tail[0] = '\0';
	}
	(void)text_add(l->tail, sizeof(l->tail), "%s%.*s", l->tail[0] ? "; " : "", (int)n, l->line);
}

static void
end_line(struct lines *l)
{
	struct slice line = slice_of(l->line, l->used);

	/* liblxc's own complaints, which are in its log as well. */
	if (l->used > 0 && !slice_starts(line, SLICE_LIT(ENGINE_LOG_PREFIX ": "))) {
		keep_tail(l);
		l->on_line(l->ctx, line);
	}
	l->used = 0;
}

/* Control characters (progress bars) end a line as well. */
static void
add_bytes(struct lines *l, const char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if ((unsigned char)bytes[i] < ' ' && bytes[i] != '\t')
			end_line(l);
		else if (l->used < sizeof(l->line) - 1)
			l->line[l->used++] = bytes[i];
	}
}

static void
read_lines(int fd, struct lines *l)
{
	char bytes[LINE_MAX_BYTES];

	for (;;) {
		ssize_t n = read(fd, bytes, sizeof(bytes));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		add_bytes(l, bytes, (size_t)n);
	}
	end_line(l);
}

static int
finish(pid_t pid, int why_fd, const struct lines *l, struct err *e)
{
	char why[ERR_MSG_MAX / 2] = "";
	int status = 0;

	(void)!read(why_fd, why, sizeof(why) - 1);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return err_set(e, "%s%s%s", why[0] ? why : "create: ended unexpectedly",
		l->tail[0] ? "; the template's last words: " : "", l->tail);
}

int
create_run(const char *lxc_path, const char *name, struct slice args,
	void (*on_line)(void *ctx, struct slice line), void *ctx, struct err *e)
{
	struct lines lines = {.on_line = on_line, .ctx = ctx};
	_cleanup_(order_clear) struct order order = {0};
	_fd_ int out_read = -1, out_write = -1, why_read = -1, why_write = -1;
	int out[2], why[2];
	pid_t pid;

	if (order_read(&order, args, e) < 0)
		return -1;
	if (pipe2(out, O_CLOEXEC) < 0)
		return err_errno(e, errno, "pipe");
	out_read = out[0];
	out_write = out[1];
	if (pipe2(why, O_CLOEXEC) < 0)
		return err_errno(e, errno, "pipe");
	why_read = why[0];
	why_write = why[1];
	pid = fork();
	if (pid < 0)
		return err_errno(e, errno, "fork");
	if (pid == 0)
		child(lxc_path, name, &order, out_write, why_write);
	out_write = close_fd(out_write);
	why_write = close_fd(why_write);
	read_lines(out_read, &lines);
	return finish(pid, why_read, &lines, e);
}
