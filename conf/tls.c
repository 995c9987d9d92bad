/* Comparing what two files say about TLS. */
#include "conf/tls.h"

bool
conf_tls_equal(const struct conf_tls *a, const struct conf_tls *b)
{
	return a->profile == b->profile && !a->profile_ordinal == !b->profile_ordinal &&
	       a->refuse_unknown == b->refuse_unknown && !a->unknown_ordinal == !b->unknown_ordinal;
}
