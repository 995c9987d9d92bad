/* Limits of a thread, and the pace of a client. */
#include "proxy/guard/overload.h"

#include "proxy/conn/block.h"

#include <sys/resource.h>
#include <sys/sysinfo.h>

#define CONNECTIONS_AUTO 20000
#define DESCRIPTORS_RESERVED 128 /* for listeners, files and the like */
#define DESCRIPTORS_EACH 2       /* the client's and the backend's */
#define MEMORY_AUTO_MIN (UINT64_C(32) * 1024 * 1024)
#define MEMORY_AUTO_PART 8

const char *
overload_limit_name(enum overload_limit which)
{
	static const char *const names[] = {
#define OVERLOAD_LIMIT_NAME(id, name) [OVERLOAD_##id] = (name),
		OVERLOAD_LIMIT_TABLE(OVERLOAD_LIMIT_NAME)
#undef OVERLOAD_LIMIT_NAME
	};

	return names[which];
}

bool
overload_hit(struct overload *o, enum overload_limit which, uint64_t wall_ms)
{
	struct overload_hits *h = &o->hits[which];

	/* Only this thread writes them. */
	atomic_store_explicit(
		&h->n, atomic_load_explicit(&h->n, memory_order_relaxed) + 1, memory_order_relaxed);
	atomic_store_explicit(&h->last_ms, wall_ms, memory_order_relaxed);
	/* A clock that was set back must not silence it. */
	if (o->noted_ms[which] <= wall_ms && wall_ms < o->noted_ms[which] + OVERLOAD_NOTE_MS)
		return false;
	o->noted_ms[which] = wall_ms;
	return true;
}

void
overload_set(struct overload *o, const struct conf_overload *c, unsigned n_threads,
	uint64_t descriptors, uint64_t memory)
{
	uint64_t connections = c->connections, bytes = c->buffer_memory;
	/* Where there are few, a quarter is for other things. */
	uint64_t reserved =
		descriptors / 4 < DESCRIPTORS_RESERVED ? descriptors / 4 : DESCRIPTORS_RESERVED;
	uint64_t can = (descriptors - reserved) / DESCRIPTORS_EACH;

	if (connections == 0)
		connections = can < CONNECTIONS_AUTO ? can : CONNECTIONS_AUTO;
	if (bytes == 0)
		bytes = memory / MEMORY_AUTO_PART;
	if (c->buffer_memory == 0 && bytes < MEMORY_AUTO_MIN)
		bytes = MEMORY_AUTO_MIN;
	o->connections_max = (size_t)((connections + n_threads - 1) / n_threads);
	o->blocks_max = (size_t)(bytes / BLOCK_SIZE / n_threads);
	if (o->blocks_max == 0)
		o->blocks_max = 1;
}

void
overload_adopt(struct overload *o, const struct conf_overload *c, unsigned n_threads)
{
	struct rlimit limit = {.rlim_cur = 1024};
	struct sysinfo info = {0};

	(void)getrlimit(RLIMIT_NOFILE, &limit);
	(void)sysinfo(&info);
	overload_set(o, c, n_threads ? n_threads : 1, limit.rlim_cur,
		(uint64_t)info.totalram * info.mem_unit);
}

/* What the kernel holds for others on the same connection may hide some of what has moved. */
static uint64_t
pace_moved(const struct pace *p, uint64_t bytes)
{
	return bytes > p->bytes ? bytes - p->bytes : 0;
}

bool
pace_too_slow(struct pace *p, const struct conf_overload *c, uint64_t bytes, uint64_t now_ms)
{
	uint64_t elapsed;

	if (p->since_ms == 0) {
		*p = (struct pace){.since_ms = now_ms, .bytes = bytes};
		return false;
	}
	elapsed = now_ms - p->since_ms;
	if (c->min_rate == 0 || elapsed <= c->min_rate_after_ms)
		return false;
	if (pace_moved(p, bytes) * 1000 < c->min_rate * elapsed)
		return true;
	/* What was fast enough counts no longer: else who takes megabytes at once, into the
	 * kernel's buffers perhaps, could take a byte now and then for hours. */
	*p = (struct pace){.since_ms = now_ms, .bytes = bytes};
	return false;
}

uint64_t
pace_due_ms(const struct pace *p, const struct conf_overload *c)
{
	return c->min_rate == 0 ? UINT64_MAX : p->since_ms + c->min_rate_after_ms + 1;
}

void
pace_stop(struct pace *p)
{
	p->since_ms = 0;
}
