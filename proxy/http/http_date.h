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

/* A moment of UTC. */
struct http_time {
	unsigned year, month, day, hour, minute, second; /* month 1 to 12 */
	unsigned weekday;                                /* 0: Sunday */
};

/* Years 1970 to 9999; what lies outside is shown as the nearer end. By arithmetic: no locale, no
 * time zone file, no lock. */
struct http_time http_time_split(int64_t second);
/* "Jan" for 1; month 1 to 12. */
struct slice http_month_name(unsigned month);
/* Years 1970 to 9999; what lies outside is shown as the nearer end. */
void http_date_format(int64_t second, char out[static HTTP_DATE_LEN + 1]);
/* The text for this second, in *d until the next call. */
struct slice http_date_now(struct http_date *d, int64_t second);
/* All three formats that a recipient must accept. 0 or -1. */
int http_date_parse(struct slice s, int64_t *ret);

#endif
