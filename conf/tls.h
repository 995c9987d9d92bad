/* What the file says about TLS as a whole. */
#ifndef CONF_TLS_H
#define CONF_TLS_H

#include <stdbool.h>
#include <stdint.h>

enum conf_tls_profile { CONF_TLS_MODERN, CONF_TLS_COMPAT, CONF_TLS_PROFILE_COUNT };

struct conf_tls {
	enum conf_tls_profile profile;
	uint32_t profile_ordinal; /* 0 where not written, and so below */
	bool refuse_unknown;      /* a name of no site ends the handshake */
	uint32_t unknown_ordinal;
};

bool conf_tls_equal(const struct conf_tls *a, const struct conf_tls *b);

#endif
