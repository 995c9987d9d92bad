/* What the frames of a client say about the streams that it has begun last. */
#include "proxy/h2/h2_guard.h"

#define ENDED 1u

static uint32_t *
find(struct h2_guard *g, uint32_t stream)
{
	uint32_t known = g->n < H2_GUARD_STREAMS ? g->n : H2_GUARD_STREAMS;

	for (uint32_t back = 1; back <= known; back++) {
		uint32_t *at = &g->seen[(g->n - back) % H2_GUARD_STREAMS];

		if (*at >> 1 == stream)
			return at;
		if (*at >> 1 < stream)
			return NULL;
	}
	return NULL;
}

static int
is_forgotten(const struct h2_guard *g, uint32_t stream)
{
	return g->n > H2_GUARD_STREAMS && stream < g->seen[g->n % H2_GUARD_STREAMS] >> 1;
}

enum h2_error
h2_guard_judge(struct h2_guard *g, const struct h2_frame *f)
{
	uint32_t ended = f->flags & H2_FLAG_END_STREAM, *known;

	if (f->stream > g->highest) {
		/* Another frame on an idle stream is the session's to refuse. */
		if (f->type != H2_FRAME_HEADERS)
			return H2_NO_ERROR;
		g->highest = f->stream;
		g->seen[g->n++ % H2_GUARD_STREAMS] = f->stream << 1 | ended;
		return H2_NO_ERROR;
	}
	known = find(g, f->stream);
	if (f->type == H2_FRAME_RST_STREAM) {
		if (known)
			*known |= ENDED;
		return H2_NO_ERROR;
	}
	if (!known)
		return is_forgotten(g, f->stream) ? H2_NO_ERROR : H2_PROTOCOL_ERROR;
	if (*known & ENDED)
		return H2_STREAM_CLOSED;
	*known |= ended;
	return H2_NO_ERROR;
}
