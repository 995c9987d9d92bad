/* What tests of records that we make have in common: a thread's contexts, and room for a record. */
#ifndef TESTS_UNIT_PROXY_SEALER_H
#define TESTS_UNIT_PROXY_SEALER_H

#include "proxy/tls/tls_seal.h"

#define ROOM (TLS_SEAL_MAX + TLS_SEAL_EXTRA)

static struct tls_sealer sealer;

static inline int
set_up(void **state)
{
	struct err e = {0};

	(void)state;
	return tls_sealer_init(&sealer, NULL, &e);
}

static inline int
tear_down(void **state)
{
	(void)state;
	tls_sealer_clear(&sealer);
	return 0;
}

#endif
