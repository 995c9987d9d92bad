/*
 * Messages: writing and reading them field by field against the table, and what the table says
 * of them. Both sides walk the row's letters with the same cursor, so a writer can't send what a
 * reader won't take. Pure; chan.c moves the bytes.
 */
#include "core/msg.h"

#include <assert.h>
#include <stdlib.h>

struct row {
	const char *name;
	uint32_t senders, receivers;
	unsigned fds;
	const char *fields;
};

static const struct row rows[MSG_TYPE_COUNT] = {[MSG_NONE] = {"?", 0, 0, 0, ""},
#define MSG_ROW(id, senders, receivers, fds, fields, meaning)                                      \
	[MSG_##id] = {#id, (senders), (receivers), (fds), (fields)},
	MSG_TABLE(MSG_ROW)
#undef MSG_ROW
};

const char *
msg_name(enum msg_type type)
{
	return (unsigned)type < MSG_TYPE_COUNT ? rows[type].name : "?";
}

unsigned
msg_fds(enum msg_type type)
{
	return (unsigned)type < MSG_TYPE_COUNT ? rows[type].fds : 0;
}

bool
msg_permitted(enum role from, enum msg_type type, enum role to)
{
	if ((unsigned)type >= MSG_TYPE_COUNT || (unsigned)from >= ROLE_COUNT ||
		(unsigned)to >= ROLE_COUNT)
		return false;
	return (rows[type].senders >> from & 1) && (rows[type].receivers >> to & 1);
}

/* Moves the cursor over one field of this kind; false when the table has another one next. At
 * the group's end it goes back to the group's start. */
static bool
step(const char **next, char letter)
{
	const char *p = *next;

	if (*p == ')') {
		while (*p != '(')
			p--;
	}
	if (*p == '(')
		p++;
	if (*p != letter)
		return false;
	*next = p + 1;
	return true;
}

/* A message may end here: behind the last field, or where a group begins or ends. */
static bool
may_end(const char *next)
{
	return *next == '\0' || *next == '(' || *next == ')';
}

int
msg_out_init(struct msg_out *m, enum msg_type type, enum role to)
{
	*m = (struct msg_out){.type = type, .to = to, .fd = -1, .next = rows[type].fields};
	m->bytes = malloc(MSG_SIZE_MAX);
	if (!m->bytes) {
		m->bad = true;
		return -1;
	}
	m->bytes[0] = (unsigned char)type;
	m->bytes[1] = (unsigned char)((unsigned)type >> 8);
	m->bytes[2] = 0; /* the sender, known when it is sent */
	m->bytes[3] = (unsigned char)to;
	m->size = MSG_HEADER_SIZE;
	return 0;
}

void
msg_out_clear(struct msg_out *m)
{
	free(m->bytes);
	*m = (struct msg_out){.fd = -1, .bad = true, .next = ""};
}

/* Room for a field of n bytes, or NULL when the message turned bad. */
static unsigned char *
put_field(struct msg_out *m, char letter, size_t n)
{
	unsigned char *at;

	if (m->bad || !step(&m->next, letter) || n > MSG_SIZE_MAX - m->size) {
		m->bad = true;
		return NULL;
	}
	at = m->bytes + m->size;
	m->size += n;
	return at;
}

static void
put_number(struct msg_out *m, char letter, uint64_t v, size_t n)
{
	unsigned char *at = put_field(m, letter, n);

	for (size_t i = 0; at && i < n; i++)
		at[i] = (unsigned char)(v >> (8 * i));
}

void
msg_put_u8(struct msg_out *m, uint8_t v)
{
	put_number(m, 'b', v, sizeof(v));
}

void
msg_put_u16(struct msg_out *m, uint16_t v)
{
	put_number(m, 'h', v, sizeof(v));
}

void
msg_put_u32(struct msg_out *m, uint32_t v)
{
	put_number(m, 'u', v, sizeof(v));
}

void
msg_put_u64(struct msg_out *m, uint64_t v)
{
	put_number(m, 'U', v, sizeof(v));
}

void
msg_put_i32(struct msg_out *m, int32_t v)
{
	put_number(m, 'i', (uint32_t)v, sizeof(v));
}

void
msg_put_slice(struct msg_out *m, struct slice s)
{
	struct slice cut = slice_head(s, MSG_STRING_MAX);
	unsigned char *at = put_field(m, 's', 2 + cut.n);

	if (!at)
		return;
	at[0] = (unsigned char)cut.n;
	at[1] = (unsigned char)(cut.n >> 8);
	if (cut.n)
		memcpy(at + 2, cut.p, cut.n);
}

void
msg_put_str(struct msg_out *m, const char *s)
{
	msg_put_slice(m, slice_str(s));
}

void
msg_put_fd(struct msg_out *m, int fd)
{
	m->fd = fd;
}

int
msg_out_finish(struct msg_out *m, enum role from, struct slice *ret_packet, struct err *e)
{
	if (m->bad || !may_end(m->next))
		return err_set(
			e, "message %s: its fields are not those of the table", msg_name(m->type));
	if ((m->fd >= 0 ? 1 : 0) != msg_fds(m->type))
		return err_set(e, "message %s carries %u descriptors", msg_name(m->type),
			msg_fds(m->type));
	if (!msg_permitted(from, m->type, m->to))
		return err_set(e, "message %s from %s to %s is not permitted", msg_name(m->type),
			role_name(from), role_name(m->to));
	m->bytes[2] = (unsigned char)from;
	*ret_packet = slice_of(m->bytes, m->size);
	return 0;
}

/* The bytes of the next field of n bytes, or NULL when the reader turned bad. */
static const unsigned char *
get_field(struct msg_in *m, size_t n)
{
	const unsigned char *at = (const unsigned char *)m->rest.p;

	if (m->bad || n > m->rest.n) {
		m->bad = true;
		return NULL;
	}
	m->rest = slice_skip(m->rest, n);
	return at;
}

static uint64_t
read_number(const unsigned char *at, size_t n)
{
	uint64_t v = 0;

	for (size_t i = 0; at && i < n; i++)
		v |= (uint64_t)at[i] << (8 * i);
	return v;
}

static uint64_t
get_number(struct msg_in *m, char letter, size_t n)
{
	if (!m->bad && !step(&m->next, letter))
		m->bad = true;
	return read_number(get_field(m, n), n);
}

uint8_t
msg_get_u8(struct msg_in *m)
{
	return (uint8_t)get_number(m, 'b', sizeof(uint8_t));
}

uint16_t
msg_get_u16(struct msg_in *m)
{
	return (uint16_t)get_number(m, 'h', sizeof(uint16_t));
}

uint32_t
msg_get_u32(struct msg_in *m)
{
	return (uint32_t)get_number(m, 'u', sizeof(uint32_t));
}

uint64_t
msg_get_u64(struct msg_in *m)
{
	return get_number(m, 'U', sizeof(uint64_t));
}

int32_t
msg_get_i32(struct msg_in *m)
{
	return (int32_t)(uint32_t)get_number(m, 'i', sizeof(uint32_t));
}

struct slice
msg_get_slice(struct msg_in *m)
{
	size_t n = (size_t)get_number(m, 's', 2);
	const unsigned char *at;

	if (n > MSG_STRING_MAX)
		m->bad = true;
	at = get_field(m, n);
	return at ? slice_of(at, n) : SLICE_LIT("");
}

bool
msg_more(const struct msg_in *m)
{
	return !m->bad && m->rest.n > 0;
}

int
msg_finish(const struct msg_in *m)
{
	return !m->bad && m->rest.n == 0 && may_end(m->next) ? 0 : -1;
}

int
msg_take_fd(struct msg_in *m)
{
	int fd = m->fd;

	m->fd = -1;
	return fd;
}

int
msg_in_init(struct msg_in *m, struct slice packet, enum role peer, enum role self, int fd,
	struct err *e)
{
	const unsigned char *p = (const unsigned char *)packet.p;
	unsigned type, from, to;

	if (packet.n < MSG_HEADER_SIZE || packet.n > MSG_SIZE_MAX)
		return err_set(e, "a packet of %zu bytes", packet.n);
	type = p[0] | (unsigned)p[1] << 8;
	from = p[2];
	to = p[3];
	if (type == MSG_NONE || type >= MSG_TYPE_COUNT || from >= ROLE_COUNT || to >= ROLE_COUNT)
		return err_set(e, "unknown message type %u from %u to %u", type, from, to);
	if (from != peer && peer != ROLE_PARENT)
		return err_set(e, "%s claims to come from %s", rows[type].name,
			role_name((enum role)from));
	if (to != self && self != ROLE_PARENT)
		return err_set(e, "%s is for %s", rows[type].name, role_name((enum role)to));
	if (!msg_permitted((enum role)from, (enum msg_type)type, (enum role)to))
		return err_set(e, "%s from %s to %s is not permitted", rows[type].name,
			role_name((enum role)from), role_name((enum role)to));
	if ((fd >= 0 ? 1 : 0) != rows[type].fds)
		return err_set(e, "%s carries %u descriptors", rows[type].name, rows[type].fds);
	*m = (struct msg_in){
		.type = (enum msg_type)type,
		.from = (enum role)from,
		.to = (enum role)to,
		.fd = fd,
		.rest = slice_skip(packet, MSG_HEADER_SIZE),
		.next = rows[type].fields,
	};
	return 0;
}

static void
skip_field(struct msg_in *m, char letter)
{
	switch (letter) {
	case 'b':
		(void)msg_get_u8(m);
		return;
	case 'h':
		(void)msg_get_u16(m);
		return;
	case 'u':
		(void)msg_get_u32(m);
		return;
	case 'U':
		(void)msg_get_u64(m);
		return;
	case 'i':
		(void)msg_get_i32(m);
		return;
	case 's':
		(void)msg_get_slice(m);
		return;
	}
	assert(false && "a letter that msg_table.h does not explain");
}

int
msg_validate(const struct msg_in *m)
{
	struct msg_in walk = *m;
	const char *group = strchr(rows[m->type].fields, '(');

	for (const char *p = rows[m->type].fields; *p && *p != '('; p++)
		skip_field(&walk, *p);
	while (group && msg_more(&walk)) {
		for (const char *p = group + 1; *p != ')'; p++)
			skip_field(&walk, *p);
	}
	return msg_finish(&walk);
}
