/* Answers in several parts. */
#include "proxy/cache/cache_parts.h"

#include "proxy/file/file_range.h"

#include <inttypes.h>
#include <stdlib.h>

#define PART_HEAD_MAX 192 /* of one part: boundary, names and numbers; the content type apart */

static int
append_part(const struct cache_object *o, const char *boundary, const struct file_part *part,
	struct buf *out)
{
	const char *line_break = buf_len(out) ? "\r\n" : "";

	if (buf_printf(out, "%s--%s\r\n", line_break, boundary) < 0)
		return -1;
	if (o->type.n > 0 &&
		(buf_append_str(out, "Content-Type: ") < 0 || buf_append_slice(out, o->type) < 0 ||
			buf_append_str(out, "\r\n") < 0))
		return -1;
	if (buf_printf(out, "Content-Range: bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64 "\r\n\r\n",
		    part->start, part->start + part->length - 1, o->length) < 0)
		return -1;
	return buf_append(out, o->body->data + part->start, (size_t)part->length);
}

static size_t
room_for(const struct cache_object *o, const struct file_part *parts, size_t n)
{
	size_t room = (n + 1) * (PART_HEAD_MAX + o->type.n);

	for (size_t i = 0; i < n; i++)
		room += (size_t)parts[i].length;
	return room;
}

struct cache_body *
cache_parts_make(const struct http_request *request, const struct cache_object *o,
	struct slice boundary, struct cache_answer *a)
{
	struct slice range = http_request_value(request, HTTP_NAME_RANGE);
	struct file_part parts[FILE_RANGES_MAX];
	struct cache_body *body;
	struct buf out;
	size_t n = 0, room;

	if (!a->several || boundary.n > CACHE_BOUNDARY_MAX ||
		file_range_parse(range, o->length, parts, &n) != FILE_RANGE_PARTS)
		return NULL;
	room = room_for(o, parts, n);
	body = room <= CACHE_PARTS_MAX ? cache_body_new(o->store, room) : NULL;
	if (!body)
		return NULL;
	memcpy(a->boundary, boundary.p, boundary.n);
	a->boundary[boundary.n] = '\0';
	out = (struct buf){.data = body->data, .cap = room, .max = room};
	for (size_t i = 0; i < n; i++)
		if (append_part(o, a->boundary, &parts[i], &out) < 0)
			abort(); /* PART_HEAD_MAX is too small */
	if (buf_printf(&out, "\r\n--%s--\r\n", a->boundary) < 0)
		abort();
	body->n = buf_len(&out);
	a->status = 206;
	a->length = body->n;
	return body;
}
