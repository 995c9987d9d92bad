/*
 * The keys that encrypt TLS session tickets: one set for all threads, kept in STATE/ticket.keys so
 * that sessions survive a restart. A key lives for a day: it encrypts for the first quarter of it,
 * and decrypts to its end.
 */
#ifndef DAEMON_TICKET_KEYS_H
#define DAEMON_TICKET_KEYS_H

#include "core/err.h"
#include "core/msg.h"

#include <stdint.h>

#define TICKET_KEYS_MAX 4
#define TICKET_LIFE_MS (UINT64_C(24) * 3600 * 1000)
#define TICKET_ROTATE_MS (TICKET_LIFE_MS / TICKET_KEYS_MAX)

/* Pure: puts fresh in front of the n keys in `keys` (room for TICKET_KEYS_MAX) and drops the
 * oldest when there is no room. Returns the new number. */
unsigned ticket_keys_push(unsigned char keys[static TICKET_KEYS_MAX * TICKET_KEY_SIZE], unsigned n,
	const unsigned char fresh[static TICKET_KEY_SIZE]);
/* Reads the file, makes a fresh key when there is none and one for each TICKET_ROTATE_MS that the
 * newest is old, so that none outlives TICKET_LIFE_MS after a pause either, and returns the keys in
 * a sealed memfd, the caller's; -1 with e filled. now_ms: wall clock. *ret_next_ms: milliseconds
 * until the next rotation is due. */
int ticket_keys_load(
	const char *path, uint64_t now_ms, unsigned *ret_n, uint64_t *ret_next_ms, struct err *e);

#endif
