/*
 * Which container has which address by lxc-net's DHCP server: its fixed hosts (dhcp-host of
 * dnsmasq) and its leases. A container of the list keeps that address with us; the server that we
 * run gives none to anybody else.
 */
#include "daemon/import/import.h"

#include "core/num.h"

#include <ctype.h>
#include <string.h>

#define OPTION "dhcp-host"

/* Who it is for and what it gives; a field that is not there is empty. */
struct host {
	struct slice mac, name;
	struct addr v4, v6;
	bool odd; /* it says more than that */
};

static bool
is_mac(struct slice s)
{
	if (s.n != IMPORT_MAC_MAX - 1)
		return false;
	for (size_t k = 0; k < s.n; k++)
		if (k % 3 == 2 ? s.p[k] != ':' : !isxdigit((unsigned char)s.p[k]))
			return false;
	return true;
}

void
import_mac(struct slice s, char ret[static IMPORT_MAC_MAX])
{
	if (!is_mac(s))
		return;
	for (size_t k = 0; k < s.n; k++)
		ret[k] = (char)tolower((unsigned char)s.p[k]);
	ret[s.n] = '\0';
}

static bool
same_mac(struct slice s, const char *mac)
{
	char lower[IMPORT_MAC_MAX] = "";

	import_mac(s, lower);
	return lower[0] && strcmp(lower, mac) == 0;
}

/* By its MAC, which no container can have from another; otherwise by its name. */
static struct import_container *
find(struct import *i, const struct host *h)
{
	for (size_t k = 0; k < i->n_containers; k++)
		if (same_mac(h->mac, i->containers[k].mac))
			return &i->containers[k];
	for (size_t k = 0; k < i->n_containers; k++)
		if (h->name.n && slice_eq_str(h->name, i->containers[k].name))
			return &i->containers[k];
	return NULL;
}

/* An address of its own configuration stays, and the first one that was told. */
static bool
give(struct import *i, const struct host *h)
{
	struct import_container *c = find(i, h);

	if (!c || !c->linked)
		return false;
	if (!c->v4.family && h->v4.family)
		c->v4 = h->v4;
	if (!c->v6.family && h->v6.family)
		c->v6 = h->v6;
	return true;
}

static void
take_address(struct host *h, struct slice s)
{
	struct addr a;

	if (s.n > 2 && s.p[0] == '[' && s.p[s.n - 1] == ']')
		s = slice_head(slice_skip(s, 1), s.n - 2);
	if (addr_parse(s, &a) < 0)
		return;
	if (a.family == AF_INET)
		h->v4 = a;
	else
		h->v6 = a;
}

static bool
is_address(struct slice s)
{
	struct host h = {0};

	take_address(&h, s);
	return h.v4.family || h.v6.family;
}

/* "00:16:3e:11:22:33,web,10.0.3.117,12h": a lease's time, tags and client ids are not needed. */
static struct host
read_host(struct slice text)
{
	struct host h = {0};

	while (text.n) {
		struct slice word = slice_head(text, slice_index(text, ','));
		bool colon;

		text = slice_skip(text, word.n + 1);
		word = slice_trim(word);
		colon = slice_index(word, ':') < word.n;
		if (is_mac(word))
			h.mac = word;
		else if (is_address(word))
			take_address(&h, word);
		else if (slice_eq_str(word, "ignore"))
			h.odd = true;
		else if (!colon && !h.name.n && word.n && !isdigit((unsigned char)word.p[0]) &&
			 !slice_eq_str(word, "infinite"))
			h.name = word;
	}
	return h;
}

void
import_dhcp_hosts(struct import *i, struct slice text)
{
	while (text.n) {
		struct slice line = import_line(&text), value = line;
		struct host h;

		if (line.n == 0 || line.p[0] == '#')
			continue;
		if (!slice_starts(line, SLICE_LIT(OPTION "="))) {
			import_note_unknown(
				i, "sluice has no such setting of its DHCP and name server", line);
			continue;
		}
		value = slice_skip(line, sizeof(OPTION "=") - 1);
		h = read_host(value);
		if (h.odd || !give(i, &h))
			import_note_unknown(i, "there is no container that it is for", line);
	}
}

static struct slice
next_word(struct slice *rest)
{
	struct slice word;

	*rest = slice_trim(*rest);
	word = slice_head(*rest, slice_index(*rest, ' '));
	*rest = slice_skip(*rest, word.n);
	return word;
}

/* "EXPIRES MAC ADDRESS NAME CLIENT-ID"; of IPv6 the second word is a number. A lease of nobody's
 * that we know is no setting, and nothing is said of it. */
void
import_dhcp_leases(struct import *i, struct slice text)
{
	while (text.n) {
		struct slice line = import_line(&text);
		struct host h = {0};
		uint64_t expires;

		if (num_parse(next_word(&line), 0, UINT64_MAX, &expires) < 0)
			continue;
		h.mac = next_word(&line);
		take_address(&h, next_word(&line));
		h.name = next_word(&line);
		(void)give(i, &h);
	}
}
