/*
 * PROXY protocol headers, by the specification of 2020/03/05 (haproxy, doc/proxy-protocol.txt):
 *
 *	PROXY TCP4 198.51.100.1 192.0.2.1 4711 443 CRLF
 *	signature (12) | version, command | family, transport | length (2) | addresses | TLVs
 */
#include "proxy/conn/proxy_header.h"

#include "core/num.h"

#include <stdio.h>
#include <string.h>

#define V1_BEGIN "PROXY "
#define V2_SIGNATURE_LEN 12
#define V2_HEAD 16
#define V2_LOCAL 0x20
#define V2_PROXY 0x21
#define V2_TCP4 0x11
#define V2_TCP6 0x21
#define V2_UNIX 0x31 /* a stream socket of the proxy's own host */
#define V2_UNSPEC 0x00
#define V2_ADDRS4 12
#define V2_ADDRS6 36
#define V2_ADDRS_UNIX 216
#define V2_TLV_CRC32C 0x03
#define TLV_HEAD 3

static const char v2_signature[V2_SIGNATURE_LEN] = {
	'\r', '\n', '\r', '\n', '\0', '\r', '\n', 'Q', 'U', 'I', 'T', '\n'};
static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

/* ---- version 1 ---- */

/* The next word of the line, which one blank ends. */
static struct slice
next_word(struct slice *line)
{
	size_t n = slice_index(*line, ' ');
	struct slice word = slice_head(*line, n);

	*line = slice_skip(*line, n + 1);
	return word;
}

/* An address of the family that was announced; a mapped one is IPv4. */
static int
read_address(struct slice word, uint8_t family, struct addr *ret)
{
	if (family == AF_INET6 && slice_index(word, ':') < word.n)
		return addr_parse_foreign(word, ret);
	return addr_parse(word, ret) < 0 || ret->family != family ? -1 : 0;
}

static int
read_port(struct slice word, uint16_t *ret)
{
	uint64_t port;

	if (num_parse(word, 0, UINT16_MAX, &port) < 0 || (word.n > 1 && word.p[0] == '0'))
		return -1;
	*ret = (uint16_t)port;
	return 0;
}

/* The line without CRLF. */
static int
read_line(struct slice line, struct proxy_header *ret)
{
	struct slice protocol;
	uint8_t family;

	(void)next_word(&line);
	protocol = next_word(&line);
	/* What stands behind UNKNOWN is to be ignored. */
	if (slice_eq_str(protocol, "UNKNOWN"))
		return 0;
	if (!slice_eq_str(protocol, "TCP4") && !slice_eq_str(protocol, "TCP6"))
		return -1;
	family = protocol.p[3] == '4' ? AF_INET : AF_INET6;
	if (read_address(next_word(&line), family, &ret->source) < 0 ||
		read_address(next_word(&line), family, &ret->destination) < 0 ||
		read_port(next_word(&line), &ret->source_port) < 0)
		return -1;
	return read_port(line, &ret->destination_port);
}

static enum proxy_header_result
parse_v1(struct slice data, struct proxy_header *ret, size_t *ret_length)
{
	struct slice seen = slice_head(data, PROXY_HEADER_V1_MAX);
	size_t end = slice_index(seen, '\n');

	for (size_t i = 0; i < end; i++)
		if (((uint8_t)seen.p[i] < ' ' && !(seen.p[i] == '\r' && i + 1 >= end)) ||
			(uint8_t)seen.p[i] > '~')
			return PROXY_HEADER_BAD;
	if (end == seen.n)
		return seen.n == PROXY_HEADER_V1_MAX ? PROXY_HEADER_BAD : PROXY_HEADER_MORE;
	if (seen.p[end - 1] != '\r' || read_line(slice_head(seen, end - 1), ret) < 0)
		return PROXY_HEADER_BAD;
	*ret_length = end + 1;
	return PROXY_HEADER_DONE;
}

/* ---- version 2 ---- */

static uint16_t
get_u16(const char *p)
{
	return (uint16_t)((uint8_t)p[0] << 8 | (uint8_t)p[1]);
}

static struct addr
get_address(const char *p, bool v6)
{
	struct addr a = {.family = AF_INET};

	if (v6 && memcmp(p, mapped, sizeof(mapped)) != 0)
		a.family = AF_INET6;
	else if (v6)
		p += sizeof(mapped);
	memcpy(a.bytes, p, a.family == AF_INET6 ? 16 : 4);
	return a;
}

/* CRC-32C (RFC 9260 appendix A), bit by bit: a header has a few hundred bytes. */
static uint32_t
crc32c(const char *data, size_t n, size_t zero_from)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < n; i++) {
		crc ^= i - zero_from < 4 ? 0 : (uint8_t)data[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? UINT32_C(0x82f63b78) : 0);
	}
	return ~crc;
}

/* The additional fields must fill what is left exactly, and a checksum must be right. */
static int
check_tlvs(const char *data, size_t from, size_t length)
{
	while (from < length) {
		size_t n;

		if (length - from < TLV_HEAD)
			return -1;
		n = get_u16(data + from + 1);
		if (n > length - from - TLV_HEAD)
			return -1;
		if (data[from] == V2_TLV_CRC32C) {
			const uint8_t *sum = (const uint8_t *)data + from + TLV_HEAD;

			if (n != 4 || crc32c(data, length, from + TLV_HEAD) !=
					      ((uint32_t)sum[0] << 24 | (uint32_t)sum[1] << 16 |
						      (uint32_t)sum[2] << 8 | sum[3]))
				return -1;
		}
		from += TLV_HEAD + n;
	}
	return 0;
}

