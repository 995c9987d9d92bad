/*
 * Forward authentication of an exchange: another server is asked first, and its answer decides.
 * Whatever goes wrong keeps the client out.
 */
#include "proxy/exchange/exchange.h"

#include "proxy/guard/auth_forward.h"
#include "proxy/exchange/subrequest.h"

#define ASK_HEAD_MAX (HTTP_REQUEST_HEAD_MAX + CONF_HOST_MAX + AUTH_FORWARD_HEAD_MORE + 4096)

/* The fields that the backend gets instead of the client's, in the exchange's memory. */
static int
exchange_copy_fields(struct exchange *x, const struct http_response *r)
{
	const struct conf_auth *auth = &x->guard->auth_from->auth;
	struct buf out;
	char *text;

	buf_init(&out, AUTH_FORWARD_COPY_MAX);
	if (auth_forward_copy(r, auth->copy, auth->n_copy, &out) < 0) {
		buf_clear(&out);
		return -1;
	}
	text = arena_alloc(x->arena, buf_len(&out) + 1);
	if (text && buf_len(&out))
		memcpy(text, buf_slice(&out).p, buf_len(&out));
	x->copied = slice_of(text, buf_len(&out));
	buf_clear(&out);
	return text ? 0 : -1;
}

static void
exchange_refuse_forward(struct exchange *x, uint16_t status, const char *why)
{
	stats_add(&x->worker->stats, STAT_AUTH_FAILED, 1);
	exchange_answer(x, status, NULL, why);
}

static void
exchange_on_forward(struct exchange *x, const struct subrequest_answer *a)
{
	uint16_t status = a->response ? a->response->status : 502;

	switch (auth_forward_judge(status)) {
	case AUTH_FORWARD_PASS:
		if (exchange_copy_fields(x, a->response) == 0)
			exchange_guarded(x);
		else
			exchange_refuse_forward(
				x, 502, "the authentication server's fields do not fit");
		break;
	case AUTH_FORWARD_ANSWER:
		stats_add(&x->worker->stats, STAT_AUTH_REFUSED, 1);
		exchange_answer_copy(x, a->response,
			a->whole && a->body.n <= AUTH_FORWARD_BODY_MAX ? a->body
								       : (struct slice){0},
			"refused by the authentication server");
		break;
	case AUTH_FORWARD_TIMEOUT:
		exchange_refuse_forward(x, 504, "the authentication server takes too long");
		break;
	case AUTH_FORWARD_FAILED:
		exchange_refuse_forward(x, 502, "the authentication server fails");
		break;
	}
	front_drive(x->front);
}

bool
exchange_auth_forward(struct exchange *x)
{
	const struct conf_route *to = x->guard->auth_from->auth.forward;
	struct buf head;

	buf_init(&head, ASK_HEAD_MAX);
	exchange_set_state(x, EXCHANGE_GUARD);
	if (auth_forward_head(&x->request, slice_str(to->path), x->path.raw, &head) < 0)
		exchange_refuse_forward(x, 431, "head does not fit when asked about");
	else {
		x->subrequest = subrequest_new(x, to, buf_slice(&head), exchange_on_forward);
		if (!x->subrequest)
			exchange_refuse_forward(x, 502, "out of memory");
	}
	buf_clear(&head);
	return false;
}
