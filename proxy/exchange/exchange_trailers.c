/*
 * Trailers of an exchange: those of the request go to a backend behind a chunked body, those of the
 * answer to a client that can take them. Where the body is stored they wait with it.
 */
#include "proxy/exchange/relay.h"

void
exchange_keep_request_trailers(struct exchange *x)
{
	const struct http_request *r = &x->request;
	struct http_trailers *t = &x->request_trailers;

	if (r->body != HTTP_BODY_CHUNKED)
		return;
	t->to_backend = true;
	http_trailers_open(
		t, x->arena, r->base, r->fields, r->framing.lists_names ? r->n_fields : 0);
	x->request_body.keep = t;
}

/* A client of HTTP/1.1 says whether it wants any (RFC 9110 section 6.5.1); one of HTTP/2 has to
 * know what they are. */
bool
relay_wants_trailers(const struct exchange *x)
{
	if (x->response.body != HTTP_BODY_CHUNKED || x->front->internal ||
		x->answer_kind == HTTP_BODY_NONE)
		return false;
	return x->front->framed || (x->request.minor > 0 && x->request.te_trailers);
}

void
relay_keep_answer_trailers(struct exchange *x)
{
	const struct http_response *r = &x->response;

	http_trailers_open(&x->answer_trailers, x->arena, r->base, r->fields,
		r->framing.lists_names ? r->n_fields : 0);
	x->answer_body.keep = &x->answer_trailers;
}

void
exchange_add_trailer(struct exchange *x, struct slice name, struct slice value)
{
	http_trailers_add(&x->request_trailers, name, value);
}

bool
relay_refuse_trailers(struct exchange *x)
{
	enum http_reason reason = x->request_trailers.reason;

	if (reason == HTTP_REASON_NONE)
		return false;
	stats_add(&x->worker->stats, STAT_REQUESTS_BAD, 1);
	relay_refuse(x, http_reason_status(reason), http_reason_text(reason));
	return true;
}

/* --- towards the other side ------------------------------------------------------------------ */

static void
remove_ruled(struct http_trailers *t, const struct conf_heads *heads, enum conf_header_side side)
{
	for (size_t i = 0; heads && i < heads->n_rules; i++)
		if (heads->rules[i].side == side)
			http_trailers_remove(t, slice_str(heads->rules[i].name));
}

/* What the file has a rule about comes from there and from nowhere else: who removes a field must
 * not get it behind the body. */
static struct slice
ruled_trailers(struct exchange *x, struct http_trailers *t, enum conf_header_side side)
{
	if (t->n > 0) {
		remove_ruled(t, &x->generation->conf->heads, side);
		remove_ruled(t, x->site ? &x->site->heads : NULL, side);
		remove_ruled(t, x->route ? &x->route->heads : NULL, side);
	}
	return http_trailers_text(t);
}

struct slice
relay_request_trailers(struct exchange *x)
{
	struct http_trailers *t = &x->request_trailers;
	char *const *replaced;
	size_t n = t->n > 0 ? exchange_replaced(x, &replaced) : 0;

	for (size_t i = 0; i < n; i++)
		http_trailers_remove(t, slice_str(replaced[i]));
	return ruled_trailers(x, t, CONF_HEADER_REQUEST);
}

struct slice
relay_answer_trailers(struct exchange *x)
{
	return ruled_trailers(x, &x->answer_trailers, CONF_HEADER_RESPONSE);
}

bool
relay_append_last(struct iobuf *out, struct slice trailers)
{
	if (relay_room(out) < sizeof(HTTP_CHUNK_LAST) - 1 + trailers.n)
		return false;
	(void)iobuf_append(out, SLICE_LIT(HTTP_CHUNK_LAST_HEAD));
	(void)iobuf_append(out, trailers);
	(void)iobuf_append(out, SLICE_LIT(HTTP_CHUNK_TAIL));
	return true;
}
