/* Ends of containers; see ending.h. */
#include "lxc/ending.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/own.h"
#include "lxc/guest.h"
#include "lxc/store.h"
#include "lxc/task.h"
#include "lxc/world.h"

#include <signal.h>
#include <stdint.h>
#include <sys/wait.h>

#define STATUS_WAIT_MS 1000 /* for liblxc's monitor to say how it ended */
#define BACKOFF_FIRST_MS 500
#define BACKOFF_MAX_MS 60000
#define SETTLED_MS 60000 /* who lived this long begins anew */
#define REBOOT_MS 5000   /* for liblxc's own start to be seen */
#define LOOK_AGAIN_MS 300

static void on_decide(evutil_socket_t fd, short events, void *ctx);
static void on_restart(evutil_socket_t fd, short events, void *ctx);
static void on_look(evutil_socket_t fd, short events, void *ctx);

static void
arm(struct event *timer, uint64_t ms)
{
	struct timeval tv = {
		.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000)};

	(void)event_add(timer, &tv);
}

int
ending_init(struct guest *g)
{
	g->deciding = evtimer_new(g->lxc->base, on_decide, g);
	g->restart = evtimer_new(g->lxc->base, on_restart, g);
	g->look = evtimer_new(g->lxc->base, on_look, g);
	if (g->deciding && g->restart && g->look)
		return 0;
	ending_clear(g);
	return -1;
}

void
ending_clear(struct guest *g)
{
	struct event **timers[] = {&g->deciding, &g->restart, &g->look};

	for (size_t i = 0; i < ARRAY_SIZE(timers); i++) {
		if (*timers[i])
			event_free(*timers[i]);
		*timers[i] = NULL;
	}
}

enum ending
ending_of_status(int status)
{
	if (WIFEXITED(status))
		return WEXITSTATUS(status) == 0 ? ENDING_HALTED : ENDING_DIED;
	if (!WIFSIGNALED(status))
		return ENDING_UNKNOWN;
	switch (WTERMSIG(status)) {
	case SIGINT:
		return ENDING_HALTED;
	case SIGHUP:
		return ENDING_REBOOT;
	default:
		return ENDING_DIED;
	}
}

uint64_t
ending_backoff(uint32_t failures)
{
	uint64_t ms = BACKOFF_FIRST_MS;

	while (failures-- > 0 && ms < BACKOFF_MAX_MS)
		ms *= 2;
	return ms < BACKOFF_MAX_MS ? ms : BACKOFF_MAX_MS;
}

static bool
is_wanted(const struct guest *g)
{
	return guest_is_managed(g) && g->conf->autostart && !g->held && !g->lxc->stopping;
}

static void
act(struct guest *g, enum ending ending)
{
	switch (ending) {
	case ENDING_HALTED:
		lxc_tell(g->lxc, "container halted", "container", g->name, NULL);
		if (guest_is_managed(g))
			ending_hold(g, true);
		return;
	case ENDING_REBOOT:
		ending_restart_later(g, REBOOT_MS);
		return;
	case ENDING_UNKNOWN:
	case ENDING_DIED:
		log_warn("container died", kv_s("container", g->name));
		lxc_tell(g->lxc, "container died", "container", g->name, NULL);
		ending_restart_later(g, 0);
		return;
	}
}

static void
decide(struct guest *g)
{
	enum ending ending = g->has_status ? ending_of_status(g->status) : ENDING_UNKNOWN;

	g->has_status = false;
	(void)event_del(g->deciding);
	/* Somebody may have started it again meanwhile. */
	if (g->state == CONTAINER_STOPPED)
		act(g, ending);
}

void
ending_begin(struct guest *g)
{
	if (g->has_status)
		decide(g);
	else
		arm(g->deciding, STATUS_WAIT_MS);
}

void
ending_status(struct guest *g, int status)
{
	g->has_status = true;
	g->status = status;
	if (evtimer_pending(g->deciding, NULL))
		decide(g);
}

static void
on_decide(evutil_socket_t fd, short events, void *ctx)
{
	(void)fd;
	(void)events;
	decide(ctx);
}

void
ending_restart_later(struct guest *g, uint64_t at_least)
{
	uint64_t ms;

	if (!is_wanted(g))
		return;
	if (g->started_ms && clock_mono_ms() - g->started_ms > SETTLED_MS)
		g->failures = 0;
	ms = ending_backoff(g->failures++);
	ms = ms < at_least ? at_least : ms;
	log_info("container will be started again", kv_s("container", g->name), kv_u("ms", ms));
	arm(g->restart, ms);
}

static void
on_restart(evutil_socket_t fd, short events, void *ctx)
{
	struct guest *g = ctx;

	(void)fd;
	(void)events;
	/* Started by somebody else, or about to be: theirs goes first. */
	if (!is_wanted(g) || guest_is_up(g) || g->state == CONTAINER_STARTING)
		return;
	g->restarts++;
	lxc_tell(g->lxc, "container restarted", "container", g->name, NULL);
	task_want(g, TASK_START);
}

void
ending_reset(struct guest *g)
{
	g->failures = 0;
	(void)event_del(g->restart);
}

void
ending_look_again(struct guest *g)
{
	arm(g->look, LOOK_AGAIN_MS);
}

static void
on_look(evutil_socket_t fd, short events, void *ctx)
{
	(void)fd;
	(void)events;
	task_want(ctx, TASK_QUERY);
}

void
ending_hold(struct guest *g, bool hold)
{
	const char *state = g->lxc->conf->state_path;
	struct err e;

	g->held = hold;
	ending_reset(g);
	guest_note(g, NOTE_HELD, "%s",
		hold && g->conf && g->conf->autostart
			? "stopped on purpose: stays stopped until it is started or the host boots"
			: "");
	if (!hold)
		store_remove(state, g->name, "held");
	else if (store_write(state, g->name, "held", slice_str(g->lxc->boot_id), &e) < 0)
		log_err("cannot remember that a container was stopped", &e);
}

void
ending_recall(struct guest *g)
{
	const char *state = g->lxc->conf->state_path;
	struct buf text;

	buf_init(&text, STORE_TEXT_MAX);
	if (store_read(state, g->name, "held", &text) == 0) {
		bool same = slice_eq_str(buf_slice(&text), g->lxc->boot_id);

		ending_hold(g, same);
	}
	buf_clear(&text);
}
