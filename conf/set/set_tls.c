/* Certificates, and what the top level says about TLS. */
#include "conf/setters.h"

#include "conf/parse.h"
#include "conf/value.h"

/* A name may have two certificates, of different key types; which one a client gets is its
 * choice. The second is found through the first. */
static int
take_certificate(struct parse *p, const struct directive *d, const struct word *name)
{
	struct conf *c = p->conf;
	uint32_t own = (uint32_t)c->n_certificates - 1, taken;
	char where[PARSE_WHERE_MAX];
	int ret = names_take(&p->names, (struct name){.kind = NAME_CERTIFICATE, .text = name->text},
		own, &taken);

	if (ret < 0)
		return parse_no_memory(p);
	if (ret == 0)
		return 0;
	if (c->certificates[taken].second >= 0)
		return parse_error(p, name,
			"the certificate \"%.*s\" is defined twice already, first %s; a name has "
			"one "
			"certificate, or one with an ECDSA key and one with an RSA key",
			WORD_ARG(name),
			parse_where(p, c->certificates[taken].ordinal, d->ordinal, where));
	c->certificates[taken].second = (int32_t)own;
	c->certificates[own].is_second = true;
	return 0;
}

int
set_certificate(struct parse *p, const struct directive *d)
{
	struct conf *c = p->conf;
	struct conf_certificate *certificate;
	const struct word *name = &d->words[1];

	certificate = parse_add(p, &c->certificates, &c->n_certificates, sizeof(*certificate));
	if (!certificate)
		return -1;
	certificate->ordinal = d->ordinal;
	certificate->second = -1;
	if (word_read_checked(p, name, value_name(name->text), &certificate->name) < 0 ||
		take_certificate(p, d, name) < 0)
		return -1;
	if (word_read_file(p, &d->words[2], &certificate->chain_file) < 0)
		return -1;
	return word_read_file(p, &d->words[3], &certificate->key_file);
}

int
set_tls(struct parse *p, const struct directive *d)
{
	struct conf_tls *tls = &p->conf->tls;
	int profile;

	tls->profile_ordinal = d->ordinal;
	if (word_read_word(p, "tls", &d->words[1], &profile) < 0)
		return -1;
	tls->profile = (enum conf_tls_profile)profile;
	return 0;
}

int
set_unknown_name(struct parse *p, const struct directive *d)
{
	struct conf_tls *tls = &p->conf->tls;
	int refuse;

	tls->unknown_ordinal = d->ordinal;
	if (word_read_word(p, "unknown-name", &d->words[1], &refuse) < 0)
		return -1;
	tls->refuse_unknown = refuse != 0;
	return 0;
}

int
set_ocsp(struct parse *p, const struct directive *d)
{
	struct conf_tls *tls = &p->conf->tls;
	int off;

	tls->ocsp_ordinal = d->ordinal;
	if (word_read_word(p, "ocsp", &d->words[1], &off) < 0)
		return -1;
	tls->no_ocsp = off != 0;
	return 0;
}

int
set_client_certificates(struct parse *p, const struct directive *d)
{
	struct conf_client *client = &p->conf->sites[p->site].client;
	int demand;

	client->ordinal = d->ordinal;
	if (word_read_word(p, "client-certificates", &d->words[1], &demand) < 0 ||
		word_read_file(p, &d->words[2], &client->ca_file) < 0)
		return -1;
	client->demand = (enum conf_client_demand)demand;
	return 0;
}
