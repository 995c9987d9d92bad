/*
 * What a complete head leads to: which site and route it belongs to, and what its target is. Every
 * path of this file ends in an answer of ours or in exchange_start_buffer or exchange_open_file.
 */
#include "proxy/exchange/exchange.h"

#include "core/clock.h"
#include "proxy/http/answer.h"
#include "proxy/exchange/exchange_cache.h"

/* The head could be read, but what it asks for is no request. */
static void
exchange_malformed(struct exchange *x, enum http_reason reason)
{
	exchange_note_malformed(x);
	x->keep_alive = false;
	exchange_answer(
		x, http_reason_status(reason), http_reason_text(reason), http_reason_text(reason));
}

/* RFC 9110 section 15.5.14: known to be too large before a byte of it is read. */
static bool
exchange_too_large(const struct exchange *x)
{
	uint64_t limit = x->limits->body_limit;

	return limit != 0 && x->request_body.kind == HTTP_BODY_LENGTH &&
	       x->request.content_length > limit;
}

/* The target's path and what of the request's path it replaces are in the route. */
static void
exchange_go_to_target(struct exchange *x)
{
	const struct conf_target *t = &x->route->target;

	switch (t->type) {
	case CONF_TARGET_CONTAINER:
	case CONF_TARGET_HTTP:
	case CONF_TARGET_HTTPS:
	case CONF_TARGET_UNIX:
		if (x->route->cache.mode == CONF_CACHE_OFF || !exchange_cache_look(x))
			exchange_start_buffer(x);
		break;
	case CONF_TARGET_DIR:
		exchange_open_file(x);
		break;
	case CONF_TARGET_REDIRECT:
		exchange_redirect(x, t->code, slice_str(t->path));
		break;
	case CONF_TARGET_STATUS:
		exchange_answer(x, t->code, NULL, NULL);
		break;
	}
}

/* What the route does not want in a path, encoded. */
static bool
exchange_refuses_path(const struct exchange *x)
{
#define ENCODED_CHARACTER(id, word, character, escape) character,
	static const char characters[] = {CONF_ENCODED_TABLE(ENCODED_CHARACTER)};
#undef ENCODED_CHARACTER

	for (size_t i = 0; x->limits->encoded_refused >> i; i++)
		if ((x->limits->encoded_refused >> i & 1) &&
			http_path_has_encoded(&x->path, characters[i]))
			return true;
	return false;
}

static void
exchange_follow(struct exchange *x, const struct route_match *m)
{
	x->site = m->site;
	x->route = m->route;
	x->matched = m->matched;
	x->limits = &m->route->limits;
	if (x->request.upgrade)
		exchange_choose_upgrade(x);
	if (exchange_refuses_path(x))
		exchange_malformed(x, HTTP_REASON_PATH_ENCODED);
	else if (exchange_too_large(x))
		exchange_answer(x, 413, NULL, "body larger than body-limit");
	else
		exchange_go_to_target(x);
}

/* `/jenkins` to `/jenkins/`: relative, so that it is right behind any other proxy too. */
static void
exchange_add_slash(struct exchange *x)
{
	const struct http_request *r = &x->request;
	struct buf *text = &x->worker->text;

	buf_reset(text);
	if (http_path_folder_location(
		    &x->path, r->has_query, http_request_slice(r, r->query), text) < 0)
		exchange_answer(x, 500, NULL, "location too long");
	else
		exchange_redirect(x, answer_redirect_status(r->method), buf_slice(text));
}

/* A listener without tls and without `plain`: everything is elsewhere. */
static void
exchange_to_https(struct exchange *x)
{
	const struct http_request *r = &x->request;
	struct buf *text = &x->worker->text;

	buf_reset(text);
	if (r->host.n == 0)
		exchange_answer(x, 400, NULL, "no Host to redirect to");
	else if (answer_https_location(exchange_host(x), route_tls_port(x->generation->routes),
			 x->path.raw, r->has_query, http_request_slice(r, r->query), text) < 0)
		exchange_answer(x, 414, NULL, "location too long");
	else
		exchange_redirect(x, answer_redirect_status(r->method), buf_slice(text));
}

/* RFC 9110 section 7.4: a site with another certificate than the connection's is not answered on
 * it, or what one certificate protects would be reached through another. The same holds for what a
 * site demands of its clients. Returns what is wrong, or NULL. */
