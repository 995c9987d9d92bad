/* Comparing what two files say about TLS. */
#include "conf/tls.h"

#include <string.h>

bool
conf_tls_equal(const struct conf_tls *a, const struct conf_tls *b)
{
	return a->profile == b->profile && !a->profile_ordinal == !b->profile_ordinal &&
	       a->refuse_unknown == b->refuse_unknown &&
	       !a->unknown_ordinal == !b->unknown_ordinal && a->no_ocsp == b->no_ocsp &&
	       !a->ocsp_ordinal == !b->ocsp_ordinal;
}

bool
conf_client_equal(const struct conf_client *a, const struct conf_client *b)
{
	if (a->demand != b->demand || !a->ca_file != !b->ca_file)
		return false;
	return !a->ca_file || strcmp(a->ca_file, b->ca_file) == 0;
}
