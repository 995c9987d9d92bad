/*
 * Stored answers whose body stays on disk (cache_far.h), towards the client: a piece is sent while
 * the next one is read. The first one is read before the head goes out, so that what is damaged, or
 * has gone, is fetched anew; later, the answer can only be cut off.
 */
#include "proxy/exchange/exchange_cache.h"

#include "core/clock.h"
#include "core/own.h"
#include "proxy/cache/cache_disk.h"

/* One client's; both buffers are charged to the memory tier. */
struct far_stream {
	struct cache_body *piece; /* the one that is being sent; NULL: none yet */
	struct cache_body *ahead; /* the next one, once it has been read */
	struct cache_body *spare; /* room for one */
	uint64_t number;          /* the piece's */
	bool reading, failed;
};

void
exchange_far_release(struct exchange *x)
{
	struct far_stream *s = x->cached->far;

	if (!s)
		return;
	cache_body_unref(&s->piece);
	cache_body_unref(&s->ahead);
	cache_body_unref(&s->spare);
	x->conn->far_streams--;
	cache_disk_stream_end(x->worker->disk);
	x->cached->far = NULL;
}

/* --- reading --------------------------------------------------------------------------------- */

/* False: it cannot even be asked for. */
static bool
far_read(struct exchange *x, uint64_t number, uint64_t wait_ms)
{
	struct far_stream *s = x->cached->far;

	if (!s->spare)
		s->spare = cache_body_new(x->worker->cache, CACHE_FAR_PIECE);
	s->reading = s->spare && exchange_disk_read(x, number, &s->spare, wait_ms);
	return s->reading;
}

/* The piece in hand has been sent: the next one takes its place. */
static void
far_turn(struct far_stream *s)
{
	if (!s->spare)
		s->spare = s->piece;
	else
		cache_body_unref(&s->piece);
	s->piece = s->ahead;
	s->ahead = NULL;
	s->number++;
}

/* Reads ahead, when there is something ahead. */
static void
far_read_on(struct exchange *x)
{
	struct exchange_cache *c = x->cached;
	struct far_stream *s = c->far;
	uint64_t next = s->number + 1;

	if (s->ahead || s->reading || next * CACHE_FAR_PIECE >= c->at + c->left)
		return;
	/* Without memory for a second buffer it waits until the first one has been sent. */
	(void)far_read(x, next, CACHE_DISK_PIECE_MS);
}

/* Without a second buffer: the first one is read into again. */
static void
far_read_next(struct exchange *x)
{
	struct far_stream *s = x->cached->far;

	if (!s->spare) {
		s->spare = s->piece;
		s->piece = NULL;
	}
	if (!far_read(x, s->number + 1, CACHE_DISK_PIECE_MS))
		s->failed = true;
}

struct slice
exchange_far_run(struct exchange *x)
{
	struct exchange_cache *c = x->cached;
	struct far_stream *s = c->far;
	uint64_t number = c->at / CACHE_FAR_PIECE;
	size_t from = (size_t)(c->at % CACHE_FAR_PIECE);

	if (number != s->number && s->ahead)
		far_turn(s);
	if (number != s->number || !s->piece) {
		if (!s->reading && !s->failed)
			far_read_next(x);
		return (struct slice){0};
	}
	far_read_on(x);
	return slice_head(slice_of(s->piece->data + from, s->piece->n - from),
		c->left < CACHE_FAR_PIECE ? (size_t)c->left : CACHE_FAR_PIECE);
}

bool
exchange_far_has_failed(const struct exchange *x)
{
	return x->cached->far && x->cached->far->failed;
}

/* --- the beginning --------------------------------------------------------------------------- */

/* The backend is asked as if nothing were stored, unless it has been. What cannot be sent for want
 * of a share only is better than nothing, should that one be away. */
static void
far_refuse(struct exchange *x, bool damaged)
{
	struct exchange_cache *c = x->cached;

	exchange_far_release(x);
	c->serving = false;
	c->left = 0;
	if (damaged)
		cache_store_remove(x->worker->cache, c->object);
	if (c->forward_status || c->overdraws) {
		exchange_answer(x, 502, NULL, "what is stored cannot be read");
		return;
	}
	if (c->request.only_if_cached) {
		exchange_answer(x, 504, NULL, "what is stored cannot be read now");
		return;
	}
	if (!damaged && c->forward == CACHE_FORWARD_HIT)
		c->spared = steal_ptr(&c->object);
	cache_object_unref(&c->object);
	c->conditions = (struct slice){0};
	c->collapsed = false;
	c->detail = NULL;
	c->forward = damaged ? CACHE_FORWARD_URI_MISS : CACHE_FORWARD_BYPASS;
	c->request.bypass = !damaged;
	exchange_start_buffer(x);
}

void
exchange_far_begin(struct exchange *x)
{
	struct exchange_cache *c = x->cached;
	struct far_stream *s = NULL;
	/* Where nothing better is to be had, or the backend has just said that this is it, the
	 * share of the connection does not count; when the backend is away it is twice as much. */
	unsigned held = c->forward == CACHE_FORWARD_STALE ? 0
			: c->overdraws                    ? x->conn->far_streams / 2
							  : x->conn->far_streams;

	if (cache_disk_stream_begin(x->worker->disk, held)) {
		x->conn->far_streams++;
		s = arena_zalloc(x->arena, sizeof(*s));
		if (!s) {
			x->conn->far_streams--;
			cache_disk_stream_end(x->worker->disk);
		}
	}
	c->far = s;
	if (s)
		s->number = c->at / CACHE_FAR_PIECE;
	if (!s || !far_read(x, s->number, CACHE_DISK_WAIT_MS)) {
		far_refuse(x, false);
		return;
	}
	front_set_wait(x->front, CONN_WAIT_NOTHING, 0);
	exchange_set_state(x, EXCHANGE_DISK);
}

void
exchange_far_was_read(struct exchange *x, struct cache_body **piece)
{
	struct exchange_cache *c = x->cached;
	struct far_stream *s = c->far;
	struct cache_body *come = *piece;

	*piece = NULL;
	s->reading = false;
	s->failed = come == NULL;
	if (x->state != EXCHANGE_DISK) {
		s->ahead = come;
		if (!come) /* the next one fetches it anew */
			cache_store_remove(x->worker->cache, c->object);
		return;
	}
	s->piece = come;
	if (come)
		exchange_cache_serve(x);
	else
		far_refuse(x, true);
}
