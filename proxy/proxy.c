/*
 * The proxy's main thread: the channel to the parent and the life of generations. It takes offers,
 * builds them, hands them to the workers and tells the parent; it never serves a client.
 */
#include "proxy/proxy.h"

#include "core/chan.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/own.h"
#include "core/proc.h"
#include "core/report.h"
#include "core/sandbox.h"
#include "proxy/cache/cache_manager.h"
#include "proxy/tls/certificate_report.h"
#include "proxy/exchange/exchange.h"
#include "proxy/offer.h"
#include "proxy/tls/staple_desk.h"
#include "proxy/upstream/targets.h"
#include "proxy/usage.h"
#include "proxy/worker.h"

#include <errno.h>
#include <event2/thread.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define DRAIN_TICK_MS 200 /* how often to look whether connections are left */

struct proxy {
	struct event_base *base;
	struct chan *chan;
	struct mailbox notes; /* from the workers */
	struct tickets *tickets;
	struct backends *backends;
	struct guards guards;
	struct cache_manager cache;
	struct worker *workers[OFFER_THREADS_MAX];
	unsigned n_workers;
	bool running;               /* their threads were started */
	struct offer *offer;        /* being received, or built and waiting for COMMIT */
	struct generation *next;    /* built from the offer */
	struct generation *current; /* the last one that was committed */
	uint64_t committing;        /* the generation that workers are adopting; 0: none */
	unsigned missing;           /* workers that have not adopted it yet */
	struct map *containers;     /* the last news of each, for workers that begin later */
	int access_log;             /* the same; -1: none */
	int spool;                  /* the folder of files without a name; -1: none */
	struct tls_kernel kernel;   /* as it is for workers that begin */
	struct certificate_report report;
	struct staple_desk staples;
	struct target_events target_events;
	struct access_writer *writer;
	struct stats stats;  /* what belongs to no worker */
	struct event *drain; /* ticks while draining; NULL: it does not */
	uint64_t drain_until_ms;
	unsigned draining; /* workers that accept no more */
};

/* --- to the parent --------------------------------------------------------------------------- */

static void
proxy_say(struct proxy *p, enum msg_type type, uint64_t number)
{
	struct msg_out m;

	if (msg_out_init(&m, type, ROLE_PARENT) < 0)
		return;
	if (type == MSG_HELLO)
		msg_put_u32(&m, (uint32_t)number);
	else
		msg_put_u64(&m, number);
	(void)chan_send(p->chan, &m);
}

static void
proxy_refuse(struct proxy *p, uint64_t number, const struct err *e)
{
	struct msg_out m;

	if (msg_out_init(&m, MSG_REFUSED, ROLE_PARENT) < 0)
		return;
	msg_put_u64(&m, number);
	msg_put_u32(&m, e->ordinal);
	msg_put_str(&m, e->msg);
	(void)chan_send(p->chan, &m);
}

static void
proxy_event(struct proxy *p, const struct note *note)
{
	struct msg_out m;

	if (msg_out_init(&m, MSG_EVENT, ROLE_CONTROL) < 0)
		return;
	msg_put_str(&m, "backend failed");
	msg_put_str(&m, "target");
	msg_put_str(&m, note->target);
	msg_put_str(&m, "why");
	msg_put_str(&m, note->why);
	(void)chan_send(p->chan, &m);
}

/* The router, which sees the host's addresses, has the last word. */
static void
proxy_ban(struct proxy *p, const struct note *note)
{
	struct msg_out m;

	if (msg_out_init(&m, MSG_BAN, ROLE_ROUTER) < 0)
		return;
	msg_put_u64(&m, 0);
	msg_put_str(&m, note->target);
	msg_put_u64(&m, note->for_ms);
	msg_put_str(&m, note->why);
	(void)chan_send(p->chan, &m);
}

/* --- to the workers -------------------------------------------------------------------------- */

/* Without a command there is no way to go on that keeps the threads alike. */
static struct command *
proxy_command(enum command_type type)
{
	struct command *c = command_new(type);

	if (!c)
		abort();
	return c;
}

static void
proxy_tell_container(struct worker *w, const struct container_news *news)
{
	struct command *c = proxy_command(COMMAND_CONTAINER);

	c->container = *news;
	worker_post(w, c);
}

static void
proxy_tell_access_log(struct proxy *p, struct worker *w)
{
	struct command *c = proxy_command(COMMAND_ACCESS_LOG);

	c->fd = fcntl(p->access_log, F_DUPFD_CLOEXEC, 0);
	worker_post(w, c);
}

