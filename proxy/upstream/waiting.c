/* The decision to connect, wait or fail. */
#include "proxy/upstream/waiting.h"

#include <stdbool.h>

static uint64_t
earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static struct waiting
fail(uint16_t status, const char *reason)
{
	return (struct waiting){.verdict = WAITING_FAIL, .status = status, .reason = reason};
}

static struct waiting
wait_until(uint64_t until)
{
	return (struct waiting){.verdict = WAITING_WAIT, .until = until};
}

/* Doubles with each failure: 50 ms, 100 ms … 500 ms. */
static uint64_t
retry_pause(unsigned attempts)
{
	uint64_t pause = WAITING_RETRY_MIN_MS;

	while (attempts-- > 1 && pause < WAITING_RETRY_MAX_MS)
		pause *= 2;
	return earlier(pause, WAITING_RETRY_MAX_MS);
}

/* Until when failures are borne: a while after the container changed, or, when it answered and
 * then stopped answering, a short while for the news of its change to arrive. */
static uint64_t
patience_ends(const struct waiting_input *in)
{
	uint64_t ends = 0;

	if (!in->container)
		return 0;
	if (in->changed_at)
		ends = in->changed_at + in->connect_timeout;
	if (in->failing_since && in->failing_since + WAITING_GRACE_MS > ends)
		ends = in->failing_since + WAITING_GRACE_MS;
	return ends;
}

static bool
may_connect(const struct waiting_input *in)
{
	return !in->container || (in->state == CONTAINER_RUNNING && in->has_address);
}

static struct waiting
wait_for_container(const struct waiting_input *in, uint64_t deadline, uint64_t patience)
{
	uint64_t until = earlier(deadline, patience);

	if (in->now < until)
		return wait_until(until);
	/* Who has waited is told that time ran out; who comes later, that there is nobody. */
	if (in->began < patience)
		return fail(504, "container did not come up in time");
	return fail(502, "container is not running");
}

const char *
waiting_error_text(enum waiting_error error)
{
	switch (error) {
	case WAITING_REFUSED:
		return "backend refuses connections";
	case WAITING_UNREACHABLE:
		return "backend is unreachable";
	case WAITING_TLS:
		return "TLS handshake with the backend failed";
	case WAITING_LOCAL:
		return "no descriptor or memory for a connection to the backend";
	case WAITING_OTHER:
		return "connection to the backend failed";
	case WAITING_NO_ERROR:
		break;
	}
	return "";
}

/* A connect has failed: again after a pause, or never. */
static struct waiting
after_error(const struct waiting_input *in, uint64_t deadline, uint64_t patience)
{
	uint64_t next = in->error_at + retry_pause(in->attempts);

	if (in->error == WAITING_OTHER || in->error == WAITING_LOCAL || in->error == WAITING_TLS ||
		in->error_at >= patience)
		return fail(502, waiting_error_text(in->error));
	if (next < in->now)
		next = in->now;
	if (next >= patience)
		return fail(502, waiting_error_text(in->error));
	if (next > in->now)
		return wait_until(earlier(next, deadline));
	return (struct waiting){.verdict = WAITING_CONNECT, .until = deadline};
}

struct waiting
waiting_decide(const struct waiting_input *in)
{
	uint64_t deadline = in->began + in->connect_timeout;
	uint64_t patience = patience_ends(in);

	if (in->now >= deadline)
		return fail(504, "no connection to the backend until the timeout");
	if (!may_connect(in))
		return wait_for_container(in, deadline, patience);
	if (in->error != WAITING_NO_ERROR)
		return after_error(in, deadline, patience);
	return (struct waiting){.verdict = WAITING_CONNECT, .until = deadline};
}