static const char *
exchange_misdirected(const struct exchange *x, const struct conf_site *site)
{
	const struct generation *g = x->generation;
	const struct tls_demand *demand = generation_demand(g, x->worker->index, site);
	SSL *ssl = x->conn->ssl;

	if (!site || (!ssl && (!demand || !demand->required)))
		return NULL;
	if (!ssl || (g->n_demands > 0 && !tls_demand_is_met(ssl, demand)))
		return "site demands another client certificate";
	if (!route_site_allowed(site, route_find_certificate(g->routes, conn_tls_name(x->conn))))
		return "site has another certificate";
	return NULL;
}

void
exchange_guarded(struct exchange *x)
{
	switch (x->match.verdict) {
	case ROUTE_FOUND:
		exchange_follow(x, &x->match);
		break;
	case ROUTE_REDIRECT_SLASH:
		exchange_add_slash(x);
		break;
	case ROUTE_NONE:
		exchange_answer(x, 404, NULL, "no route");
		break;
	case ROUTE_NO_SITE:
		exchange_answer(x, 421, NULL, "no site");
		break;
	}
}

static void
exchange_route(struct exchange *x)
{
	const struct route_index *routes = x->generation->routes;
	struct route_match *m = &x->match;
	const char *why;

	if (x->conn->origin.mode == CONF_LISTEN_REDIRECT) {
		if (!route_find_plain(routes, exchange_host(x), x->path.match, m))
			exchange_to_https(x);
		else if (exchange_guard(x))
			exchange_guarded(x);
		return;
	}
	*m = route_find(routes, exchange_host(x), x->path.match);
	why = m->verdict == ROUTE_NO_SITE ? NULL : exchange_misdirected(x, m->site);
	if (why) {
		exchange_answer(x, 421, NULL, why);
		return;
	}
	x->site = m->site;
	if (exchange_guard(x))
		exchange_guarded(x);
}

/* A front that frames bodies itself hands over payload, whose end it tells. */
static enum http_body_kind
exchange_body_kind(const struct exchange *x)
{
	if (x->front->framed && x->request.body == HTTP_BODY_CHUNKED)
		return HTTP_BODY_UNTIL_CLOSE;
	return x->request.body;
}

/* What is answered before a route is looked for belongs to the site of its host nevertheless: its
 * header rules hold, and what it says about coming back. */
static void
exchange_find_site(struct exchange *x)
{
	const struct conf_site *site = route_find_site(x->generation->routes, exchange_host(x));

	if (x->conn->origin.mode != CONF_LISTEN_REDIRECT && !exchange_misdirected(x, site))
		x->site = site;
}

/* Memory for bytes in flight is short: come again. */
static bool
exchange_is_shed(struct exchange *x)
{
	const struct worker *w = x->worker;

	if (w->blocks.n_out <= w->overload.blocks_max)
		return false;
	stats_add(&x->worker->stats, STAT_REQUESTS_SHED, 1);
	worker_limit_reached(x->worker, OVERLOAD_MEMORY);
	x->keep_alive = false;
	exchange_find_site(x);
	exchange_answer(x, 503, NULL, "too many bytes in flight");
	return true;
}

void
exchange_begin(struct exchange *x)
{
	const struct http_request *r = &x->request;
	enum http_reason reason;

	x->generation = generation_ref(x->worker->generation);
	x->limits = &x->generation->conf->limits;
	x->keep_alive = r->keep_alive && !x->worker->stopping && !x->worker->draining &&
			!conn_kernel_is_over(x->conn);
	http_body_init(&x->request_body, exchange_body_kind(x), r->content_length);
	exchange_keep_request_trailers(x);
	x->wants_continue = r->expect_continue && !http_body_done(&x->request_body);
	if (http_body_done(&x->request_body))
		front_settle(x->front);
	exchange_find_client(x);
	if (exchange_is_shed(x))
		return;
	if (r->form == HTTP_FORM_ASTERISK) {
		exchange_find_site(x);
		if (exchange_guard_server(x))
			exchange_answer(x, 204, NULL, NULL);
		return;
	}
	reason = http_path_resolve(http_request_slice(r, r->path), x->arena, &x->path);
	if (reason != HTTP_REASON_NONE) {
		exchange_find_site(x);
		exchange_malformed(x, reason);
	} else if (x->front->internal) {
		exchange_guarded(x);
	} else {
		exchange_route(x);
	}
}
