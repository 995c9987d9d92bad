/* spoofing drop|allow */
#include "conf/setters.h"

#include "conf/parse.h"

static struct conf_container *
open_container(const struct parse *p)
{
	return &p->conf->containers[p->container];
}

int
set_spoofing(struct parse *p, const struct directive *d)
{
	struct conf_policy *policy = &open_container(p)->policy;
	int spoofing;

	if (word_read_word(p, "spoofing", &d->words[1], &spoofing) < 0)
		return -1;
	policy->spoofing = (enum conf_spoofing)spoofing;
	policy->spoofing_ordinal = d->ordinal;
	return 0;
}
