/* What containers may send on their bridge. */
#ifndef CONF_POLICY_H
#define CONF_POLICY_H

#include "conf/write.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What becomes of a frame whose source is not the container's own. */
enum conf_spoofing {
	CONF_SPOOFING_DEFAULT, /* dropped where the kernel can */
	CONF_SPOOFING_DROP,    /* dropped; a kernel that cannot is an error */
	CONF_SPOOFING_ALLOW,   /* not looked at */
};

/* Of one container. */
struct conf_policy {
	enum conf_spoofing spoofing;
	uint32_t spoofing_ordinal; /* 0: not written */
};

bool conf_policy_equal(const struct conf_policy *a, const struct conf_policy *b);
/* As canonical text, for print.c. */
void print_policy(struct writer *w, const struct conf_policy *policy);

#endif