static void
proxy_spread_answer(struct proxy *p, const struct note *note)
{
	for (unsigned i = 0; i < p->n_workers; i++) {
		struct command *c;

		if (i == note->thread)
			continue;
		c = proxy_command(COMMAND_ANSWERED);
		(void)snprintf(c->container.name, sizeof(c->container.name), "%.63s", note->target);
		worker_post(p->workers[i], c);
	}
}

/* The parent's id for it: the thread, and the thread's own. */
#define DIAL_THREAD_SHIFT 48

static void
proxy_dial(struct proxy *p, const struct note *note)
{
	struct msg_out m;

	if (msg_out_init(&m, MSG_DIAL, ROLE_PARENT) < 0)
		return;
	msg_put_u64(&m, (uint64_t)note->thread << DIAL_THREAD_SHIFT | note->dial);
	msg_put_str(&m, note->target);
	(void)chan_send(p->chan, &m);
}

static void
proxy_on_note(struct list *item, void *ctx)
{
	struct proxy *p = ctx;
	struct note *note = list_entry(item, struct note, node);

	if (!p->chan) { /* the end: nobody is left to tell */
		staple_unref(&note->staple.staple);
		free(note);
		return;
	}
	switch (note->type) {
	case NOTE_ADOPTED:
		if (note->generation == p->committing && --p->missing == 0) {
			log_info("generation committed", kv_u("generation", p->committing));
			proxy_say(p, MSG_COMMITTED, p->committing);
			p->committing = 0;
		}
		break;
	case NOTE_DRAINING:
		p->draining++;
		break;
	case NOTE_BACKEND_DOWN:
		proxy_event(p, note);
		break;
	case NOTE_TARGET_DOWN:
	case NOTE_TARGET_UP:
		targets_event(&p->target_events, p->chan, note);
		break;
	case NOTE_DIAL:
		proxy_dial(p, note);
		break;
	case NOTE_OFFENDER:
		proxy_ban(p, note);
		break;
	case NOTE_STAPLE:
		staple_desk_on_note(&p->staples, note);
		break;
	case NOTE_ANSWERED:
		proxy_spread_answer(p, note);
		break;
	}
	free(note);
}

/* What was told before there were workers. */
static void
proxy_brief(struct proxy *p, struct worker *w)
{
	size_t cursor = 0;
	struct slice name;
	const struct container_news *news;

	while ((news = map_next(p->containers, &cursor, &name)) != NULL)
		proxy_tell_container(w, news);
	if (p->access_log >= 0)
		proxy_tell_access_log(p, w);
}

static void
proxy_free_workers(struct proxy *p)
{
	for (unsigned i = 0; i < p->n_workers; i++)
		worker_free(&p->workers[i]);
	p->n_workers = 0;
}

/* As many workers as the offer has listeners for. Once they run, their number stands. */
static int
proxy_make_workers(struct proxy *p, struct err *e)
{
	unsigned wanted = offer_threads(p->offer);

	if (p->running && wanted != p->n_workers)
		return err_set(e, "the number of threads can't change while running");
	if (wanted == p->n_workers)
		return 0;
	proxy_free_workers(p);
	for (unsigned i = 0; i < wanted; i++) {
		p->workers[i] = worker_new(i, wanted, p->tickets, &p->notes, e);
		if (!p->workers[i])
			return -1;
		p->workers[i]->guards = &p->guards;
		p->workers[i]->spool_folder = p->spool;
		p->workers[i]->kernel = p->kernel;
		cache_manager_share(&p->cache, p->workers[i]);
		p->n_workers++;
		p->workers[i]->access_log.writer = p->writer;
		proxy_brief(p, p->workers[i]);
	}
	return 0;
}

/* Hands a worker the listeners of its own. */
static void
proxy_share_listeners(struct offer *o, unsigned thread, struct command *c)
{
	c->listeners = calloc(o->n_listeners ? o->n_listeners : 1, sizeof(*c->listeners));
	if (!c->listeners)
		abort();
	for (size_t i = 0; i < o->n_listeners; i++) {
		struct offer_listener *l = &o->listeners[i];

		if (l->thread == thread)
			c->listeners[c->n_listeners++] = (struct listener_part){
				.addr = l->addr, .port = l->port, .fd = steal_fd(&l->fd)};
	}
}

