/*
 * The life of a worker: made by the main thread, run as a thread of its own, told what to do by
 * commands, stopped and freed by the main thread again.
 */
#include "proxy/worker.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/own.h"
#include "proxy/cache/cache_fetch.h"
#include "proxy/conn/conn.h"
#include "proxy/exchange/exchange.h"
#include "proxy/h2/h2.h"
#include "proxy/tls/tls_memory.h"
#include "proxy/upstream/upstream.h"

#include <stdio.h>
#include <stdlib.h>

static void worker_on_command(struct list *item, void *ctx);

static void
worker_on_burial(evutil_socket_t fd, short what, void *arg)
{
	struct worker *w = arg;
	struct list *node;

	(void)fd;
	(void)what;
	while ((node = list_first(&w->graves)) != NULL) {
		struct grave *g = list_entry(node, struct grave, node);

		list_remove(node);
		g->bury(g);
	}
}

void
worker_bury(struct worker *w, struct grave *g)
{
	if (list_empty(&w->graves))
		event_active(w->burial, EV_TIMEOUT, 0);
	list_append(&w->graves, &g->node);
}

void
worker_kick(struct worker *w, struct kick *k)
{
	list_remove(&k->node);
	list_append(&w->kicks, &k->node);
}

/* Between two turns of the loop: what is made active here runs behind the next look for events. */
static void
worker_resume(struct worker *w)
{
	struct list *node;

	while ((node = list_first(&w->kicks)) != NULL) {
		list_remove(node);
		event_active(list_entry(node, struct kick, node)->event, EV_TIMEOUT, 0);
	}
}

/* No lock: only its own thread uses the base once it runs. Two priorities: that files changed is
 * told before anybody is served who may have changed them (file_watch.h). */
static struct event_base *
worker_new_base(void)
{
	struct event_config *config = event_config_new();
	struct event_base *base = NULL;

	if (config && event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK) == 0 &&
		event_config_require_features(config, EV_FEATURE_ET) == 0)
		base = event_base_new_with_config(config);
	if (config)
		event_config_free(config);
	if (base && event_base_priority_init(base, 2) < 0) {
		event_base_free(base);
		base = NULL;
	}
	return base;
}

/* The parts that only want memory. */
static int
worker_init_parts(struct worker *w, unsigned n_threads)
{
	w->burial = event_new(w->base, -1, 0, worker_on_burial, w);
	w->bio = conn_bio_new();
	w->h2 = h2_shared_new();
	w->tls.staples = map_new();
	w->records = malloc(CONN_BATCH_MAX * (TLS_SEAL_MAX + TLS_SEAL_EXTRA));
	if (!w->burial || !w->records || !w->bio || !w->h2 || !w->tls.staples ||
		timers_init(&w->timers, w->base) < 0 ||
		pools_init(&w->pools, w->base, &w->timers) < 0 ||
		tls_sessions_init(&w->sessions) < 0 || containers_init(&w->containers) < 0 ||
		listeners_init(w) < 0 || resolver_init(&w->resolver, w) < 0 ||
		file_cache_init(&w->files, w->base, FILE_CACHE_BYTES_MAX / n_threads) < 0)
		return -1;
	return access_log_init(&w->access_log, w->base);
}

/* Nobody ends a WebSocket by itself. */
static void
worker_on_goodbye(struct timer *t)
{
	struct worker *w = list_entry(t, struct worker, goodbye);

	w->parted = true;
	exchange_drain_tunnels(w);
}

static void
worker_on_trim(struct timer *t)
{
	struct worker *w = list_entry(t, struct worker, trim);
	bool blocks = block_pool_trim(&w->blocks), exchanges = exchange_trim_spares(w);

	if (blocks || exchanges)
		worker_trim_later(w);
}

void
worker_trim_later(struct worker *w)
{
	if (w->trim.deadline_ms == 0)
		timer_set(&w->timers, &w->trim, clock_mono_coarse_ms() + WORKER_TRIM_MS);
}

struct worker *
worker_new(unsigned index, unsigned n_threads, struct tickets *tickets, struct mailbox *notes,
	struct err *e)
{
	struct worker *w = calloc(1, sizeof(*w));

