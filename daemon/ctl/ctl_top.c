/*
 * The terminal of `sluice top`: raw keys, the other screen, plain escape sequences that every
 * terminal of the last decades knows. What it was before comes back however we end.
 */
#include "daemon/ctl/ctl_top.h"

#include "core/clock.h"
#include "core/own.h"
#include "daemon/ctl/ctl_client.h"
#include "daemon/ctl/top.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define OUTPUT_MAX (32 * 1024 * 1024)
#define PERIOD_MS 1000
#define ENTER_SCREEN "\033[?1049h\033[?25l"
#define LEAVE_SCREEN "\033[?25h\033[?1049l"
#define HOME "\033[H"
#define ERASE_BELOW "\033[J"
#define KEYS "q quit   s sort   arrows scroll"
#define DEFAULT_LINES 24
#define DEFAULT_COLUMNS 80
#define CTRL_C 3

static volatile sig_atomic_t ended;

struct screen {
	const struct ctl_line *line;
	struct termios before;
	struct top_window window;
	enum top_sort sort;
	json_t *last, *digest;
	struct err err; /* of the last request; msg empty: it went well */
};

/* One answer of /v1/usage. NULL with e filled. */
static json_t *
fetch(const struct ctl_line *line, enum ctl_exit *ret_status, struct err *e)
{
	struct ctl_reply reply = {0};
	json_t *usage = NULL;

	*ret_status = ctl_request(line->socket, "GET", "/v1/usage", &reply, e);
	if (*ret_status != CTL_OK)
		return NULL;
	if (reply.status == 200)
		usage = json_loadb(buf_slice(&reply.body).p, buf_len(&reply.body), 0, NULL);
	buf_clear(&reply.body);
	if (usage)
		return usage;
	*ret_status = reply.status == 403 ? CTL_FORBIDDEN : CTL_FAILED;
	err_set(e, "the daemon answered with status %d", reply.status);
	return NULL;
}

static int
complain(enum ctl_exit status, const struct err *e)
{
	(void)fprintf(stderr, "sluice: %s\n", e->msg);
	return (int)status;
}

static int
print_once(const struct ctl_line *line, const json_t *digest)
{
	struct buf out;
	size_t n;

	if (line->json)
		return json_dumpf(digest, stdout, JSON_COMPACT) == 0 && putchar('\n') != EOF
			       ? CTL_OK
			       : CTL_FAILED;
	buf_init(&out, OUTPUT_MAX);
	if (top_print(digest, TOP_SORT_REQUESTS, &out) < 0)
		buf_reset(&out);
	n = fwrite(buf_slice(&out).p, 1, buf_len(&out), stdout);
	n = n == buf_len(&out) ? n : 0;
	buf_clear(&out);
	return n > 0 && fflush(stdout) == 0 ? CTL_OK : CTL_FAILED;
}

static int
run_once(const struct ctl_line *line)
{
	const struct timespec pause = {.tv_sec = PERIOD_MS / 1000};
	struct err e = {0};
	enum ctl_exit status;
	json_t *before = fetch(line, &status, &e), *now, *digest;
	int rc;

	if (!before)
		return complain(status, &e);
	(void)nanosleep(&pause, NULL);
	now = fetch(line, &status, &e);
	digest = now ? top_digest(before, now, TOP_SORT_REQUESTS) : NULL;
	rc = digest ? print_once(line, digest) : complain(now ? CTL_FAILED : status, &e);
	json_decref(digest);
	json_decref(now);
	json_decref(before);
	return rc;
}

/* --- the screen ------------------------------------------------------------------------------ */

static void
on_signal(int number)
{
	/* A changed window size only interrupts the wait. */
	if (number != SIGWINCH)
		ended = 1;
}

static void
catch_signals(void)
{
	static const int signals[] = {SIGTERM, SIGHUP, SIGINT, SIGWINCH};
	const struct sigaction action = {.sa_handler = on_signal};

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		(void)sigaction(signals[i], &action, NULL);
}

static int
enter(struct screen *s)
{
	struct termios raw;

	if (tcgetattr(STDIN_FILENO, &s->before) < 0)
		return -1;
	raw = s->before;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG);
	raw.c_cc[VMIN] = 0;
	raw.c_cc[VTIME] = 0;
	catch_signals();
	if (tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) < 0)
		return -1;
	return fputs(ENTER_SCREEN, stdout) == EOF ? -1 : 0;
}