static int
read_v2(const char *data, size_t length, struct proxy_header *ret)
{
	bool v6 = data[13] == V2_TCP6;
	size_t width = v6 ? 16 : 4, addresses;
	const char *p = data + V2_HEAD;

	if (data[13] == V2_UNSPEC)
		return 0;
	addresses = data[13] == V2_UNIX ? V2_ADDRS_UNIX : v6 ? V2_ADDRS6 : V2_ADDRS4;
	if (data[13] != V2_UNIX && data[13] != V2_TCP4 && !v6)
		return -1;
	if (length < V2_HEAD + addresses || check_tlvs(data, V2_HEAD + addresses, length) < 0)
		return -1;
	if (data[13] == V2_UNIX)
		return 0;
	ret->source = get_address(p, v6);
	ret->destination = get_address(p + width, v6);
	ret->source_port = get_u16(p + 2 * width);
	ret->destination_port = get_u16(p + 2 * width + 2);
	return 0;
}

static enum proxy_header_result
parse_v2(const char *data, size_t n, struct proxy_header *ret, size_t *ret_length)
{
	size_t length;

	if (n > 12 && data[12] != V2_LOCAL && data[12] != V2_PROXY)
		return PROXY_HEADER_BAD;
	if (n < V2_HEAD)
		return PROXY_HEADER_MORE;
	length = V2_HEAD + (size_t)get_u16(data + 14);
	if (length > PROXY_HEADER_MAX)
		return PROXY_HEADER_BAD;
	if (n < length)
		return PROXY_HEADER_MORE;
	/* LOCAL: the proxy itself, looking whether we are well; nothing more counts. */
	if (data[12] == V2_PROXY && read_v2(data, length, ret) < 0)
		return PROXY_HEADER_BAD;
	*ret_length = length;
	return PROXY_HEADER_DONE;
}

enum proxy_header_result
proxy_header_parse(const char *data, size_t n, struct proxy_header *ret, size_t *ret_length)
{
	size_t first = n < V2_SIGNATURE_LEN ? n : V2_SIGNATURE_LEN;
	size_t text = n < sizeof(V1_BEGIN) - 1 ? n : sizeof(V1_BEGIN) - 1;

	*ret = (struct proxy_header){0};
	if (n == 0)
		return PROXY_HEADER_MORE;
	if (memcmp(data, v2_signature, first) == 0)
		return n < V2_SIGNATURE_LEN ? PROXY_HEADER_MORE
					    : parse_v2(data, n, ret, ret_length);
	if (memcmp(data, V1_BEGIN, text) != 0)
		return PROXY_HEADER_BAD;
	return parse_v1(slice_of(data, n), ret, ret_length);
}

/* ---- writing ---- */

/* "198.51.100.1", or "::ffff:198.51.100.1" among IPv6 addresses. */
static const char *
print_address(const struct addr *a, bool v6, char out[static ADDR_TEXT_MAX + 8])
{
	char text[ADDR_TEXT_MAX];

	(void)snprintf(out, ADDR_TEXT_MAX + 8, "%s%s", v6 && a->family == AF_INET ? "::ffff:" : "",
		addr_print(a, text));
	return out;
}

static size_t
write_v1(const struct proxy_header *h, bool v6, char *out)
{
	char source[ADDR_TEXT_MAX + 8], destination[ADDR_TEXT_MAX + 8];

	return (size_t)snprintf(out, PROXY_HEADER_OUT_MAX, "PROXY TCP%d %s %s %u %u\r\n",
		v6 ? 6 : 4, print_address(&h->source, v6, source),
		print_address(&h->destination, v6, destination), h->source_port,
		h->destination_port);
}

static char *
put_address(char *p, const struct addr *a, bool v6)
{
	if (v6 && a->family == AF_INET) {
		memcpy(p, mapped, sizeof(mapped));
		p += sizeof(mapped);
	}
	memcpy(p, a->bytes, addr_len(a));
	return p + addr_len(a);
}

static char *
put_u16(char *p, unsigned number)
{
	p[0] = (char)(number >> 8);
	p[1] = (char)number;
	return p + 2;
}

static size_t
write_v2(const struct proxy_header *h, bool v6, char *out)
{
	char *p = out + V2_HEAD;

	memcpy(out, v2_signature, sizeof(v2_signature));
	out[12] = V2_PROXY;
	out[13] = v6 ? V2_TCP6 : V2_TCP4;
	(void)put_u16(out + 14, v6 ? V2_ADDRS6 : V2_ADDRS4);
	p = put_address(p, &h->source, v6);
	p = put_address(p, &h->destination, v6);
	p = put_u16(p, h->source_port);
	p = put_u16(p, h->destination_port);
	return (size_t)(p - out);
}

size_t
proxy_header_write(
	unsigned version, const struct proxy_header *h, char out[static PROXY_HEADER_OUT_MAX])
{
	bool v6 = h->source.family == AF_INET6 || h->destination.family == AF_INET6;

	return version == 1 ? write_v1(h, v6, out) : write_v2(h, v6, out);
}
