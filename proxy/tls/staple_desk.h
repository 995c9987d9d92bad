/*
 * The main thread's desk for OCSP answers: what one thread has learned goes into the book, to all
 * threads at once, and with other news of the moment to the parent, which keeps it, and to control.
 */
#ifndef PROXY_STAPLE_DESK_H
#define PROXY_STAPLE_DESK_H

#include "proxy/tls/certificate_report.h"
#include "proxy/tls/staple_book.h"
#include "proxy/worker.h"

#define STAPLE_NEWS_MS 200 /* what comes together is told together */

struct staple_desk {
	struct staple_book book;
	struct worker *const *workers; /* the process's, and how many there are */
	const unsigned *n_workers;
	const struct certificate_report *report;
	struct event *news; /* pending: parent and control are to be told */
};

/* 0, or -1 when memory is short. */
int staple_desk_init(struct staple_desk *d, struct event_base *base, struct worker *const *workers,
	const unsigned *n_workers, const struct certificate_report *report);
void staple_desk_clear(struct staple_desk *d);
/* Puts all answers into an ADOPT command. */
void staple_desk_share(const struct staple_desk *d, struct command *c);
/* A NOTE_STAPLE. */
void staple_desk_on_note(struct staple_desk *d, struct note *note);

#endif
