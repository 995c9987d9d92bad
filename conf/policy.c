/* Policies of containers as values and as text. */
#include "conf/policy.h"

bool
conf_policy_equal(const struct conf_policy *a, const struct conf_policy *b)
{
	return a->spoofing == b->spoofing;
}

void
print_policy(struct writer *w, const struct conf_policy *policy)
{
	if (!policy->spoofing_ordinal)
		return;
	writer_begin(w, policy->spoofing_ordinal, "spoofing");
	writer_word(w, policy->spoofing == CONF_SPOOFING_ALLOW ? "allow" : "drop");
	writer_end(w);
}