static void
proxy_adopt(struct proxy *p)
{
	struct err e = {0};

	p->committing = p->next->number;
	p->missing = p->n_workers;
	for (unsigned i = 0; i < p->n_workers; i++) {
		struct command *c = proxy_command(COMMAND_ADOPT);

		c->generation = generation_ref(p->next);
		proxy_share_listeners(p->offer, i, c);
		staple_desk_share(&p->staples, c);
		worker_post(p->workers[i], c);
		if (!p->running && worker_start(p->workers[i], &e) < 0) {
			log_err("worker cannot be started", &e);
			abort();
		}
	}
	p->running = true;
}

/* --- messages -------------------------------------------------------------------------------- */

static void
proxy_forget_offer(struct proxy *p)
{
	generation_unref(&p->next);
	offer_free(&p->offer);
}

static void
proxy_on_offer(struct proxy *p, struct msg_in *m)
{
	proxy_forget_offer(p);
	p->offer = offer_new(m);
	if (!p->offer)
		log_error("offer dropped: out of memory");
}

static void
proxy_on_part(struct proxy *p, struct msg_in *m)
{
	uint64_t number = msg_get_u64(m);

	if (p->offer && p->offer->number == number && !p->next)
		offer_add(p->offer, m);
	else
		log_warn("part of no offer dropped", kv_s("message", msg_name(m->type)));
}

static void
proxy_on_offer_end(struct proxy *p, struct msg_in *m)
{
	uint64_t number = msg_get_u64(m);
	struct tls_thread *threads[OFFER_THREADS_MAX];
	struct err e = {0};

	if (!p->offer || p->offer->number != number || p->next)
		return;
	if (!p->offer->failed && proxy_make_workers(p, &e) < 0) {
		proxy_refuse(p, number, &e);
		proxy_forget_offer(p);
		return;
	}
	for (unsigned i = 0; i < p->n_workers; i++)
		threads[i] = &p->workers[i]->tls;
	p->next = offer_build(p->offer, threads, p->n_workers, p->current, p->backends);
	if (p->next) {
		proxy_say(p, MSG_READY, number);
	} else {
		proxy_refuse(p, number, &p->offer->err);
		proxy_forget_offer(p);
	}
}

static void
proxy_on_commit(struct proxy *p, struct msg_in *m)
{
	uint64_t number = msg_get_u64(m);

	if (!p->next || p->next->number != number) {
		log_error("commit of what was not offered", kv_u("generation", number));
		return;
	}
	log_set_level(p->next->conf->log_level);
	log_set_format(p->next->conf->log_format);
	targets_warn_unverified(p->next->conf);
	staple_book_adopt(&p->staples.book, p->next, (int64_t)clock_wall_ms());
	cache_manager_configure(&p->cache, p->next);
	proxy_adopt(p);
	generation_unref(&p->current);
	p->current = generation_ref(p->next);
	certificate_report_set(&p->report, p->next);
	proxy_forget_offer(p);
}

static void
proxy_on_abort(struct proxy *p, struct msg_in *m)
{
	if (p->offer && p->offer->number == msg_get_u64(m))
		proxy_forget_offer(p);
}

static void
proxy_on_ticket_keys(struct proxy *p, struct msg_in *m)
{
	struct memfd_map map = {0};
	struct err e = {0};

	if (memfd_map(m->fd, (size_t)TICKET_KEYS_MAX * TICKET_KEY_SIZE, &map, &e) < 0 ||
		tickets_set(p->tickets, map.bytes, &e) < 0)
		log_err("ticket keys dropped", &e);
	memfd_unmap(&map);
}

static void
proxy_on_ocsp_answers(struct proxy *p, struct msg_in *m)
{
	struct err e = {0};

	if (staple_book_restore(&p->staples.book, m->fd, &e) < 0)
		log_err("OCSP answers dropped", &e);
}

static void
proxy_on_access_log(struct proxy *p, struct msg_in *m)
{
	close_fd(p->access_log);
	p->access_log = msg_take_fd(m);
	for (unsigned i = 0; i < p->n_workers; i++)
		proxy_tell_access_log(p, p->workers[i]);
}

static void
proxy_on_container(struct proxy *p, struct msg_in *m)
{
	struct container_news *news = calloc(1, sizeof(*news));
	void *old = NULL;

	if (!news || container_news_read(m, news) < 0 ||
		map_set(p->containers, slice_str(news->name), news, &old) < 0) {
		log_error("container message dropped", kv_s("message", msg_name(m->type)));
		free(news);
		return;
	}
	free(old);
	for (unsigned i = 0; i < p->n_workers; i++)
		proxy_tell_container(p->workers[i], news);
}

