/* Buffers of bodies as canonical text. */
#include "conf/print/print_bodies.h"

static void
size_or_off(struct writer *w, uint64_t size)
{
	if (size)
		writer_size(w, size);
	else
		writer_word(w, "off");
}

static void
print_requests(struct writer *w, const struct conf_bodies *b)
{
	if (b->body_buffer_ordinal) {
		writer_begin(w, b->body_buffer_ordinal, "body-buffer");
		size_or_off(w, b->body_buffer);
		writer_end(w);
	}
	if (!b->whole_ordinal)
		return;
	writer_begin(w, b->whole_ordinal, "request-buffering");
	writer_word(w, b->whole ? "on" : "off");
	if (b->spill_written) {
		writer_word(w, "spill");
		writer_size(w, b->spill);
	}
	writer_end(w);
}

static void
print_buffers(struct writer *w, const struct conf_bodies *b)
{
	writer_begin(w, b->buffers_ordinal, "buffers");
	if (b->buffers) {
		writer_number(w, b->buffers);
		writer_size(w, b->buffer_size);
	} else {
		writer_word(w, "off");
	}
	if (b->busy) {
		writer_word(w, "busy");
		writer_size(w, b->busy);
	}
	if (b->file_written) {
		writer_word(w, "file");
		size_or_off(w, b->file);
	}
	writer_end(w);
}

void
print_bodies(struct writer *w, const struct conf_bodies *bodies)
{
	print_requests(w, bodies);
	if (bodies->buffers_ordinal)
		print_buffers(w, bodies);
}
