/* The report's records. The reader believes nothing: the proxy may have been taken over. */
#include "core/report.h"

/* --- writing --------------------------------------------------------------------------------- */

static int
put_number(struct buf *out, uint64_t v, size_t bytes)
{
	char text[8];

	for (size_t i = 0; i < bytes; i++)
		text[i] = (char)(v >> (8 * i));
	return buf_append(out, text, bytes);
}

static int
put_text(struct buf *out, struct slice s)
{
	s = slice_head(s, REPORT_TEXT_MAX);
	return put_number(out, s.n, 2) < 0 ? -1 : buf_append_slice(out, s);
}

/* Takes half a record back. */
static int
settle(struct buf *out, size_t before, int failed)
{
	if (failed)
		out->end = out->start + before;
	return failed ? -1 : 0;
}

int
report_put_close(struct buf *out, const struct report_close *c)
{
	size_t before = buf_len(out);

	return settle(out, before,
		buf_append_byte(out, REPORT_CLOSE) < 0 || put_text(out, c->reason) < 0 ||
			put_text(out, c->meaning) < 0 || put_number(out, c->number, 8) < 0);
}

int
report_put_thread(struct buf *out, const struct report_thread *t)
{
	size_t before = buf_len(out);

	return settle(out, before,
		buf_append_byte(out, REPORT_THREAD) < 0 || put_number(out, t->index, 4) < 0 ||
			put_number(out, t->accepted, 8) < 0 || put_number(out, t->open, 8) < 0 ||
			put_number(out, t->requests, 8) < 0);
}

int
report_put_limit(struct buf *out, const struct report_limit *l)
{
	size_t before = buf_len(out);

	return settle(out, before,
		buf_append_byte(out, REPORT_LIMIT) < 0 || put_text(out, l->name) < 0 ||
			put_number(out, l->now, 8) < 0 || put_number(out, l->most, 8) < 0 ||
			put_number(out, l->reached, 8) < 0 || put_number(out, l->last_ms, 8) < 0);
}

int
report_put_stored(struct buf *out, const struct report_stored *s)
{
	size_t before = buf_len(out);

	return settle(out, before,
		buf_append_byte(out, REPORT_STORED) < 0 || put_text(out, s->url) < 0 ||
			put_text(out, s->vary) < 0 || put_text(out, s->tags) < 0 ||
			put_text(out, s->type) < 0 || put_text(out, s->head) < 0 ||
			put_number(out, s->status, 2) < 0 || put_number(out, s->size, 8) < 0 ||
			put_number(out, s->age_s, 8) < 0 || put_number(out, s->lifetime_s, 8) < 0 ||
			put_number(out, s->on_disk, 1) < 0);
}

static int
put_sums(struct buf *out, const struct route_sums *s)
{
	for (size_t i = 0; i < ROUTE_CLASSES; i++)
		if (put_number(out, s->classes[i], 8) < 0)
			return -1;
	for (size_t i = 0; i < ROUTE_BUCKETS; i++)
		if (put_number(out, s->buckets[i], 8) < 0)
			return -1;
	return put_number(out, s->duration_us, 8) < 0 || put_number(out, s->sent, 8) < 0
		       ? -1
		       : put_number(out, s->received, 8);
}

int
report_put_route(struct buf *out, const struct report_route *r)
{
	size_t before = buf_len(out);

	return settle(out, before,
		buf_append_byte(out, REPORT_ROUTE) < 0 || put_text(out, r->site) < 0 ||
			put_text(out, r->path) < 0 || put_number(out, r->exact, 1) < 0 ||
			put_sums(out, &r->sums) < 0);
}

/* --- reading --------------------------------------------------------------------------------- */

struct reader {
	struct slice rest;
	bool bad;
};

static uint64_t
get_number(struct reader *r, size_t bytes)
{
	uint64_t v = 0;

	if (r->rest.n < bytes) {
		r->bad = true;
		return 0;
	}
	for (size_t i = 0; i < bytes; i++)
		v |= (uint64_t)(unsigned char)r->rest.p[i] << (8 * i);
	r->rest = slice_skip(r->rest, bytes);
	return v;
}

static struct slice
get_text(struct reader *r)
{
	size_t n = get_number(r, 2);
	struct slice s = slice_head(r->rest, n);

	if (n > REPORT_TEXT_MAX || s.n < n)
		r->bad = true;
	r->rest = slice_skip(r->rest, s.n);
	return s;
}

static void
get_sums(struct reader *r, struct route_sums *s)
{
	for (size_t i = 0; i < ROUTE_CLASSES; i++)
		s->classes[i] = get_number(r, 8);
	for (size_t i = 0; i < ROUTE_BUCKETS; i++)
		s->buckets[i] = get_number(r, 8);
	s->duration_us = get_number(r, 8);
	s->sent = get_number(r, 8);
	s->received = get_number(r, 8);
}

static void
get_stored(struct reader *r, struct report_stored *ret)
{
	uint64_t disk;

	ret->url = get_text(r);
	ret->vary = get_text(r);
	ret->tags = get_text(r);
	ret->type = get_text(r);
	ret->head = get_text(r);
	ret->status = (uint16_t)get_number(r, 2);
	ret->size = get_number(r, 8);
	ret->age_s = get_number(r, 8);
	ret->lifetime_s = get_number(r, 8);
	disk = get_number(r, 1);
	ret->on_disk = disk == 1;
	r->bad = r->bad || disk > 1;
}

static void
get_record(struct reader *r, struct report_record *ret)
{
	uint64_t kind = get_number(r, 1);

	if (kind == REPORT_CLOSE) {
		ret->kind = REPORT_CLOSE;
		ret->close.reason = get_text(r);
		ret->close.meaning = get_text(r);
		ret->close.number = get_number(r, 8);
	} else if (kind == REPORT_THREAD) {
		ret->kind = REPORT_THREAD;
		ret->thread.index = (uint32_t)get_number(r, 4);
		ret->thread.accepted = get_number(r, 8);
		ret->thread.open = get_number(r, 8);
		ret->thread.requests = get_number(r, 8);
	} else if (kind == REPORT_LIMIT) {
		ret->kind = REPORT_LIMIT;
		ret->limit.name = get_text(r);
		ret->limit.now = get_number(r, 8);
		ret->limit.most = get_number(r, 8);
		ret->limit.reached = get_number(r, 8);
		ret->limit.last_ms = get_number(r, 8);
	} else if (kind == REPORT_STORED) {
		ret->kind = REPORT_STORED;
		get_stored(r, &ret->stored);
	} else if (kind == REPORT_ROUTE) {
		ret->kind = REPORT_ROUTE;
		ret->route.site = get_text(r);
		ret->route.path = get_text(r);
		ret->route.exact = get_number(r, 1) != 0;
		get_sums(r, &ret->route.sums);
	} else {
		r->bad = true;
	}
}

int
report_next(struct slice *rest, struct report_record *ret)
{
	struct reader r = {.rest = *rest};

	if (rest->n == 0)
		return 0;
	get_record(&r, ret);
	if (r.bad)
		return -1;
	*rest = r.rest;
	return 1;
}
