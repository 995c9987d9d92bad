/* Random bytes into hexadecimal digits. */
#include "proxy/http/request_id.h"

#include "core/log.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define ID_BYTES (REQUEST_ID_LEN / 2)

_Static_assert(ID_BYTES % sizeof(uint32_t) == 0, "an id is made of whole words");

static void
refill(struct request_ids *ids)
{
	/* Up to 256 bytes come whole, always; this asks for more and takes what it gets. */
	ssize_t n = getrandom(ids->pool, sizeof(ids->pool), 0);

	if (n < ID_BYTES) {
		log_error("the kernel gives no random bytes");
		abort();
	}
	ids->left = (size_t)n;
}

/* Four random bytes as eight digits; which half of a byte comes first does not matter. */
static uint64_t
digits_of(uint32_t bytes)
{
	uint64_t n = bytes, letters;

	n = (n | n << 16) & UINT64_C(0x0000ffff0000ffff);
	n = (n | n << 8) & UINT64_C(0x00ff00ff00ff00ff);
	n = (n | n << 4) & UINT64_C(0x0f0f0f0f0f0f0f0f);
	letters = ((n + UINT64_C(0x0606060606060606)) >> 4) & UINT64_C(0x0101010101010101);
	return n + UINT64_C(0x3030303030303030) + letters * ('a' - '9' - 1);
}

void
request_id_next(struct request_ids *ids, char out[static REQUEST_ID_LEN])
{
	if (ids->left < ID_BYTES)
		refill(ids);
	ids->left -= ID_BYTES;
	for (size_t i = 0; i < ID_BYTES; i += sizeof(uint32_t)) {
		uint32_t bytes;
		uint64_t digits;

		memcpy(&bytes, ids->pool + ids->left + i, sizeof(bytes));
		digits = digits_of(bytes);
		memcpy(out + 2 * i, &digits, sizeof(digits));
	}
}

bool
request_id_is_valid(struct slice s)
{
	if (s.n == 0 || s.n > REQUEST_ID_SENT_MAX)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			    (c && strchr("-._~+/=:@", c))))
			return false;
	}
	return true;
}