	if (!w) {
		err_set(e, "out of memory");
		return NULL;
	}
	w->index = index;
	w->notes = notes;
	w->started_ms = clock_mono_coarse_ms();
	list_init(&w->conns);
	list_init(&w->tunnels);
	timer_init(&w->goodbye, worker_on_goodbye);
	timer_init(&w->trim, worker_on_trim);
	list_init(&w->overload.idle);
	list_init(&w->overload.unfinished);
	list_init(&w->graves);
	list_init(&w->kicks);
	list_init(&w->dials);
	list_init(&w->fetches);
	list_init(&w->spare_exchanges);
	buf_init(&w->text, WORKER_TEXT_MAX);
	buf_init(&w->content, (size_t)CONN_BATCH_MAX * CONN_TLS_RECORD_MAX);
	w->tls.choose = conn_choose_certificate;
	w->tls.choose_arg = w;
	w->base = worker_new_base();
	if (!w->base || worker_init_parts(w, n_threads) < 0)
		err_set(e, "out of memory");
	else if (mailbox_init(&w->commands, w->base, worker_on_command, w, e) == 0 &&
		 tls_thread_init(&w->tls, tickets, e) == 0 &&
		 tls_sealer_init(&w->sealer, w->tls.libctx, e) == 0)
		return w;
	worker_free(&w);
	return NULL;
}

/* Everything that the thread holds, by the thread itself or, when it never ran, by the main one. */
static void
worker_close(struct worker *w)
{
	listeners_clear(w);
	list_each(node, &w->conns) conn_abandon(list_entry(node, struct conn, node));
	cache_fetch_abandon(w);
	checker_free(&w->checker);
	stapler_free(&w->stapler);
	upstream_close_all_idle(w);
	worker_on_burial(-1, 0, w);
	exchange_free_spares(w);
	file_cache_clear(&w->files);
	compressors_clear(&w->compressors);
	access_log_clear(&w->access_log);
	resolver_clear(&w->resolver);
	generation_unref(&w->generation);
}

static void
worker_forget_staples(struct worker *w)
{
	size_t cursor = 0;
	struct staple *s;
	struct slice id;

	while (w->tls.staples && (s = map_next(w->tls.staples, &cursor, &id)) != NULL) {
		(void)map_remove(w->tls.staples, id);
		staple_unref(&s);
	}
}

uint64_t
worker_read_us(struct worker *w)
{
	return w->now_us = clock_mono_us();
}

uint64_t
worker_lately_us(struct worker *w)
{
	return w->now_us ? w->now_us : worker_read_us(w);
}

static void *
worker_run(void *arg)
{
	struct worker *w = arg;

	while (!w->stopping &&
		event_base_loop(w->base, EVLOOP_NO_EXIT_ON_EMPTY | EVLOOP_ONCE) == 0) {
		w->turn++;
		worker_resume(w);
		w->now_us = 0;
	}
	worker_close(w);
	tls_memory_clear();
	return NULL;
}

int
worker_start(struct worker *w, struct err *e)
{
	char name[16];
	int error = pthread_create(&w->thread, NULL, worker_run, w);

	if (error)
		return err_errno(e, error, "cannot start a thread");
	(void)snprintf(name, sizeof(name), "proxy-%u", w->index % 1000);
	(void)pthread_setname_np(w->thread, name);
	w->running = true;
	return 0;
}

void
worker_free(struct worker **w)
{
	struct worker *gone = steal_ptr(w);
	struct command *stop;

	if (!gone)
		return;
	if (gone->running) {
		stop = command_new(COMMAND_STOP);
		if (!stop)
			abort();
		worker_post(gone, stop);
		pthread_join(gone->thread, NULL);
	} else {
		worker_close(gone);
	}
	gone->stopping = true;
	mailbox_clear(&gone->commands);
	worker_on_burial(-1, 0, gone);
	containers_clear(&gone->containers);
	pools_clear(&gone->pools);
	tls_sessions_clear(&gone->sessions);
	timers_clear(&gone->timers);
	tls_sealer_clear(&gone->sealer);
	tls_thread_clear(&gone->tls);
	free(gone->records);
	worker_forget_staples(gone);
	map_free(&gone->tls.staples);
	BIO_meth_free(gone->bio);
	h2_shared_free(&gone->h2);
	block_pool_clear(&gone->blocks);
	buf_clear(&gone->text);
	buf_clear(&gone->content);
	if (gone->burial)
		event_free(gone->burial);
	if (gone->base)
		event_base_free(gone->base);
	free(gone);
}