static void
proxy_on_stats(struct proxy *p, struct msg_in *m)
{
	struct stats *arrays[OFFER_THREADS_MAX + 1];
	uint64_t id = msg_get_u64(m);
	struct msg_out out;

	for (unsigned i = 0; i < p->n_workers; i++)
		arrays[i] = &p->workers[i]->stats;
	arrays[p->n_workers] = &p->stats;
	atomic_store(&p->stats.value[STAT_ACCESS_LINES_DROPPED], access_writer_dropped(p->writer));
	cache_manager_count(&p->cache, &p->stats);
	if (msg_out_init(&out, MSG_STATS, ROLE_CONTROL) < 0)
		return;
	msg_put_u64(&out, id);
	stats_put(&out, ROLE_PROXY, arrays, p->n_workers + 1);
	(void)chan_send(p->chan, &out);
}

static void
proxy_on_usage(struct proxy *p, struct msg_in *m)
{
	uint64_t id = msg_get_u64(m);
	struct err e = {0};
	_fd_ int fd = -1;
	struct msg_out out;
	struct buf report;

	buf_init(&report, REPORT_MAX);
	if (usage_report(p->workers, p->n_workers, p->current, &report) < 0)
		log_warn("usage report is cut", kv_u("bytes", buf_len(&report)));
	fd = memfd_new("usage", buf_slice(&report), &e);
	buf_clear(&report);
	if (fd < 0 || msg_out_init(&out, MSG_USAGE_PROXY, ROLE_CONTROL) < 0) {
		log_err("usage cannot be reported", &e);
		return;
	}
	msg_put_u64(&out, id);
	msg_put_fd(&out, fd);
	(void)chan_send(p->chan, &out);
}

static void
proxy_on_sync(struct proxy *p, struct msg_in *m)
{
	if (slice_eq_str(msg_get_slice(m), role_name(ROLE_CONTROL)))
		certificate_report_tell(&p->report);
}

/* --- drain ----------------------------------------------------------------------------------- */

static uint64_t
proxy_connections(const struct proxy *p)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < p->n_workers; i++)
		n += atomic_load_explicit(
			&p->workers[i]->stats.value[STAT_CONNECTIONS_OPEN], memory_order_relaxed);
	return n;
}

static void
proxy_say_left(struct proxy *p, uint64_t left)
{
	struct msg_out m;

	if (msg_out_init(&m, MSG_DRAIN_LEFT, ROLE_PARENT) < 0)
		return;
	msg_put_u32(&m, left < UINT32_MAX ? (uint32_t)left : UINT32_MAX);
	(void)chan_send(p->chan, &m);
}

/* Ends the process when no connection is left. Before all workers have stopped accepting, their
 * number says nothing. */
static void
proxy_on_drain_tick(evutil_socket_t fd, short what, void *arg)
{
	struct proxy *p = arg;
	uint64_t left = proxy_connections(p);

	(void)fd;
	(void)what;
	if (p->draining == p->n_workers) {
		proxy_say_left(p, left);
		if (left == 0)
			event_base_loopbreak(p->base);
	}
	if (clock_mono_ms() >= p->drain_until_ms) {
		log_info("connections are cut at the end of the time", kv_u("connections", left));
		event_base_loopbreak(p->base);
	}
}

static void
proxy_on_drain(struct proxy *p, struct msg_in *m)
{
	uint64_t ms = msg_get_u64(m);

	if (p->drain)
		return;
	p->drain = event_new(p->base, -1, EV_PERSIST, proxy_on_drain_tick, p);
	if (!p->drain || !p->running) {
		event_base_loopbreak(p->base);
		return;
	}
	log_info("draining", kv_u("connections", proxy_connections(p)), kv_u("ms", ms));
	p->drain_until_ms = clock_mono_ms() + ms;
	cache_manager_let_go(&p->cache);
	event_add(p->drain, &(struct timeval){.tv_usec = DRAIN_TICK_MS * 1000});
	for (unsigned i = 0; i < p->n_workers; i++)
		worker_order_drain(p->workers[i], ms);
}

static void
proxy_on_targets(struct proxy *p, struct msg_in *m)
{
	uint64_t id = msg_get_u64(m);

	if (msg_finish(m) == 0)
		targets_send(p->chan, p->current, id);
}

