/*
 * Frames of HTTP/2: their numbers, and the nine bytes that each begins with (RFC 9113 sections 4.1,
 * 6 and 7; RFC 9218 section 7.1); pure.
 */
#ifndef PROXY_H2_FRAME_H
#define PROXY_H2_FRAME_H

#include <stddef.h>
#include <stdint.h>

#define H2_FRAME_HEAD 9
#define H2_FRAME_PAYLOAD_MAX 16384 /* the size that is the default; we never allow for more */
#define H2_STREAM_NUMBER_MAX INT32_C(0x7fffffff)

enum h2_frame_type {
	H2_FRAME_DATA = 0,
	H2_FRAME_HEADERS = 1,
	H2_FRAME_PRIORITY = 2,
	H2_FRAME_RST_STREAM = 3,
	H2_FRAME_SETTINGS = 4,
	H2_FRAME_PUSH_PROMISE = 5,
	H2_FRAME_PING = 6,
	H2_FRAME_GOAWAY = 7,
	H2_FRAME_WINDOW_UPDATE = 8,
	H2_FRAME_CONTINUATION = 9,
	H2_FRAME_PRIORITY_UPDATE = 16,
};

#define H2_FLAG_ACK 1u
#define H2_FLAG_END_STREAM 1u
#define H2_FLAG_END_HEADERS 4u
#define H2_FLAG_PADDED 8u
#define H2_FLAG_PRIORITY 32u

enum h2_setting {
	H2_SETTING_HEADER_TABLE_SIZE = 1,
	H2_SETTING_ENABLE_PUSH = 2,
	H2_SETTING_MAX_CONCURRENT_STREAMS = 3,
	H2_SETTING_INITIAL_WINDOW_SIZE = 4,
	H2_SETTING_MAX_FRAME_SIZE = 5,
	H2_SETTING_MAX_HEADER_LIST_SIZE = 6,
	H2_SETTING_ENABLE_CONNECT_PROTOCOL = 8, /* RFC 8441 */
	H2_SETTING_NO_RFC7540_PRIORITIES = 9,   /* RFC 9218 */
};

enum h2_error {
	H2_NO_ERROR = 0,
	H2_PROTOCOL_ERROR = 1,
	H2_INTERNAL_ERROR = 2,
	H2_FLOW_CONTROL_ERROR = 3,
	H2_SETTINGS_TIMEOUT = 4,
	H2_STREAM_CLOSED = 5,
	H2_FRAME_SIZE_ERROR = 6,
	H2_REFUSED_STREAM = 7,
	H2_CANCEL = 8,
	H2_COMPRESSION_ERROR = 9,
	H2_CONNECT_ERROR = 10,
	H2_ENHANCE_YOUR_CALM = 11,
};

struct h2_frame {
	uint32_t length; /* of the payload */
	uint8_t type, flags;
	uint32_t stream;
};

static inline uint32_t
h2_number(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline void
h2_put_number(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

static inline struct h2_frame
h2_frame_read(const uint8_t p[static H2_FRAME_HEAD])
{
	return (struct h2_frame){.length = h2_number(p) >> 8,
		.type = p[3],
		.flags = p[4],
		.stream = h2_number(p + 5) & H2_STREAM_NUMBER_MAX};
}

static inline void
h2_frame_write(uint8_t p[static H2_FRAME_HEAD], struct h2_frame f)
{
	h2_put_number(p, f.length << 8 | f.type);
	p[4] = f.flags;
	h2_put_number(p + 5, f.stream);
}

#endif
