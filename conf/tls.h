/* What the file says about TLS as a whole. */
#ifndef CONF_TLS_H
#define CONF_TLS_H

#include <stdbool.h>
#include <stdint.h>

enum conf_tls_profile { CONF_TLS_MODERN, CONF_TLS_COMPAT, CONF_TLS_PROFILE_COUNT };

enum conf_client_demand { CONF_CLIENT_NONE, CONF_CLIENT_OPTIONAL, CONF_CLIENT_REQUIRE };

/* What a site wants to see of its clients. */
struct conf_client {
	enum conf_client_demand demand;
	char *ca_file; /* those that may have issued a client's certificate; NULL: NONE */
	uint32_t ordinal;
};

struct conf_tls {
	enum conf_tls_profile profile;
	uint32_t profile_ordinal; /* 0 where not written, and so below */
	bool refuse_unknown;      /* a name of no site ends the handshake */
	uint32_t unknown_ordinal;
	bool no_ocsp; /* nobody is asked about our certificates */
	uint32_t ocsp_ordinal;
};

bool conf_tls_equal(const struct conf_tls *a, const struct conf_tls *b);
bool conf_client_equal(const struct conf_client *a, const struct conf_client *b);

#endif