static void
proxy_on_dialed(struct proxy *p, struct msg_in *m)
{
	uint64_t id = msg_get_u64(m);
	int error = m->type == MSG_DIAL_FAILED ? msg_get_i32(m) : 0;
	uint64_t thread = id >> DIAL_THREAD_SHIFT;
	struct command *c;

	if (msg_finish(m) < 0 || thread >= p->n_workers)
		return;
	c = proxy_command(COMMAND_DIALED);
	c->dial = id & ((UINT64_C(1) << DIAL_THREAD_SHIFT) - 1);
	c->error = error;
	c->fd = msg_take_fd(m);
	worker_post(p->workers[thread], c);
}

static void
proxy_on_cache(struct proxy *p, struct msg_in *m)
{
	cache_manager_on_ask(&p->cache, m);
}

/* X(message, handler): what the parent and, through it, lxc and control may send. */
#define PROXY_MESSAGE_TABLE(X)                                                                     \
	X(OFFER, proxy_on_offer)                                                                   \
	X(LISTENER, proxy_on_part)                                                                 \
	X(CERTIFICATE, proxy_on_part)                                                              \
	X(PRIVATE_KEY, proxy_on_part)                                                              \
	X(CLIENT_CA, proxy_on_part)                                                                \
	X(ERROR_PAGE, proxy_on_part)                                                               \
	X(UPSTREAM_CA, proxy_on_part)                                                              \
	X(PASSWORDS, proxy_on_part)                                                                \
	X(ROOT, proxy_on_part)                                                                     \
	X(OFFER_END, proxy_on_offer_end)                                                           \
	X(COMMIT, proxy_on_commit)                                                                 \
	X(ABORT, proxy_on_abort)                                                                   \
	X(TICKET_KEYS, proxy_on_ticket_keys)                                                       \
	X(OCSP_ANSWERS, proxy_on_ocsp_answers)                                                     \
	X(ACCESS_LOG, proxy_on_access_log)                                                         \
	X(CONTAINER, proxy_on_container)                                                           \
	X(CONTAINER_GONE, proxy_on_container)                                                      \
	X(DRAIN, proxy_on_drain)                                                                   \
	X(STATS_GET, proxy_on_stats)                                                               \
	X(SYNC, proxy_on_sync)                                                                     \
	X(DIALED, proxy_on_dialed)                                                                 \
	X(DIAL_FAILED, proxy_on_dialed)                                                            \
	X(CACHE_ASK, proxy_on_cache)                                                               \
	X(TARGETS_GET, proxy_on_targets)                                                           \
	X(USAGE_GET, proxy_on_usage)

static void
proxy_on_msg(struct chan *c, struct msg_in *m, void *ctx)
{
	static void (*const handlers[MSG_TYPE_COUNT])(struct proxy *, struct msg_in *) = {
#define PROXY_MESSAGE_ROW(id, handler) [MSG_##id] = (handler),
		PROXY_MESSAGE_TABLE(PROXY_MESSAGE_ROW)
#undef PROXY_MESSAGE_ROW
	};

	(void)c;
	if (handlers[m->type])
		handlers[m->type](ctx, m);
	else
		log_error("message without a meaning here", kv_s("message", msg_name(m->type)));
}

static void
proxy_on_close(struct chan *c, const char *reason, void *ctx)
{
	struct proxy *p = ctx;

	(void)c;
	log_info("the parent is gone", kv_s("why", reason));
	event_base_loopbreak(p->base);
}

/* --- the process ----------------------------------------------------------------------------- */

/* Connections cost descriptors: as many as the system allows. */
static void
proxy_raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		log_warn("descriptor limit cannot be raised", kv_i("errno", errno));
}

/* SLUICE_LOG: "LEVEL,FORMAT"; the configuration's own take over at the first commit. */
static void
proxy_log_from_env(void)
{
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): there is no thread yet. */
	struct slice text = slice_str(getenv("SLUICE_LOG"));
	struct slice level = slice_head(text, slice_index(text, ','));

	log_init("proxy", STDERR_FILENO);
	if (slice_eq_str(level, "error"))
		log_set_level(LOG_LEVEL_ERROR);
	else if (slice_eq_str(level, "warn"))
		log_set_level(LOG_LEVEL_WARN);
	else if (slice_eq_str(level, "debug"))
		log_set_level(LOG_LEVEL_DEBUG);
	if (slice_ends(text, SLICE_LIT(",json")))
		log_set_format(LOG_FORMAT_JSON);
}

/* Files that are opened later: the resolver's, the folders of `dir` targets, and in the spool. That
 * stands below a folder which is the parent's alone, so it is opened before the user changes. */
