/*
 * STATE/ticket.keys: TICKET_KEY_SIZE bytes a key, the newest first, mode 0600; the file's time is
 * that of its newest key. What is not a whole number of keys is not believed and made anew. Keys
 * are wiped from memory as soon as they are in the memfd.
 */
#include "daemon/ticket_keys.h"

#include "core/file.h"
#include "core/log.h"
#include "core/memfd.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#define KEYS_SIZE (TICKET_KEYS_MAX * TICKET_KEY_SIZE)

unsigned
ticket_keys_push(unsigned char keys[static KEYS_SIZE], unsigned n,
	const unsigned char fresh[static TICKET_KEY_SIZE])
{
	unsigned kept = n < TICKET_KEYS_MAX ? n : TICKET_KEYS_MAX - 1;

	memmove(keys + TICKET_KEY_SIZE, keys, (size_t)kept * TICKET_KEY_SIZE);
	memcpy(keys, fresh, TICKET_KEY_SIZE);
	return kept + 1;
}

/* Returns how many keys the file holds; 0 when there is none to believe. */
static unsigned
read_keys(const char *path, unsigned char keys[static KEYS_SIZE], uint64_t *ret_written_ms)
{
	struct stat st;
	struct buf b;
	size_t n;

	buf_init(&b, KEYS_SIZE);
	if (stat(path, &st) < 0 || file_read(path, &b, NULL) < 0) {
		buf_clear(&b);
		return 0;
	}
	n = buf_len(&b);
	if (n % TICKET_KEY_SIZE != 0) {
		log_warn("ticket keys are damaged, making new ones", kv_s("file", path));
		n = 0;
	}
	if (n > 0)
		memcpy(keys, buf_slice(&b).p, n);
	if (b.data)
		explicit_bzero(b.data, b.cap);
	buf_clear(&b);
	*ret_written_ms = (uint64_t)st.st_mtim.tv_sec * 1000;
	return (unsigned)(n / TICKET_KEY_SIZE);
}

static int
rotate(const char *path, unsigned char keys[static KEYS_SIZE], unsigned *n, uint64_t times,
	struct err *e)
{
	unsigned char fresh[TICKET_KEY_SIZE];
	int rc;

	for (uint64_t i = 0; i < times && i < TICKET_KEYS_MAX; i++) {
		if (getrandom(fresh, sizeof(fresh), 0) != (ssize_t)sizeof(fresh))
			return err_errno(e, errno, "cannot make a ticket key");
		*n = ticket_keys_push(keys, *n, fresh);
	}
	explicit_bzero(fresh, sizeof(fresh));
	rc = file_write_atomic(path, slice_of(keys, (size_t)*n * TICKET_KEY_SIZE), 0600, e);
	if (rc == 0)
		log_info("ticket key made", kv_u("keys", *n));
	return rc;
}

int
ticket_keys_load(
	const char *path, uint64_t now_ms, unsigned *ret_n, uint64_t *ret_next_ms, struct err *e)
{
	unsigned char keys[KEYS_SIZE] = {0};
	uint64_t written_ms = now_ms;
	unsigned n = read_keys(path, keys, &written_ms);
	int fd = -1;

	/* A time in the future (the clock was set back) counts as due, too. */
	if (n == 0 || written_ms > now_ms || now_ms - written_ms >= TICKET_ROTATE_MS) {
		uint64_t missed =
			n && now_ms > written_ms ? (now_ms - written_ms) / TICKET_ROTATE_MS : 1;

		written_ms = now_ms;
		if (rotate(path, keys, &n, missed, e) < 0)
			n = 0;
	}
	if (n > 0)
		fd = memfd_new("ticket-keys", slice_of(keys, (size_t)n * TICKET_KEY_SIZE), e);
	explicit_bzero(keys, sizeof(keys));
	if (fd >= 0) {
		*ret_n = n;
		*ret_next_ms = TICKET_ROTATE_MS - (now_ms - written_ms);
	}
	return fd;
}
