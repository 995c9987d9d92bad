/* Puts the notes on each certificate into the log and into CERTIFICATE_STATE messages. */
#include "proxy/tls/certificate_report.h"

#include "core/clock.h"
#include "core/own.h"

#include <string.h>

#define REPORT_DAY_S (24 * 3600)

static void
report_send(const struct certificate_report *r, size_t index, struct slice notes)
{
	const struct conf *c = r->generation->conf;
	const struct tls_certificate *of = &r->generation->certificates[index];
	const struct staple_entry *staple = &r->staples->entries[index];
	struct msg_out m;

	if (!*r->chan || msg_out_init(&m, MSG_CERTIFICATE_STATE, ROLE_CONTROL) < 0)
		return;
	msg_put_u32(&m, (uint32_t)index);
	msg_put_str(&m, c->certificates[index].name);
	msg_put_str(&m, tls_certificate_key_type(of));
	msg_put_u64(&m, (uint64_t)tls_time_ms(X509_get0_notAfter(of->leaf)));
	msg_put_slice(&m, notes);
	msg_put_str(&m, staple_state_word(staple->state));
	msg_put_u64(&m, staple->staple ? (uint64_t)staple->staple->until_ms : 0);
	msg_put_str(&m, staple->why);
	(void)chan_send(*r->chan, &m);
	msg_out_clear(&m);
}

static void
report_note_staple(const struct certificate_report *r, size_t index, struct buf *notes)
{
	const struct staple_entry *of = &r->staples->entries[index];
	bool stapled = of->staple && of->staple->until_ms > (int64_t)clock_wall_ms();

	staple_notes(of->state, stapled, &r->generation->certificates[index], notes);
}

static void
report_note(const struct certificate_report *r, size_t index, struct buf *notes)
{
	buf_reset(notes);
	tls_certificate_notes(r->generation->conf, index, &r->generation->certificates[index],
		(int64_t)clock_wall_ms(), notes);
	report_note_staple(r, index, notes);
}

/* The certificates of the first thread stand for those of all. */
static void
report_all(const struct certificate_report *r, bool warn)
{
	const struct conf *c = r->generation ? r->generation->conf : NULL;
	_cleanup_(buf_clear) struct buf notes;

	buf_init(&notes, TLS_NOTES_MAX);
	for (size_t i = 0; c && i < c->n_certificates; i++) {
		report_note(r, i, &notes);
		if (warn)
			tls_certificate_warn(c->certificates[i].name, buf_slice(&notes));
		report_send(r, i, buf_slice(&notes));
	}
}

static void
report_on_day(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	report_all(arg, true);
}

int
certificate_report_init(struct certificate_report *r, struct event_base *base, struct chan **chan,
	const struct staple_book *staples)
{
	const struct timeval day = {.tv_sec = REPORT_DAY_S};

	r->chan = chan;
	r->staples = staples;
	r->daily = event_new(base, -1, EV_PERSIST, report_on_day, r);
	return r->daily && event_add(r->daily, &day) == 0 ? 0 : -1;
}

void
certificate_report_clear(struct certificate_report *r)
{
	if (r->daily)
		event_free(r->daily);
	r->daily = NULL;
	generation_unref(&r->generation);
}

void
certificate_report_set(struct certificate_report *r, struct generation *g)
{
	generation_unref(&r->generation);
	r->generation = generation_ref(g);
	report_all(r, true);
}

void
certificate_report_staple(
	const struct certificate_report *r, const unsigned char id[static STAPLE_ID_SIZE])
{
	_cleanup_(buf_clear) struct buf notes;

	buf_init(&notes, TLS_NOTES_MAX);
	for (size_t i = 0; r->generation && i < r->staples->n; i++) {
		const struct staple_entry *of = &r->staples->entries[i];

		if (memcmp(of->id, id, STAPLE_ID_SIZE) != 0)
			continue;
		buf_reset(&notes);
		report_note_staple(r, i, &notes);
		tls_certificate_warn(r->generation->conf->certificates[i].name, buf_slice(&notes));
	}
}

void
certificate_report_tell(const struct certificate_report *r)
{
	report_all(r, false);
}