static void
leave(const struct screen *s)
{
	(void)fputs(LEAVE_SCREEN, stdout);
	(void)fflush(stdout);
	(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &s->before);
}

static void
measure(struct top_window *w)
{
	struct winsize size = {0};

	w->lines = DEFAULT_LINES;
	w->columns = DEFAULT_COLUMNS;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0) {
		w->lines = size.ws_row;
		w->columns = size.ws_col;
	}
}

static int
draw(struct screen *s)
{
	_cleanup_(buf_clear) struct buf text = {0};
	_cleanup_(buf_clear) struct buf out = {0};

	buf_init(&text, OUTPUT_MAX);
	buf_init(&out, OUTPUT_MAX);
	measure(&s->window);
	if ((s->digest && top_print(s->digest, s->sort, &text) < 0) ||
		buf_append_str(&out, HOME) < 0 || top_cut(buf_slice(&text), &s->window, &out) < 0 ||
		buf_printf(&out, "%.*s\033[K" ERASE_BELOW, (int)s->window.columns,
			s->err.msg[0] ? s->err.msg : KEYS) < 0)
		return -1;
	if (fwrite(buf_slice(&out).p, 1, buf_len(&out), stdout) != buf_len(&out))
		return -1;
	return fflush(stdout) == 0 ? 0 : -1;
}

/* A daemon that is away for a moment (an upgrade, a restart) is waited for. */
static void
look(struct screen *s)
{
	enum ctl_exit status;
	struct err e = {0};
	json_t *now = fetch(s->line, &status, &e);

	s->err = e;
	if (!now)
		return;
	s->err.msg[0] = '\0';
	if (s->last) {
		json_decref(s->digest);
		s->digest = top_digest(s->last, now, s->sort);
	}
	json_decref(s->last);
	s->last = now;
}

/* The keys that were typed together. False: the end. */
static bool
take_keys(struct screen *s)
{
	char keys[64];
	ssize_t n = read(STDIN_FILENO, keys, sizeof(keys));

	if (n < 0)
		return errno == EINTR || errno == EAGAIN;
	for (ssize_t i = 0; i < n; i++) {
		bool arrow = i + 2 < n && keys[i] == '\033' &&
			     (keys[i + 1] == '[' || keys[i + 1] == 'O');

		if (keys[i] == 'q' || keys[i] == CTRL_C)
			return false;
		if (keys[i] == 's')
			s->sort = (enum top_sort)((s->sort + 1) % TOP_SORT_COUNT);
		else if (arrow && keys[i + 2] == 'A')
			s->window.first -= s->window.first > 0;
		else if (arrow && keys[i + 2] == 'B')
			s->window.first++;
		i += arrow ? 2 : 0;
	}
	return n > 0;
}

/* Until the next look is due. False: the end. */
static bool
wait_for_keys(struct screen *s, uint64_t until_ms)
{
	for (;;) {
		struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
		uint64_t now = clock_mono_ms();
		int rc = now < until_ms ? poll(&p, 1, (int)(until_ms - now)) : 0;

		if (ended)
			return false;
		if (rc == 0)
			return true;
		if (rc > 0 && !take_keys(s))
			return false;
		if (draw(s) < 0)
			return false;
	}
}

static void
run_screen(struct screen *s)
{
	do {
		uint64_t next_ms = clock_mono_ms() + PERIOD_MS;

		look(s);
		if (draw(s) < 0 || !wait_for_keys(s, next_ms))
			return;
	} while (!ended);
}

int
ctl_top(const struct ctl_line *line, bool once)
{
	struct screen s = {.line = line};
	enum ctl_exit status;
	struct err e = {0};

	if (once || line->json || !isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return run_once(line);
	/* What is wrong from the start is told on the ordinary screen. */
	s.last = fetch(line, &status, &e);
	if (!s.last)
		return complain(status, &e);
	if (enter(&s) == 0)
		run_screen(&s);
	leave(&s);
	json_decref(s.last);
	json_decref(s.digest);
	return CTL_OK;
}
