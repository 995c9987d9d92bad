/* Spreads OCSP answers from the book. */
#include "proxy/tls/staple_desk.h"

#include "core/own.h"

#include <stdlib.h>
#include <string.h>

/* As with the commands themselves: without memory the threads would not stay alike. */
static void
desk_fill(const struct staple_entry *entries, size_t n, struct command *c)
{
	c->staples = calloc(n + 1, sizeof(*c->staples));
	if (!c->staples)
		abort();
	for (size_t i = 0; i < n; i++) {
		memcpy(c->staples[i].id, entries[i].id, STAPLE_ID_SIZE);
		c->staples[i].staple = entries[i].staple ? staple_ref(entries[i].staple) : NULL;
	}
	c->n_staples = n;
}

void
staple_desk_share(const struct staple_desk *d, struct command *c)
{
	desk_fill(d->book.entries, d->book.n, c);
}

static void
desk_on_news(evutil_socket_t fd, short what, void *arg)
{
	const struct staple_desk *d = arg;

	(void)fd;
	(void)what;
	certificate_report_tell(d->report);
	if (*d->report->chan)
		staple_book_send(&d->book, *d->report->chan);
}

void
staple_desk_on_note(struct staple_desk *d, struct note *note)
{
	const struct timeval soon = {.tv_usec = STAPLE_NEWS_MS * 1000};
	const unsigned char *id = note->staple.id;

	if (!staple_book_set(
		    &d->book, id, note->staple_state, steal_ptr(&note->staple.staple), note->why))
		return;
	/* After a failure the threads go on with what they have. */
	for (unsigned i = 0; note->staple_state != STAPLE_FAILED && i < *d->n_workers; i++) {
		struct command *c = command_new(COMMAND_STAPLE);

		if (!c)
			abort();
		desk_fill(staple_book_find(&d->book, id), 1, c);
		worker_post(d->workers[i], c);
	}
	certificate_report_staple(d->report, id);
	if (!evtimer_pending(d->news, NULL))
		evtimer_add(d->news, &soon);
}

int
staple_desk_init(struct staple_desk *d, struct event_base *base, struct worker *const *workers,
	const unsigned *n_workers, const struct certificate_report *report)
{
	d->workers = workers;
	d->n_workers = n_workers;
	d->report = report;
	d->news = evtimer_new(base, desk_on_news, d);
	return d->news ? 0 : -1;
}

void
staple_desk_clear(struct staple_desk *d)
{
	if (d->news)
		event_free(d->news);
	d->news = NULL;
	staple_book_clear(&d->book);
}
