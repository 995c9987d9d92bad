/* Random bytes into hexadecimal digits. */
#include "proxy/request_id.h"

#include "core/log.h"

#include <stdlib.h>
#include <sys/random.h>

#define ID_BYTES (REQUEST_ID_LEN / 2)

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

void
request_id_next(struct request_ids *ids, char out[static REQUEST_ID_LEN])
{
	static const char digits[] = "0123456789abcdef";

	if (ids->left < ID_BYTES)
		refill(ids);
	ids->left -= ID_BYTES;
	for (size_t i = 0; i < ID_BYTES; i++) {
		uint8_t byte = ids->pool[ids->left + i];

		out[2 * i] = digits[byte >> 4];
		out[2 * i + 1] = digits[byte & 15];
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