struct command *
command_new(enum command_type type)
{
	struct command *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->type = type;
	c->fd = -1;
	list_init(&c->node);
	return c;
}

static void
command_free(struct command *c)
{
	for (size_t i = 0; i < c->n_listeners; i++)
		close_fd(c->listeners[i].fd);
	free(c->listeners);
	for (size_t i = 0; i < c->n_staples; i++)
		staple_unref(&c->staples[i].staple);
	free(c->staples);
	generation_unref(&c->generation);
	close_fd(c->fd);
	exchange_free_login(c->login);
	exchange_ticket_free(c->ticket);
	exchange_flight_free(c->flight);
	exchange_disk_free(c->disk);
	free(c);
}

void
worker_post(struct worker *w, struct command *command)
{
	mailbox_post(&w->commands, &command->node);
}

void
worker_order_drain(struct worker *w, uint64_t ms)
{
	struct command *c = command_new(COMMAND_DRAIN);

	if (!c)
		abort();
	c->drain_ms = ms;
	worker_post(w, c);
}

static struct note *
worker_new_note(struct worker *w, enum note_type type, const char *target, const char *why)
{
	struct note *note = calloc(1, sizeof(*note));

	if (!note)
		return NULL;
	note->type = type;
	note->thread = w->index;
	note->generation = w->generation ? w->generation->number : 0;
	(void)snprintf(note->target, sizeof(note->target), "%s", target);
	(void)snprintf(note->why, sizeof(note->why), "%s", why);
	return note;
}

void
worker_note(struct worker *w, enum note_type type, const char *target, const char *why)
{
	struct note *note = worker_new_note(w, type, target, why);

	/* Without this note the parent would wait for ever; a new process is better. */
	if (!note && type == NOTE_ADOPTED)
		abort();
	if (note)
		mailbox_post(w->notes, &note->node);
}

void
worker_note_dial(struct worker *w, uint64_t id, const char *path)
{
	struct note *note = worker_new_note(w, NOTE_DIAL, path, "");

	/* Who waits has a time-out. */
	if (!note)
		return;
	note->dial = id;
	mailbox_post(w->notes, &note->node);
}

void
worker_note_offender(struct worker *w, const char *address, const char *why, uint64_t for_ms)
{
	struct note *note = worker_new_note(w, NOTE_OFFENDER, address, why);

	if (!note)
		return;
	note->for_ms = for_ms;
	mailbox_post(w->notes, &note->node);
}

void
worker_limit_reached(struct worker *w, enum overload_limit which)
{
	if (overload_hit(&w->overload, which, clock_wall_coarse_ms()))
		log_warn("limit reached", kv_s("limit", overload_limit_name(which)),
			kv_u("thread", w->index));
}

void
worker_note_target(struct worker *w, const struct backend *b, const char *why)
{
	struct note *note = worker_new_note(
		w, why ? NOTE_TARGET_DOWN : NOTE_TARGET_UP, backend_name(b), why ? why : "");

	if (!note)
		return;
	(void)snprintf(note->route, sizeof(note->route), "%s", backend_route(b));
	mailbox_post(w->notes, &note->node);
}

void
worker_note_staple(struct worker *w, const unsigned char id[static STAPLE_ID_SIZE],
	enum staple_state state, struct staple *staple, const char *why)
{
	struct note *note = worker_new_note(w, NOTE_STAPLE, "", why);

	if (!note) {
		staple_unref(&staple);
		return;
	}
	memcpy(note->staple.id, id, STAPLE_ID_SIZE);
	note->staple.staple = staple;
	note->staple_state = state;
	mailbox_post(w->notes, &note->node);
}

/* Without memory for one there is none. */
static void
worker_set_staples(struct worker *w, struct staple_part *parts, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct slice id = slice_of(parts[i].id, STAPLE_ID_SIZE);
		struct staple *old = map_remove(w->tls.staples, id);

		staple_unref(&old);
		if (parts[i].staple && map_set(w->tls.staples, id, parts[i].staple, NULL) == 0)
			parts[i].staple = NULL;
	}
}

