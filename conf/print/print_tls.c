/* What the file says about TLS as canonical text. */
#include "conf/print/print_tls.h"

#include "conf/schema/schema.h"

static void
print_word(struct writer *w, uint32_t ordinal, const char *directive, int value)
{
	if (!ordinal)
		return;
	writer_begin(w, ordinal, directive);
	writer_word(w, schema_word_name(directive, value));
	writer_end(w);
}

void
print_tls(struct writer *w, const struct conf_tls *tls)
{
	print_word(w, tls->profile_ordinal, "tls", (int)tls->profile);
	print_word(w, tls->ocsp_ordinal, "ocsp", tls->no_ocsp);
	print_word(w, tls->unknown_ordinal, "unknown-name", tls->refuse_unknown);
}

void
print_client(struct writer *w, const struct conf_client *client)
{
	if (client->demand == CONF_CLIENT_NONE)
		return;
	writer_begin(w, client->ordinal, "client-certificates");
	writer_word(w, schema_word_name("client-certificates", (int)client->demand));
	writer_word(w, client->ca_file);
	writer_end(w);
}
