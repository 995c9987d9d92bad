/* The language: certificates and TLS. */
#include "conf/schema/schema.h"

#include "conf/conf.h"
#include "conf/setters.h"

static const struct schema_row rows[] = {
	{
		.name = "certificate",
		.context = CONTEXT_TOP,
		.min = 3,
		.max = 3,
		.repeats = true,
		.set = set_certificate,
		.arguments = "NAME CHAIN-FILE KEY-FILE",
		.doc = "Defines a certificate: its chain and its private key, both in PEM.",
		.more = "The one with the name default is served for every site that names no "
			"other, and to clients that ask for an unknown name or for none. Without "
			"it such a handshake ends with the alert unrecognized_name. A name may be "
			"defined twice, with an ECDSA and with an RSA key; each client gets the "
			"one that it can verify, and the ECDSA one when it can verify both. The "
			"chain file holds the certificate itself first, then each issuer behind "
			"what it has issued. The files are read again at every reload. One that "
			"expires soon, or does not name a host of its site, is warned of in the "
			"log.",
		.example = "certificate default /etc/sluice/tls/fullchain.pem "
			   "/etc/sluice/tls/privkey.pem",
	},
	{
		.name = "certificate",
		.context = CONTEXT_SITE,
		.min = 1,
		.max = 1,
		.set = set_site_certificate,
		.arguments = "NAME",
		.default_value = "default",
		.doc = "Names the certificate of this site, which the top level defines.",
		.example = "certificate wildcard",
	},
	{
		.name = "client-certificates",
		.context = CONTEXT_SITE,
		.min = 2,
		.max = 2,
		.set = set_client_certificates,
		.arguments = "{require|optional} CA-FILE",
		.default_value = "no client is asked for one",
		.doc = "Asks the clients of this site for a certificate that one in CA-FILE has "
		       "issued.",
		.more = "CA-FILE holds certificates in PEM and is read again at every reload. "
			"Which site is meant is known by the TLS name; a request on this "
			"connection for a site that wants something else is answered with 421, "
			"and so is one without TLS for a site that requires a certificate.",
		.example = "client-certificates require /etc/sluice/tls/staff-ca.pem",
	},
	{
		.name = "tls",
		.context = CONTEXT_TOP,
		.min = 1,
		.max = 1,
		.set = set_tls,
		.arguments = "{modern|compat}",
		.default_value = "modern",
		.doc = "Says how old a client may be.",
		.more = "Both speak TLS 1.2 and 1.3 and nothing older, with forward secrecy only, "
			"and take no early data.",
		.example = "tls compat",
	},
	{
		.name = "ocsp",
		.context = CONTEXT_TOP,
		.min = 1,
		.max = 1,
		.set = set_ocsp,
		.arguments = "{on|off}",
		.default_value = "on",
		.doc = "Says whether handshakes carry a fresh OCSP answer (stapling), so that "
		       "clients need not ask the authority themselves.",
		.more = "It is fetched from the responder that a certificate names, by http, when "
			"the chain file holds the issuer, and again at half of its life. One that "
			"is not signed by the issuer or on its behalf, has expired, or says "
			"anything but good is not handed out.",
		.example = "ocsp off",
	},
	{
		.name = "unknown-name",
		.context = CONTEXT_TOP,
		.min = 1,
		.max = 1,
		.set = set_unknown_name,
		.arguments = "{default|refuse}",
		.default_value = "default",
		.doc = "Says what a TLS client gets that asks for a name of no site, or for none.",
		.more = "The site * has no name, so with refuse it is served without TLS only.",
		.example = "unknown-name refuse",
	},
};

static const struct schema_word words[] = {
	{"tls", "modern", CONF_TLS_MODERN, "",
		"authenticated encryption only (AES-GCM, ChaCha20-Poly1305), curves X25519 and "
		"P-256"},
	{"tls", "compat", CONF_TLS_COMPAT, "",
		"also AES-CBC in TLS 1.2 and the curve P-384, for clients from before 2015"},
	{"client-certificates", "require", CONF_CLIENT_REQUIRE, "CA-FILE",
		"a client without one, or with another, is refused in the handshake"},
	{"client-certificates", "optional", CONF_CLIENT_OPTIONAL, "CA-FILE",
		"a client without one is served, too; one with another is refused"},
	{"ocsp", "on", false, "", "certificates that name a responder are asked about"},
	{"ocsp", "off", true, "", "nobody is asked"},
	{"unknown-name", "default", false, "", "the certificate default, when there is one"},
	{"unknown-name", "refuse", true, "", "the alert unrecognized_name"},
};

const struct schema_table schema_tls = {
	.rows = rows,
	.n_rows = sizeof(rows) / sizeof(rows[0]),
	.words = words,
	.n_words = sizeof(words) / sizeof(words[0]),
};
