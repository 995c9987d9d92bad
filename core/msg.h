/*
 * Messages between processes: one SOCK_SEQPACKET packet each, a four byte header (type u16, from
 * u8, to u8, little endian) and the fields of msg_table.h, written and read one by one. A reader
 * checks every length and must consume the packet exactly. No struct crosses by memcpy.
 */
#ifndef CORE_MSG_H
#define CORE_MSG_H

#include "core/err.h"
#include "core/msg_table.h"
#include "core/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MSG_SIZE_MAX (64 * 1024) /* a whole packet; larger data goes by memfd */
#define MSG_HEADER_SIZE 4
#define MSG_STRING_MAX (60 * 1024)
#define OCSP_KEPT_MAX (1024 * 1024) /* bytes of the OCSP answers that the parent keeps */
#define TICKET_KEY_SIZE 80          /* name 16, HMAC key 32, AES key 32 */

/* A message being written. On overflow or a field that the table does not have next, the writer
 * turns bad and msg_send refuses it. */
struct msg_out {
	enum msg_type type;
	enum role to;
	bool bad;
	int fd; /* not owned; -1 for none */
	size_t size;
	const char *next;     /* the next field's letter in the table */
	unsigned char *bytes; /* MSG_SIZE_MAX of them, owned */
};

/* Begins a message. 0, or -1 when memory is short. Close with msg_out_clear (after msg_send). */
int msg_out_init(struct msg_out *m, enum msg_type type, enum role to);
void msg_out_clear(struct msg_out *m);
void msg_put_u8(struct msg_out *m, uint8_t v);
void msg_put_u16(struct msg_out *m, uint16_t v);
void msg_put_u32(struct msg_out *m, uint32_t v);
void msg_put_u64(struct msg_out *m, uint64_t v);
void msg_put_i32(struct msg_out *m, int32_t v);
/* Cut at MSG_STRING_MAX. */
void msg_put_slice(struct msg_out *m, struct slice s);
void msg_put_str(struct msg_out *m, const char *s);
/* The descriptor to send along; stays the caller's, msg_send duplicates it into the packet. */
void msg_put_fd(struct msg_out *m, int fd);
/* Checks that every field and the descriptor were put and that `from` may send this, and writes
 * the sender into the header. 0 and the packet (which lives in m), or -1 with e filled. */
int msg_out_finish(struct msg_out *m, enum role from, struct slice *ret_packet, struct err *e);

/* A received message. Slices point into the packet and live as long as the callback. */
struct msg_in {
	enum msg_type type;
	enum role from;
	enum role to;
	int fd; /* owned by the channel until msg_take_fd; -1 for none */
	struct slice rest;
	const char *next;
	bool bad;
};

/* Each returns the next field; 0 or the empty slice once the reader is bad. */
uint8_t msg_get_u8(struct msg_in *m);
uint16_t msg_get_u16(struct msg_in *m);
uint32_t msg_get_u32(struct msg_in *m);
uint64_t msg_get_u64(struct msg_in *m);
int32_t msg_get_i32(struct msg_in *m);
struct slice msg_get_slice(struct msg_in *m);
/* True while bytes are left: for the repeating group at a message's end. */
bool msg_more(const struct msg_in *m);
/* 0 when every field was there and every byte was consumed, else -1: drop the message. */
int msg_finish(const struct msg_in *m);
/* The descriptor, now the caller's; -1 when there is none. */
int msg_take_fd(struct msg_in *m);

/* The name in the table ("OFFER"), "?" for a type that is not in it. */
const char *msg_name(enum msg_type type);
/* The descriptors that the table gives this type. */
unsigned msg_fds(enum msg_type type);
/* What the table says of (sender, type, receiver). */
bool msg_permitted(enum role from, enum msg_type type, enum role to);
/* Reads a packet's header and checks it against the table: size, type, that `from` is really
 * the peer (or, when the peer is the parent, any role), permission. 0 or -1 with e filled. */
int msg_in_init(struct msg_in *m, struct slice packet, enum role peer, enum role self, int fd,
	struct err *e);
/* Walks all fields of the packet by the table; 0 when well-formed. For relays and fuzzing. */
int msg_validate(const struct msg_in *m);

#endif