static int
proxy_enter_sandbox(struct proxy *p, struct err *e)
{
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): there is no thread yet. */
	const char *roots = getenv("SLUICE_ROOTS");
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): there is no thread yet. */
	const char *spool = getenv("SLUICE_SPOOL");
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): there is no thread yet. */
	const char *stores = getenv("SLUICE_STORES");
	const struct sandbox_path paths[] = {
		{.path = "/etc/resolv.conf"},
		{.path = "/etc/hosts"},
		{.path = "/run/systemd/resolve"},
		{.path = roots ? roots : "/nonexistent"},
		{.path = CACHE_DISK_BOOT_FILE},
		{.path = spool ? spool : "/nonexistent", .write = true},
		{.path = stores ? stores : "/nonexistent", .write = true},
	};

	p->spool = spool ? open(spool, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
	if (spool && p->spool < 0)
		log_warn("spool cannot be opened", kv_s("path", spool), kv_i("errno", errno));

	return sandbox_enter(ROLE_PROXY, paths, ARRAY_SIZE(paths), e);
}

/* Signals of a terminal or a service manager are for the parent, which ends us by the channel. */
static void
proxy_ignore_signals(void)
{
	static const int ignored[] = {SIGPIPE, SIGINT, SIGHUP, SIGUSR1};

	for (size_t i = 0; i < ARRAY_SIZE(ignored); i++)
		(void)signal(ignored[i], SIG_IGN);
}

static int
proxy_open(struct proxy *p, struct err *e)
{
	static const struct chan_ops ops = {.on_msg = proxy_on_msg, .on_close = proxy_on_close};

	p->access_log = -1;
	if (evthread_use_pthreads() < 0 || tls_process_init(e) < 0)
		return err_set(e, "libraries do not start");
	p->base = event_base_new();
	p->containers = map_new();
	p->tickets = tickets_new();
	p->backends = backends_new();
	if (!p->base || !p->containers || !p->tickets || !p->backends ||
		guards_init(&p->guards, exchange_post_login) < 0)
		return err_set(e, "out of memory");
	if (certificate_report_init(&p->report, p->base, &p->chan, &p->staples.book) < 0 ||
		staple_desk_init(&p->staples, p->base, p->workers, &p->n_workers, &p->report) < 0)
		return err_set(e, "out of memory");
	if (mailbox_init(&p->notes, p->base, proxy_on_note, p, e) < 0 ||
		cache_manager_init(&p->cache, p->base, &p->chan, e) < 0)
		return -1;
	p->writer = access_writer_new(e);
	if (!p->writer)
		return -1;
	p->chan = chan_new(p->base, PROC_FD_CHANNEL, ROLE_PROXY, ROLE_PARENT, &ops, p, e);
	return p->chan ? 0 : -1;
}

static void
proxy_close(struct proxy *p)
{
	size_t cursor = 0;
	struct slice name;
	void *news;

	if (p->chan)
		chan_drain(p->chan, DRAIN_TICK_MS);
	chan_free(&p->chan);
	if (p->drain)
		event_free(p->drain);
	proxy_forget_offer(p);
	generation_unref(&p->current);
	certificate_report_clear(&p->report);
	staple_desk_clear(&p->staples);
	guards_stop(&p->guards);
	proxy_free_workers(p);
	cache_manager_clear(&p->cache);
	access_writer_free(&p->writer);
	mailbox_clear(&p->notes);
	while (p->containers && (news = map_next(p->containers, &cursor, &name)) != NULL)
		free(news);
	map_free(&p->containers);
	backends_free(&p->backends);
	tickets_free(&p->tickets);
	guards_clear(&p->guards);
	close_fd(p->access_log);
	close_fd(p->spool);
	if (p->base)
		event_base_free(p->base);
}

int
proxy_main(void)
{
	static struct proxy proxy;
	struct err e = {0};
	int status = EXIT_SUCCESS;

	proxy_log_from_env();
	proxy_ignore_signals();
	proxy_raise_descriptors();
	tls_kernel_init(&proxy.kernel); /* while the module is loaded for us */
	if (proxy_enter_sandbox(&proxy, &e) < 0) {
		log_err("sandbox cannot be entered", &e);
		return EXIT_FAILURE;
	}
	if (proxy_open(&proxy, &e) < 0) {
		log_err("proxy does not start", &e);
		status = EXIT_FAILURE;
	} else {
		proxy_say(&proxy, MSG_HELLO, (uint64_t)getpid());
		event_base_dispatch(proxy.base);
	}
	proxy_close(&proxy);
	return status;
}
