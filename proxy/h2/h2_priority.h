/*
 * How urgent a request is (RFC 9218 section 4), as its Priority field and PRIORITY_UPDATE frames
 * say it; pure. Streams that have something to send stand in line by it, and by it is decided which
 * of them get more bytes first.
 */
#ifndef PROXY_H2_PRIORITY_H
#define PROXY_H2_PRIORITY_H

#include "core/slice.h"

#include <stdbool.h>
#include <stdint.h>

#define H2_URGENCY_DEFAULT 3
#define H2_URGENCY_MAX 7     /* the least urgent */
#define H2_PRIORITIES_KEPT 8 /* of streams that have not begun */

struct h2_priority {
	uint8_t urgency;
	bool incremental; /* it may share with others of its urgency */
};

/* Updates that came before their streams; the oldest make room. Begins zeroed. */
struct h2_priorities {
	struct {
		int32_t stream;
		struct h2_priority priority;
	} kept[H2_PRIORITIES_KEPT];
	uint8_t n; /* counts up and around */
};

/* What a Priority field's value says; the defaults for what it does not say, or not so that it can
 * be read. */
struct h2_priority h2_priority_parse(struct slice value);
/* For a stream that is to come. */
void h2_priorities_keep(struct h2_priorities *p, int32_t stream, struct h2_priority priority);
/* What was kept for it last. False: nothing. */
bool h2_priorities_find(const struct h2_priorities *p, int32_t stream, struct h2_priority *ret);

#endif
