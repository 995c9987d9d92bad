/* Buffers of bodies: inherited, compared, and what they come to. */
#include "conf/bodies.h"

#include <stddef.h>

static bool
same_requests(const struct conf_bodies *a, const struct conf_bodies *b)
{
	return a->body_buffer == b->body_buffer &&
	       !a->body_buffer_ordinal == !b->body_buffer_ordinal && a->whole == b->whole &&
	       a->spill == b->spill && a->spill_written == b->spill_written &&
	       !a->whole_ordinal == !b->whole_ordinal;
}

bool
conf_bodies_equal(const struct conf_bodies *a, const struct conf_bodies *b)
{
	return same_requests(a, b) && a->buffers == b->buffers &&
	       a->buffer_size == b->buffer_size && a->busy == b->busy && a->file == b->file &&
	       a->file_written == b->file_written && !a->buffers_ordinal == !b->buffers_ordinal;
}

void
conf_bodies_inherit(struct conf_bodies *bodies, const struct conf_bodies *outer)
{
	static const struct conf_bodies defaults = {.spill = CONF_SPILL_DEFAULT};
	const struct conf_bodies *from = outer ? outer : &defaults;

	if (!bodies->body_buffer_ordinal) {
		bodies->body_buffer = from->body_buffer;
		bodies->body_buffer_set = from->body_buffer_set;
	}
	if (!bodies->whole_ordinal)
		bodies->whole = from->whole;
	if (!bodies->spill_written)
		bodies->spill = bodies->whole_ordinal ? CONF_SPILL_DEFAULT : from->spill;
	if (bodies->buffers_ordinal)
		return;
	bodies->buffers = from->buffers;
	bodies->buffer_size = from->buffer_size;
	bodies->busy = from->busy;
	bodies->file = from->file;
}

bool
conf_bodies_written(const struct conf_bodies *bodies)
{
	return bodies->body_buffer_ordinal || bodies->whole_ordinal || bodies->buffers_ordinal;
}

uint64_t
conf_bodies_request_memory(const struct conf_bodies *bodies)
{
	if (bodies->whole && !bodies->body_buffer_set)
		return CONF_BODY_BUFFER_WHOLE;
	return bodies->body_buffer;
}

uint64_t
conf_bodies_answer_memory(const struct conf_bodies *bodies)
{
	if (bodies->file && bodies->busy)
		return bodies->busy;
	return bodies->buffers * bodies->buffer_size;
}
