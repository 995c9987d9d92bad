/* Basic credentials: base64 without any of its liberties, then NAME:PASSWORD. */
#include "proxy/guard/auth_basic.h"

#include <stdint.h>

#define PREFIX SLICE_LIT("basic ")

static int
base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+')
		return 62;
	return c == '/' ? 63 : -1;
}

/* RFC 4648 section 4: whole groups of four, padding at the end only, no bits left over (section
 * 3.5). The number of bytes, or -1. */
static int
base64_decode(struct slice s, char *out, size_t room)
{
	size_t n = 0, padding = 0;

	if (s.n == 0 || s.n % 4 || s.n / 4 * 3 > room)
		return -1;
	while (padding < 2 && s.p[s.n - 1 - padding] == '=')
		padding++;
	for (size_t i = 0; i < s.n; i += 4) {
		uint32_t group = 0;
		size_t pads = i + 4 == s.n ? padding : 0;

		for (size_t k = 0; k < 4; k++) {
			int value = k >= 4 - pads ? 0 : base64_value(s.p[i + k]);

			if (value < 0)
				return -1;
			group = group << 6 | (uint32_t)value;
		}
		if (pads && group & ((1U << 8 * pads) - 1))
			return -1;
		for (size_t k = 0; k < 3 - pads; k++)
			out[n++] = (char)(group >> (16 - 8 * k));
	}
	return (int)n;
}

enum auth_basic_verdict
auth_basic_parse(struct slice value, struct auth_basic *ret)
{
	struct slice all;
	size_t colon;
	int n;

	if (!slice_istarts(value, PREFIX))
		return AUTH_BASIC_NONE;
	n = base64_decode(slice_trim(slice_skip(value, PREFIX.n)), ret->bytes, sizeof(ret->bytes));
	if (n < 0)
		return AUTH_BASIC_BAD;
	all = slice_of(ret->bytes, (size_t)n);
	colon = slice_index(all, ':');
	if (colon == all.n || colon == 0 || all.n - colon - 1 > AUTH_PASSWORD_MAX)
		return AUTH_BASIC_BAD;
	/* RFC 7617 section 2: no control characters in either. */
	for (size_t i = 0; i < all.n; i++)
		if ((unsigned char)all.p[i] < ' ' || all.p[i] == 0x7f)
			return AUTH_BASIC_BAD;
	ret->name = slice_head(all, colon);
	ret->password = slice_skip(all, colon + 1);
	return AUTH_BASIC_NAMED;
}

int
auth_basic_challenge(const char *realm, struct buf *out)
{
	if (buf_append_str(out, "Basic realm=\"") < 0)
		return -1;
	for (const char *p = realm; *p; p++)
		if (((*p == '"' || *p == '\\') && buf_append_byte(out, '\\') < 0) ||
			buf_append_byte(out, *p) < 0)
			return -1;
	return buf_append_str(out, "\", charset=\"UTF-8\"");
}
