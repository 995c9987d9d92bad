/*
 * Packets made by hand, for tests of messages and channels: from the table, but without the code
 * under test.
 */
#ifndef TESTS_UNIT_CORE_WIRE_H
#define TESTS_UNIT_CORE_WIRE_H

#include "core/msg_table.h"

#include <stdint.h>
#include <string.h>

struct wire_row {
	uint32_t senders, receivers;
	unsigned fds;
	const char *fields;
};

static const struct wire_row wire_rows[MSG_TYPE_COUNT] = {[MSG_NONE] = {0, 0, 0, ""},
#define WIRE_ROW(id, senders, receivers, fds, fields, meaning)                                     \
	[MSG_##id] = {(senders), (receivers), (fds), (fields)},
	MSG_TABLE(WIRE_ROW)
#undef WIRE_ROW
};

/* The first role of a set. */
static inline enum role
wire_first(uint32_t roles)
{
	return (enum role)__builtin_ctz(roles);
}

/* Bytes of a field that is 0 or the empty string. */
static inline size_t
wire_field(char letter)
{
	static const struct {
		char letter;
		size_t size;
	} sizes[] = {{'b', 1}, {'h', 2}, {'s', 2}, {'u', 4}, {'i', 4}, {'U', 8}};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		if (sizes[i].letter == letter)
			return sizes[i].size;
	}
	return 0; /* brackets and the star */
}

/* Bytes of one repetition of the type's group. */
static inline size_t
wire_group(unsigned type)
{
	const char *p = strchr(wire_rows[type].fields, '(');
	size_t n = 0;

	for (; p && *p; p++)
		n += wire_field(*p);
	return n;
}

/* Writes a packet whose fields are all 0 or empty, a group once. Returns its size. */
static inline size_t
wire_packet(unsigned char *out, unsigned from, unsigned type, unsigned to)
{
	size_t n = 4;

	out[0] = (unsigned char)type;
	out[1] = (unsigned char)(type >> 8);
	out[2] = (unsigned char)from;
	out[3] = (unsigned char)to;
	for (const char *p = wire_rows[type].fields; *p; p++) {
		memset(out + n, 0, wire_field(*p));
		n += wire_field(*p);
	}
	return n;
}

#endif
