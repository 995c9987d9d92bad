/* What the fronts have in common: the timer and the vocabulary. */
#include "proxy/exchange/front.h"

#include "core/clock.h"
#include "proxy/conn/conn.h"

static const char *const conn_close_texts[] = {
#define CONN_CLOSE_TEXT(id, text) text,
	CONN_CLOSE_TABLE(CONN_CLOSE_TEXT)
#undef CONN_CLOSE_TEXT
};

const char *
conn_close_text(enum conn_close_reason reason)
{
	return conn_close_texts[reason];
}

void
front_set_wait(struct front *f, enum conn_wait wait, uint64_t timeout_ms)
{
	f->wait = wait;
	if (wait == CONN_WAIT_NOTHING) {
		timer_off(&f->timer);
		return;
	}
	f->since_ms = clock_mono_coarse_ms();
	timer_set(&f->conn->worker->timers, &f->timer, f->since_ms + timeout_ms);
}
