/* open SERVICE | tcp|udp|both PORT[-PORT]|SERVICE | protocol NAME|NUMBER, each [from CIDR...] */
#include "conf/setters.h"

#include "conf/parse.h"
#include "core/num.h"

#include <netinet/in.h>
#include <string.h>

#define SERVICE_MAX 64

/* What one directive opens, before it is told apart by protocol. */
struct opening {
	uint16_t low[2], high[2]; /* of TCP and UDP; 0: not of this one */
	uint8_t proto;            /* of one without ports; 0: none */
	size_t at;                /* of the next word */
};

static const uint8_t with_ports[2] = {IPPROTO_TCP, IPPROTO_UDP};

/* No name is longer than that. */
static void
copy_name(const struct word *w, char out[static SERVICE_MAX])
{
	size_t n = w->text.n < SERVICE_MAX ? w->text.n : 0;

	if (n)
		memcpy(out, w->text.p, n);
	out[n] = '\0';
}

/* The host's own file is asked first. */
static uint16_t
service_port(const struct parse *p, const char *name, size_t which)
{
	uint16_t port = 0;

	if (p->in->service &&
		p->in->service(p->in->ctx, name, which == 0 ? "tcp" : "udp", &port) == 0)
		return port;
	return conf_service_port(name, with_ports[which]);
}

static int
read_service(struct parse *p, const struct word *w, const bool wanted[static 2], struct opening *o)
{
	char name[SERVICE_MAX];

	copy_name(w, name);
	for (size_t i = 0; i < 2; i++)
		if (wanted[i])
			o->low[i] = o->high[i] = service_port(p, name, i);
	if (o->low[0] || o->low[1])
		return 0;
	return parse_error(p, w,
		"\"%.*s\" is no service that /etc/services has; write its port, as in: open tcp "
		"22",
		WORD_ARG(w));
}

static int
read_ports(struct parse *p, const struct word *w, const bool wanted[static 2], struct opening *o)
{
	uint16_t low, high;

	if (w->text.n && w->text.p[0] >= '0' && w->text.p[0] <= '9') {
		if (num_parse_ports(w->text, &low, &high) < 0)
			return parse_error(p, w,
				"\"%.*s\" is not a port or a range of ports; write 22 or "
				"8000-8010",
				WORD_ARG(w));
		for (size_t i = 0; i < 2; i++)
			if (wanted[i]) {
				o->low[i] = low;
				o->high[i] = high;
			}
		return 0;
	}
	return read_service(p, w, wanted, o);
}

static int
read_protocol(struct parse *p, const struct word *w, struct opening *o)
{
	char name[SERVICE_MAX];
	uint64_t number = 0;

	copy_name(w, name);
	o->proto = conf_protocol_number(name);
	if (o->proto)
		return 0;
	if (num_parse(w->text, 1, UINT8_MAX, &number) < 0)
		return parse_error(p, w,
			"\"%.*s\" is no protocol; write igmp, ipip, 6in4, gre, esp, ah, ospf, "
			"vrrp, "
			"sctp or a number from 1 to 255",
			WORD_ARG(w));
	if (conf_open_has_ports((uint8_t)number))
		return parse_error(p, w, "this protocol has ports; write: open %s PORT",
			number == IPPROTO_TCP ? "tcp" : "udp");
	o->proto = (uint8_t)number;
	return 0;
}

/* The first word says of what kind the second is; a service's name stands alone. */
static int
read_what(struct parse *p, const struct directive *d, struct opening *o)
{
	static const bool both[2] = {true, true};
	int kind = schema_word_value("open", d->words[1].text);
	bool wanted[2];

	o->at = 2;
	if (d->words[1].text.n && d->words[1].text.p[0] >= '0' && d->words[1].text.p[0] <= '9')
		return parse_error(p, &d->words[1], "say of which protocol; write: open tcp %.*s",
			WORD_ARG(&d->words[1]));
	if (kind < 0 || kind == OPEN_FROM)
		return read_service(p, &d->words[1], both, o);
	if (d->n == 2)
		return parse_error(p, &d->after, "the %s behind \"%.*s\" is missing",
			kind == OPEN_PROTOCOL ? "protocol" : "port", WORD_ARG(&d->words[1]));
	o->at = 3;
	if (kind == OPEN_PROTOCOL)
		return read_protocol(p, &d->words[2], o);
	wanted[0] = kind != OPEN_UDP;
	wanted[1] = kind != OPEN_TCP;
	return read_ports(p, &d->words[2], wanted, o);
}

static int
read_sources(struct parse *p, const struct directive *d, size_t at, struct conf_open *open)
{
	if (at == d->n)
		return 0;
	if (!slice_eq_str(d->words[at].text, "from"))
		return parse_error(p, &d->words[at],
			"\"%.*s\" is one word too many; \"from\" and addresses may follow",
			WORD_ARG(&d->words[at]));
	if (++at == d->n)
		return parse_error(p, &d->after, "the addresses behind \"from\" are missing");
	if (d->n - at > CONF_OPEN_FROM_MAX)
		return parse_error(p, &d->words[at + CONF_OPEN_FROM_MAX],
			"more than %d addresses in one line", CONF_OPEN_FROM_MAX);
	for (; at < d->n; at++) {
		struct prefix *source = parse_add(p, &open->from, &open->n_from, sizeof(*source));

		if (!source || word_read_network(p, &d->words[at], source) < 0)
			return -1;
	}
	return 0;
}

static int
add(struct parse *p, const struct directive *d, const struct conf_open *what, size_t at)
{
	struct conf_opens *opens = &p->conf->opens;
	struct conf_open *open;

	if (opens->n == CONF_OPENS_MAX)
		return parse_error(
			p, &d->words[1], "more than %d ports are opened", CONF_OPENS_MAX);
	open = parse_add(p, &opens->v, &opens->n, sizeof(*open));
	if (!open)
		return -1;
	*open = *what;
	open->ordinal = d->ordinal;
	return read_sources(p, d, at, open);
}

int
set_open(struct parse *p, const struct directive *d)
{
	struct opening o = {0};

	if (read_what(p, d, &o) < 0)
		return -1;
	if (o.proto) {
		struct conf_open what = {.proto = o.proto, .low = 0, .high = UINT16_MAX};

		return add(p, d, &what, o.at);
	}
	for (size_t i = 0; i < 2; i++) {
		struct conf_open what = {
			.proto = with_ports[i], .low = o.low[i], .high = o.high[i]};

		if (o.low[i] && add(p, d, &what, o.at) < 0)
			return -1;
	}
	return 0;
}

int
set_confirm_within(struct parse *p, const struct directive *d)
{
	static const uint64_t range[2] = {CONF_CONFIRM_MIN_MS, CONF_CONFIRM_MAX_MS};

	p->conf->opens.confirm_ordinal = d->ordinal;
	return word_read_time(p, &d->words[1], range, &p->conf->opens.confirm_ms);
}
