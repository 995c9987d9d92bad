/*
 * Dates as HTTP writes them (RFC 9110 section 5.6.7). Formatting is cached a second, because
 * every answer carries one.
 */
#ifndef PROXY_HTTP_DATE_H
#define PROXY_HTTP_DATE_H

#include "core/slice.h"

#include <stdint.h>

#define HTTP_DATE_LEN 29 /* "Sun, 06 Nov 1994 08:49:37 GMT" */

/* One a thread; zeroed is ready to use. */
struct http_date {
	int64_t second;
	char text[HTTP_DATE_LEN + 1];
};

/* Years 1970 to 9999; what lies outside is shown as the nearer end. */
void http_date_format(int64_t second, char out[static HTTP_DATE_LEN + 1]);
/* The text for this second, in *d until the next call. */
struct slice http_date_now(struct http_date *d, int64_t second);
/* All three formats that a recipient must accept. 0 or -1. */
int http_date_parse(struct slice s, int64_t *ret);

#endif
