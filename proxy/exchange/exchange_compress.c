/*
 * Compression of answers, of whatever origin: the finished head says what the answer is, and is
 * changed when it is compressed; then the body goes through a compressor on its way into the
 * client's buffer.
 */
#include "proxy/exchange/exchange.h"

#include "core/clock.h"
#include "proxy/http/coding.h"
#include "proxy/exchange/exchange_cache.h"

/* "a000\r\n" in front of a chunk and "\r\n" behind it: a block's size has four digits. */
#define COMPRESS_CHUNK_HEAD 6
#define COMPRESS_CHUNK_MAX (COMPRESS_CHUNK_HEAD + 2 + sizeof(HTTP_CHUNK_LAST) - 1)
#define COMPRESS_ROOM_MIN 1024 /* with less, what is there is sent first */

/* --- the head -------------------------------------------------------------------------------- */

void
exchange_read_accept(const struct exchange *x, struct coding_accept *ret)
{
	const struct http_request *r = &x->request;

	for (size_t i = 0; i < r->n_fields; i++) {
		if (r->fields[i].id == HTTP_NAME_ACCEPT_ENCODING)
			coding_accept_add(ret, http_request_slice(r, r->fields[i].value));
	}
}

static enum coding
compress_choose(const struct exchange *x)
{
	struct coding_accept accept = {0};

	exchange_read_accept(x, &accept);
	return coding_choose(&accept);
}

/* Writes the changed head in place of what stands from `from` on. */
static int
compress_change_head(
	struct exchange *x, size_t from, const struct coding_change *change, struct buf *out)
{
	struct buf *text = &x->worker->text;

	buf_reset(text);
	if (coding_write_head(slice_skip(buf_slice(out), from), change, text) < 0)
		return -1;
	out->end = out->start + from;
	return buf_append_slice(out, buf_slice(text));
}

/* RFC 9110 section 15.4.5: "not modified" carries the Vary and the ETag that the answer would: a
 * weak one, when that is what the client has. Where it does not say of what type the answer is, it
 * is taken for one that would be compressed. */
static int
compress_not_modified(
	struct exchange *x, size_t from, const struct coding_facts *facts, struct buf *out)
{
	struct coding_change change = {.coding = CODING_NONE};
	struct slice none = http_request_value(&x->request, HTTP_NAME_IF_NONE_MATCH);
	struct slice tag;

	while (http_list_next(&none, &tag))
		change.weak = change.weak || (slice_starts(tag, SLICE_LIT("W/")) &&
						     slice_eq(slice_skip(tag, 2), facts->etag));
	change.vary = !facts->varies && !facts->no_transform && !facts->digest &&
		      facts->encoding.n == 0 &&
		      (facts->type.n == 0 || coding_type_is_worth(facts->type));
	return change.weak || change.vary ? compress_change_head(x, from, &change, out) : 0;
}

/* The one that is accepted, when this thread can afford it: then x->compressor stands, but for
 * HEAD. */
static enum coding
compress_start(struct exchange *x)
{
	struct compressors *all = &x->worker->compressors;
	enum coding coding = compress_choose(x);

	if (coding == CODING_NONE)
		return CODING_NONE;
	if (!compressors_afford(all, clock_mono_coarse_ms())) {
		stats_add(&x->worker->stats, STAT_COMPRESS_SKIPPED, 1);
		return CODING_NONE;
	}
	if (x->request.method == HTTP_METHOD_HEAD)
		return coding;
	x->compressor = compressor_new(all, coding, x->route->compress.level);
	if (!x->compressor)
		return CODING_NONE;
	stats_add(&x->worker->stats, STAT_COMPRESSED, 1);
	return coding;
}

int
exchange_compress_head(struct exchange *x, size_t from, struct buf *out, enum http_body_kind *kind)
{
	struct coding_change change = {.coding = CODING_NONE};
	struct coding_facts facts;

	if (!x->route || !x->route->compress.on)
		return 0;
	coding_read_head(slice_skip(buf_slice(out), from), &facts);
	if (facts.status == 304)
		return compress_not_modified(x, from, &facts, out);
	if (!coding_is_worth(&facts))
		return 0;
	/* HTTP/1.0 knows no chunks. */
	if ((*kind != HTTP_BODY_NONE || x->request.method == HTTP_METHOD_HEAD) &&
		(x->request.minor > 0 || x->front->framed))
		change.coding = compress_start(x);
	change.vary = !facts.varies;
	change.weak = change.coding != CODING_NONE;
	if (x->compressor) {
		*kind = x->front->framed ? HTTP_BODY_UNTIL_CLOSE : HTTP_BODY_CHUNKED;
		x->answer_kind = *kind;
		change.chunked = *kind == HTTP_BODY_CHUNKED;
	}
	return compress_change_head(x, from, &change, out);
}

/* --- the body -------------------------------------------------------------------------------- */

/* n bytes stand behind the room for a chunk's head: the chunk around them. */
static void
compress_frame(struct iobuf *out, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	char *p = iobuf_tail(out);

	for (int i = 0; i < 4; i++)
		p[i] = digits[n >> (12 - 4 * i) & 0xf];
	p[4] = p[COMPRESS_CHUNK_HEAD + n] = '\r';
	p[5] = p[COMPRESS_CHUNK_HEAD + n + 1] = '\n';
	out->end += (uint32_t)(COMPRESS_CHUNK_HEAD + n + 2);
}

bool
exchange_compress(struct exchange *x, enum compressor_op op, struct slice *in)
{
	struct iobuf *out = &x->front->out;
	bool chunked = x->answer_kind == HTTP_BODY_CHUNKED;
	struct compressor_step s = {.op = op, .in = *in};
	size_t n;

	if (iobuf_hold(out, &x->worker->blocks) < 0) {
		front_close(x->front, CONN_CLOSE_MEMORY);
		return false;
	}
	if (iobuf_room(out) < COMPRESS_ROOM_MIN)
		iobuf_compact(out);
	if (iobuf_room(out) < COMPRESS_ROOM_MIN)
		return false;
	s.out = iobuf_tail(out) + (chunked ? COMPRESS_CHUNK_HEAD : 0);
	s.room = iobuf_room(out) - COMPRESS_CHUNK_MAX;
	if (compressor_run(x->compressor, &s) < 0) {
		x->reason = "compression failed";
		front_close(x->front, CONN_CLOSE_BODY_CUT);
		return false;
	}
	*in = s.in;
	n = iobuf_room(out) - COMPRESS_CHUNK_MAX - s.room;
	x->body_sent += n;
	if (x->cached)
		exchange_cache_feed(x, slice_of(s.out - n, n), true);
	if (n > 0 && chunked)
		compress_frame(out, n);
	else
		out->end += (uint32_t)n;
	if (!s.done || op != COMPRESSOR_END)
		return s.done;
	compressor_free(&x->compressor);
	if (x->cached)
		exchange_cache_complete(x, true);
	return true;
}