/* The new generation is the current one from here on. Requests that are under way keep theirs. */
static void
worker_adopt(struct worker *w, struct command *c)
{
	generation_unref(&w->generation);
	w->generation = steal_ptr(&c->generation);
	w->tls.profile = w->generation->conf->tls.profile;
	w->tls.demand = w->generation->n_demands ? conn_find_demand : NULL;
	listeners_adopt(w, c->listeners, c->n_listeners);
	resolver_refresh(&w->resolver);
	overload_adopt(&w->overload, &w->generation->conf->overload, w->generation->n_threads);
	exchange_adopt_tunnels(w);
	/* What the new one trusts is new, even where the file says the same. */
	tls_sessions_forget(&w->sessions);
	worker_forget_staples(w);
	worker_set_staples(w, c->staples, c->n_staples);
	if (w->index == 0) {
		checker_adopt(w);
		stapler_adopt(w);
	}
	if (!w->generation->conf->access_log)
		access_log_set(&w->access_log, -1);
	worker_note(w, NOTE_ADOPTED, "", "");
}

static void
worker_container(struct worker *w, const struct container_news *news)
{
	struct container_entry *entry = containers_get(&w->containers, slice_str(news->name));
	struct addr old[2];
	enum container_change change;

	if (!entry)
		return;
	old[0] = entry->address;
	old[1] = entry->address6;
	change = container_update(entry, news, clock_wall_coarse_ms(), clock_mono_coarse_ms());
	if (change == CONTAINER_SAME)
		return;
	if (change == CONTAINER_LOST) {
		upstream_close_idle(w, &old[0]);
		upstream_close_idle(w, &old[1]);
	}
	exchange_on_container(entry, change);
}

static void
worker_answered(struct worker *w, struct slice name)
{
	struct container_entry *entry = containers_get(&w->containers, name);

	if (entry)
		entry->answered = true;
}

static void
worker_drain(struct worker *w, uint64_t ms)
{
	uint64_t goodbye_ms = ms / 4 < TUNNEL_GOODBYE_MS ? ms / 4 : TUNNEL_GOODBYE_MS;

	w->draining = true;
	timer_set(&w->timers, &w->goodbye, clock_mono_coarse_ms() + ms - goodbye_ms);
	stapler_free(&w->stapler);
	listeners_stop(w);
	list_each(node, &w->conns) conn_drain(list_entry(node, struct conn, node));
	worker_note(w, NOTE_DRAINING, "", "");
}

static void
worker_on_command(struct list *item, void *ctx)
{
	struct worker *w = ctx;
	struct command *c = list_entry(item, struct command, node);

	if (w->stopping) {
		command_free(c);
		return;
	}
	switch (c->type) {
	case COMMAND_ADOPT:
		worker_adopt(w, c);
		break;
	case COMMAND_CONTAINER:
		worker_container(w, &c->container);
		break;
	case COMMAND_ANSWERED:
		worker_answered(w, slice_str(c->container.name));
		break;
	case COMMAND_ACCESS_LOG:
		access_log_set(&w->access_log, steal_fd(&c->fd));
		break;
	case COMMAND_DRAIN:
		worker_drain(w, c->drain_ms);
		break;
	case COMMAND_LOGIN:
		exchange_on_login(c->login);
		break;
	case COMMAND_DIALED:
		dial_answer(w, c->dial, steal_fd(&c->fd), c->error);
		break;
	case COMMAND_STAPLE:
		worker_set_staples(w, c->staples, c->n_staples);
		break;
	case COMMAND_PLACE:
		exchange_on_place(c->ticket);
		break;
	case COMMAND_FLIGHT:
		exchange_on_flight(c->flight);
		break;
	case COMMAND_DISK:
		exchange_on_disk(c->disk);
		break;
	case COMMAND_STOP:
		w->stopping = true;
		event_base_loopbreak(w->base);
		break;
	}
	command_free(c);
}

struct slice
worker_date(struct worker *w)
{
	return http_date_now(&w->date, (int64_t)(clock_wall_coarse_ms() / 1000));
}
