/* Lines of an address and its names (hosts(5)). */
#include "proxy/upstream/hosts.h"

#include <stdbool.h>
#include <strings.h>

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* The next word of the line, taken off it; empty at its end. */
static struct slice
take_word(struct slice *line)
{
	size_t n = 0;
	struct slice word;

	while (line->n > 0 && is_blank(line->p[0]))
		*line = slice_skip(*line, 1);
	while (n < line->n && !is_blank(line->p[n]))
		n++;
	word = slice_head(*line, n);
	*line = slice_skip(*line, n);
	return word;
}

static bool
names(struct slice line, struct slice name)
{
	for (;;) {
		struct slice word = take_word(&line);

		if (word.n == 0)
			return false;
		if (word.n == name.n && strncasecmp(word.p, name.p, name.n) == 0)
			return true;
	}
}

size_t
hosts_find(struct slice text, struct slice name, struct addr *ret, size_t max)
{
	size_t n = 0;

	while (text.n > 0 && n < max) {
		struct slice whole = slice_head(text, slice_index(text, '\n'));
		struct slice line = slice_head(whole, slice_index(whole, '#'));
		struct slice address = take_word(&line);
		struct addr addr;

		text = slice_skip(text, whole.n + 1);
		if (address.n > 0 && addr_parse(address, &addr) == 0 && names(line, name))
			ret[n++] = addr;
	}
	return n;
}

uint64_t
hosts_keep_ms(int64_t ttl)
{
	if (ttl <= HOSTS_TTL_MIN_MS / 1000)
		return HOSTS_TTL_MIN_MS;
	if (ttl >= HOSTS_TTL_MAX_MS / 1000)
		return HOSTS_TTL_MAX_MS;
	return (uint64_t)ttl * 1000;
}
