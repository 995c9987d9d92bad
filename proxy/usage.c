/* Reads counters of other threads, with relaxed atomics, and writes them down. */
#include "proxy/usage.h"

#include "core/report.h"
#include "proxy/conn/conn.h"

#include <ctype.h>
#include <sys/resource.h>

#define REASON_MAX 64

/* The table's names as labels: "IDLE_TIMEOUT" is "idle_timeout". */
static struct slice
reason_label(const char *name, char out[static REASON_MAX])
{
	size_t n = 0;

	for (; n < REASON_MAX && name[n]; n++)
		out[n] = (char)tolower((unsigned char)name[n]);
	return slice_of(out, n);
}

static int
report_closes(struct worker *const *workers, size_t n, struct buf *out)
{
	static const char *const names[] = {
#define USAGE_CLOSE(id, text) #id,
		CONN_CLOSE_TABLE(USAGE_CLOSE)
#undef USAGE_CLOSE
	};

	for (unsigned reason = 0; reason < CONN_CLOSE_COUNT; reason++) {
		char label[REASON_MAX];
		struct report_close c = {.reason = reason_label(names[reason], label),
			.meaning = slice_str(conn_close_text((enum conn_close_reason)reason))};

		for (size_t i = 0; i < n; i++)
			c.number += atomic_load_explicit(
				&workers[i]->closes[reason], memory_order_relaxed);
		if (report_put_close(out, &c) < 0)
			return -1;
	}
	return 0;
}

static uint64_t
counter(const struct worker *w, enum stat_id which)
{
	return atomic_load_explicit(&w->stats.value[which], memory_order_relaxed);
}

static int
report_threads(struct worker *const *workers, size_t n, struct buf *out)
{
	for (size_t i = 0; i < n; i++) {
		const struct report_thread t = {.index = workers[i]->index,
			.accepted = counter(workers[i], STAT_CONNECTIONS_ACCEPTED),
			.open = counter(workers[i], STAT_CONNECTIONS_OPEN),
			.requests = counter(workers[i], STAT_REQUESTS)};

		if (report_put_thread(out, &t) < 0)
			return -1;
	}
	return 0;
}

/* What the limits are follows from the file and the machine, as for a thread. How many descriptors
 * are open the parent knows. */
static int
report_limits(struct worker *const *workers, size_t n, const struct generation *g, struct buf *out)
{
	struct rlimit descriptors = {0};
	struct overload most = {0};

	(void)getrlimit(RLIMIT_NOFILE, &descriptors);
	overload_adopt(&most, &g->conf->overload, (unsigned)n);
	for (unsigned which = 0; which < OVERLOAD_LIMIT_COUNT; which++) {
		struct report_limit l = {
			.name = slice_str(overload_limit_name((enum overload_limit)which))};

		for (size_t i = 0; i < n; i++) {
			const struct overload_hits *h = &workers[i]->overload.hits[which];
			uint64_t last = atomic_load_explicit(&h->last_ms, memory_order_relaxed);

			l.reached += atomic_load_explicit(&h->n, memory_order_relaxed);
			l.last_ms = last > l.last_ms ? last : l.last_ms;
			if (which == OVERLOAD_CONNECTIONS)
				l.now += counter(workers[i], STAT_CONNECTIONS_OPEN);
			if (which == OVERLOAD_MEMORY)
				l.now +=
					BLOCK_SIZE * atomic_load_explicit(&workers[i]->blocks.n_out,
							     memory_order_relaxed);
		}
		l.most = which == OVERLOAD_CONNECTIONS ? most.connections_max * n
			 : which == OVERLOAD_MEMORY    ? most.blocks_max * BLOCK_SIZE * n
						       : descriptors.rlim_cur;
		if (report_put_limit(out, &l) < 0)
			return -1;
	}
	return 0;
}

static bool
was_used(const struct route_sums *s)
{
	for (size_t i = 0; i < ROUTE_CLASSES; i++)
		if (s->classes[i] > 0)
			return true;
	return false;
}

static int
report_routes(const struct route_book *book, struct buf *out)
{
	for (size_t i = 0; i < route_book_size(book); i++) {
		struct report_route r;
		struct route_view view;

		route_book_view(book, i, &view);
		if (!was_used(&view.sums))
			continue;
		r = (struct report_route){.site = view.site,
			.path = view.path,
			.exact = view.exact,
			.sums = view.sums};
		if (report_put_route(out, &r) < 0)
			return -1;
	}
	return 0;
}

int
usage_report(struct worker *const *workers, size_t n, const struct generation *g, struct buf *out)
{
	if (report_threads(workers, n, out) < 0 || report_closes(workers, n, out) < 0)
		return -1;
	if (!g)
		return 0;
	return report_limits(workers, n, g, out) < 0 ? -1 : report_routes(g->book, out);
}
