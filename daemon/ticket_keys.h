/*
 * The keys that encrypt TLS session tickets: one set for all threads, kept in STATE/ticket.keys so
 * that sessions survive a restart, replaced every twelve hours; the older two still decrypt.
 */
#ifndef DAEMON_TICKET_KEYS_H
#define DAEMON_TICKET_KEYS_H

#include "core/err.h"
#include "core/msg.h"

#include <stdint.h>

#define TICKET_KEYS_MAX 3
#define TICKET_ROTATE_MS (UINT64_C(12) * 3600 * 1000)

/* Pure: puts fresh in front of the n keys in `keys` (room for TICKET_KEYS_MAX) and drops the
 * oldest when there is no room. Returns the new number. */
unsigned ticket_keys_push(unsigned char keys[static TICKET_KEYS_MAX * TICKET_KEY_SIZE], unsigned n,
	const unsigned char fresh[static TICKET_KEY_SIZE]);
/* Reads the file, makes a fresh key when there is none or the newest is older than
 * TICKET_ROTATE_MS, and returns the keys in a sealed memfd, the caller's; -1 with e filled.
 * now_ms: wall clock. *ret_next_ms: milliseconds until the next rotation is due. */
int ticket_keys_load(
	const char *path, uint64_t now_ms, unsigned *ret_n, uint64_t *ret_next_ms, struct err *e);

#endif
