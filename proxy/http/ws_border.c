/* Counting the bytes of WebSocket frames. */
#include "proxy/http/ws_border.h"

#define OPCODE_CLOSE 8u
#define FIN 0x80u
#define MASKED 0x80u
#define KEY_SIZE 4u
#define LENGTH_16 126u
#define LENGTH_64 127u

/* How many bytes stand before the payload or the masking key, once two are known. */
static unsigned
head_size(const struct ws_border *b)
{
	unsigned length = b->head[1] & ~MASKED;

	return length == LENGTH_16 ? 4 : length == LENGTH_64 ? 10 : 2;
}

static void
head_complete(struct ws_border *b)
{
	uint64_t length = b->head[1] & ~MASKED;

	if (length >= LENGTH_16) {
		length = 0;
		for (unsigned i = 2; i < b->n_head; i++)
			length = length << 8 | b->head[i];
	}
	if ((b->head[0] & 0x0f) == OPCODE_CLOSE)
		b->closing = true;
	/* A length that can't be is the receiver's matter: it only must not wrap around here. */
	b->left = length > UINT64_MAX - KEY_SIZE ? length
						 : length + (b->head[1] & MASKED ? KEY_SIZE : 0);
	b->n_head = 0;
}

void
ws_border_feed(struct ws_border *b, struct slice bytes)
{
	while (bytes.n > 0) {
		if (b->left > 0) {
			size_t n = b->left < bytes.n ? (size_t)b->left : bytes.n;

			b->left -= n;
			bytes = slice_skip(bytes, n);
			continue;
		}
		b->head[b->n_head++] = (uint8_t)bytes.p[0];
		bytes = slice_skip(bytes, 1);
		if (b->n_head >= 2 && b->n_head == head_size(b))
			head_complete(b);
	}
}

size_t
ws_close_frame(uint8_t to[static WS_CLOSE_MAX], bool masked)
{
	size_t n = 0;

	to[n++] = FIN | OPCODE_CLOSE;
	to[n++] = masked ? MASKED | 2u : 2u;
	for (unsigned i = 0; masked && i < KEY_SIZE; i++)
		to[n++] = 0;
	to[n++] = WS_GOING_AWAY >> 8;
	to[n++] = WS_GOING_AWAY & 0xff;
	return n;
}
