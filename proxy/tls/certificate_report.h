/*
 * What operators are told of the certificates: warnings in the log, and a list for `sluice
 * status`, at every commit and once a day. Belongs to the main thread.
 */
#ifndef PROXY_CERTIFICATE_REPORT_H
#define PROXY_CERTIFICATE_REPORT_H

#include "core/chan.h"
#include "proxy/generation.h"
#include "proxy/tls/staple_book.h"

#include <event2/event.h>

struct certificate_report {
	struct generation *generation;     /* a reference; NULL before the first commit */
	struct chan **chan;                /* the process's; it may be gone */
	const struct staple_book *staples; /* likewise */
	struct event *daily;
};

/* 0, or -1 when memory is short. */
int certificate_report_init(struct certificate_report *r, struct event_base *base,
	struct chan **chan, const struct staple_book *staples);
void certificate_report_clear(struct certificate_report *r);
/* A generation is the current one from now on. */
void certificate_report_set(struct certificate_report *r, struct generation *g);
/* There is news of the OCSP answer of the certificate with this id: what an operator should know
 * of it goes to the log. */
void certificate_report_staple(
	const struct certificate_report *r, const unsigned char id[static STAPLE_ID_SIZE]);
/* Tells control the list once more, without a word to the log: it has just started. */
void certificate_report_tell(const struct certificate_report *r);

#endif
