/* A dictionary of RFC 8941, of which two members count. */
#include "proxy/h2/h2_priority.h"

#include <stddef.h>

static void
take_member(struct h2_priority *p, struct slice member)
{
	if (member.n == 3 && member.p[0] == 'u' && member.p[1] == '=' && member.p[2] >= '0' &&
		member.p[2] <= '0' + H2_URGENCY_MAX)
		p->urgency = (uint8_t)(member.p[2] - '0');
	else if (slice_eq(member, SLICE_LIT("i")) || slice_eq(member, SLICE_LIT("i=?1")))
		p->incremental = true;
	else if (slice_eq(member, SLICE_LIT("i=?0")))
		p->incremental = false;
}

struct h2_priority
h2_priority_parse(struct slice value)
{
	struct h2_priority p = {.urgency = H2_URGENCY_DEFAULT};

	/* The last one of a name counts (RFC 8941 section 3.2). */
	while (value.n > 0) {
		size_t n = slice_index(value, ',');
		struct slice member = slice_head(value, n);

		take_member(&p, slice_trim(slice_head(member, slice_index(member, ';'))));
		value = slice_skip(value, n + 1);
	}
	return p;
}

void
h2_priorities_keep(struct h2_priorities *p, int32_t stream, struct h2_priority priority)
{
	size_t at = p->n++ % H2_PRIORITIES_KEPT;

	p->kept[at].stream = stream;
	p->kept[at].priority = priority;
}

bool
h2_priorities_find(const struct h2_priorities *p, int32_t stream, struct h2_priority *ret)
{
	for (size_t back = 1; back <= H2_PRIORITIES_KEPT; back++) {
		size_t at = (size_t)(uint8_t)(p->n - back) % H2_PRIORITIES_KEPT;

		if (p->kept[at].stream != stream)
			continue;
		*ret = p->kept[at].priority;
		return true;
	}
	return false;
}
