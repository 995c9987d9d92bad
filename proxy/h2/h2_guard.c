/* From bytes to heads of frames, and what they say about the streams that were begun last. */
#include "proxy/h2/h2_guard.h"

#include <stdbool.h>
#include <string.h>

#define PREFACE_LEN 24
#define FRAME_HEAD 9

/* RFC 9113 sections 6 and 7. */
#define FRAME_DATA 0
#define FRAME_HEADERS 1
#define FRAME_PRIORITY 2
#define FRAME_RST_STREAM 3
#define FRAME_CONTINUATION 9
#define FRAME_PRIORITY_UPDATE 16 /* RFC 9218 section 7.1 */
#define FLAG_END_STREAM 1
#define PRIORITY_LEN 5
#define STREAM_LEN 4

#define NO_ERROR 0
#define PROTOCOL_ERROR 1
#define STREAM_CLOSED 5

#define ENDED 1u

void
h2_guard_init(struct h2_guard *g)
{
	*g = (struct h2_guard){.skip = PREFACE_LEN};
}

static uint32_t
number_at(const uint8_t *p)
{
	return ((uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3]) &
	       0x7fffffff;
}

static uint32_t
length_of(const struct h2_guard *g)
{
	return (uint32_t)g->head[0] << 16 | (uint32_t)g->head[1] << 8 | g->head[2];
}

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

static bool
is_forgotten(const struct h2_guard *g, uint32_t stream)
{
	return g->n > H2_GUARD_STREAMS && stream < g->seen[g->n % H2_GUARD_STREAMS] >> 1;
}

/* DATA or HEADERS on a stream of the client's. */
static uint32_t
judge_message(struct h2_guard *g, uint8_t type, uint32_t stream, uint32_t ended)
{
	uint32_t *known;

	if (stream > g->highest) {
		/* DATA on an idle stream is the library's to refuse. */
		if (type == FRAME_DATA)
			return NO_ERROR;
		g->highest = stream;
		g->seen[g->n++ % H2_GUARD_STREAMS] = stream << 1 | ended;
		return NO_ERROR;
	}
	known = find(g, stream);
	if (!known)
		return is_forgotten(g, stream) ? NO_ERROR : PROTOCOL_ERROR;
	if (*known & ENDED)
		return STREAM_CLOSED;
	*known |= ended;
	return NO_ERROR;
}

static uint32_t
judge(struct h2_guard *g)
{
	uint8_t type = g->head[3];
	uint32_t stream = number_at(g->head + 5), *known;

	if (type == FRAME_PRIORITY || (type > FRAME_CONTINUATION && type != FRAME_PRIORITY_UPDATE))
		g->ignored++;
	if (type == FRAME_PRIORITY) {
		/* The second half is RFC 7540's, section 5.3.1. */
		if (stream == 0 ||
			(length_of(g) == PRIORITY_LEN && number_at(g->head + FRAME_HEAD) == stream))
			return PROTOCOL_ERROR;
	} else if (type == FRAME_PRIORITY_UPDATE) {
		/* Of no stream: RFC 9218 section 7.1. */
		if (length_of(g) >= STREAM_LEN && number_at(g->head + FRAME_HEAD) == 0)
			return PROTOCOL_ERROR;
	} else if (stream % 2 == 0) {
		return NO_ERROR;
	} else if (type == FRAME_RST_STREAM) {
		known = find(g, stream);
		if (known)
			*known |= ENDED;
	} else if (type == FRAME_DATA || type == FRAME_HEADERS) {
		return judge_message(g, type, stream, g->head[4] & FLAG_END_STREAM);
	}
	return NO_ERROR;
}

/* Whether there is enough of the frame to judge it. */
static bool
is_head(const struct h2_guard *g)
{
	if (g->have < FRAME_HEAD)
		return false;
	if (g->head[3] == FRAME_PRIORITY)
		return length_of(g) != PRIORITY_LEN || g->have == H2_GUARD_HEAD_MAX;
	return g->head[3] != FRAME_PRIORITY_UPDATE || length_of(g) < STREAM_LEN ||
	       g->have == H2_GUARD_HEAD_MAX;
}

uint32_t
h2_guard_feed(struct h2_guard *g, const char *bytes, size_t n, size_t *ret_good)
{
	size_t i = 0;

	*ret_good = 0;
	while (i < n && g->error == NO_ERROR) {
		if (g->skip) {
			size_t step = g->skip < n - i ? g->skip : n - i;

			g->skip -= (uint32_t)step;
			i += step;
			continue;
		}
		if (g->have == 0) {
			*ret_good = i;
			if (n - i >= FRAME_HEAD) {
				memcpy(g->head, bytes + i, FRAME_HEAD - 1);
				g->have = FRAME_HEAD - 1;
				i += FRAME_HEAD - 1;
			}
		}
		g->head[g->have++] = (uint8_t)bytes[i++];
		if (!is_head(g))
			continue;
		g->error = judge(g);
		g->skip = length_of(g) + FRAME_HEAD - g->have;
		g->have = 0;
	}
	if (g->error == NO_ERROR)
		*ret_good = n;
	return g->error;
}
