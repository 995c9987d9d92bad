/*
 * The HTTP side of the control API, on evhttp. Every request is checked for the right of its peer
 * again, answered with JSON, and errors are {"error": …}.
 */
#include "daemon/control/control.h"

#include "core/num.h"
#include "core/own.h"
#include "daemon/control/control_auth.h"
#include "daemon/control/control_json.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <stdio.h>
#include <string.h>

#define ACCEPT_PAUSE_MS 1000

static const char *
reason(int status)
{
	switch (status) {
	case 200:
		return "OK";
	case 202:
		return "Accepted";
	case 400:
		return "Bad Request";
	case 403:
		return "Forbidden";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 422:
		return "Unprocessable Content";
	case 503:
		return "Service Unavailable";
	case 504:
		return "Gateway Timeout";
	default:
		return "Internal Server Error";
	}
}

void
control_http_answer(struct evhttp_request *req, int status, json_t *body)
{
	_free_ char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	struct evbuffer *out = evbuffer_new();

	json_decref(body);
	if (!text || !out || evbuffer_add_printf(out, "%s\n", text) < 0) {
		status = 500;
		if (out)
			(void)evbuffer_drain(out, evbuffer_get_length(out));
	}
	evhttp_add_header(
		evhttp_request_get_output_headers(req), "Content-Type", "application/json");
	evhttp_send_reply(req, status, reason(status), out);
	if (out)
		evbuffer_free(out);
}

void
control_http_answer_text(struct evhttp_request *req, const char *type, struct slice body)
{
	struct evbuffer *out = evbuffer_new();

	if (!out || evbuffer_add(out, body.p, body.n) < 0) {
		control_http_answer(req, 500, NULL);
	} else {
		evhttp_add_header(evhttp_request_get_output_headers(req), "Content-Type", type);
		evhttp_send_reply(req, 200, reason(200), out);
	}
	if (out)
		evbuffer_free(out);
}

void
control_http_error(struct evhttp_request *req, int status, const char *message)
{
	control_http_answer(req, status, control_json_error(message));
}

static bool
peer_may(const struct control *c, struct evhttp_request *req)
{
	struct evhttp_connection *conn = evhttp_request_get_connection(req);
	struct bufferevent *bev = conn ? evhttp_connection_get_bufferevent(conn) : NULL;

	return bev && control_auth_check(bufferevent_getfd(bev), c->group);
}

static const char *
method_name(struct evhttp_request *req)
{
	switch ((int)evhttp_request_get_command(req)) {
	case EVHTTP_REQ_GET:
		return "GET";
	case EVHTTP_REQ_POST:
		return "POST";
	default:
		return "other";
	}
}

/* The text of the body is checked here, in the process that has the least rights. It can include
 * no file. */
static void
check_text(struct control *c, struct evhttp_request *req, struct slice body)
{
	struct conf_input in = {.name = "request", .text = body};
	_free_ struct conf_errors *errs = calloc(1, sizeof(*errs));
	json_t *lines = json_array();
	char line[ERR_FILE_MAX + ERR_MSG_MAX + 64];
	struct conf *conf = NULL;
	bool ok;

	if (!errs) {
		json_decref(lines);
		control_http_error(req, 500, "out of memory");
		return;
	}
	ok = conf_parse(&in, &conf, NULL, errs) == 0;
	for (size_t i = 0; i < errs->n; i++) {
		err_print(&errs->errors[i], line, sizeof(line));
		json_array_append_new(lines, json_string(line));
	}
	conf_unref(&conf);
	control_http_answer(req, 200,
		json_pack("{s:b, s:I, s:o}", "ok", ok, "generation",
			(json_int_t)c->state.generation, "errors", lines));
}

static void
check(struct control *c, struct evhttp_request *req)
{
	struct evbuffer *in = evhttp_request_get_input_buffer(req);
	size_t n = evbuffer_get_length(in);
	const unsigned char *body = n ? evbuffer_pullup(in, -1) : NULL;

	if (n == 0)
		control_wait_order(c, req, MSG_CHECK);
	else if (!body)
		control_http_error(req, 500, "out of memory");
	else
		check_text(c, req, slice_of(body, n));
}

/* The order is on its way; the end of the connection says that it was carried out. */
static void
order_end(struct control *c, struct evhttp_request *req, enum msg_type order, uint64_t drain_ms)
{
	struct msg_out m;

	if (msg_out_init(&m, order, ROLE_PARENT) < 0) {
		control_http_error(req, 500, "out of memory");
		return;
	}
	control_http_answer(req, 202, json_pack("{s:b}", "ok", 1));
	msg_put_u64(&m, ++c->last_id);
	if (order == MSG_QUIT)
		msg_put_u64(&m, drain_ms);
	(void)chan_send(c->chan, &m);
	msg_out_clear(&m);
}

/* "drain=30s", or nothing: 0. -1 for anything else. */
static int
parse_drain(struct slice query, uint64_t *ret_ms)
{
	struct slice key = SLICE_LIT("drain=");

	*ret_ms = 0;
	if (query.n == 0)
		return 0;
	if (!slice_starts(query, key))
		return -1;
	return num_parse_time(slice_skip(query, key.n), 1, CONTROL_DRAIN_MAX_MS, ret_ms);
}

static void
upgrade(struct control *c, struct evhttp_request *req, struct slice query)
{
	struct evbuffer *in = evhttp_request_get_input_buffer(req);
	size_t n = evbuffer_get_length(in);
	const unsigned char *path = n ? evbuffer_pullup(in, -1) : NULL;
	uint64_t ms;

	if (parse_drain(query, &ms) < 0)
		control_http_error(req, 400, "drain is a time from 1ms to 1d, like 30s");
	else if (n > CONTROL_PATH_MAX || (n > 0 && (!path || memchr(path, 0, n))))
		control_http_error(req, 400, "the body is the path of a program, or nothing");
	else
		control_wait_upgrade(
			c, req, slice_of(path, n), query.n > 0 ? ms : CONTROL_UPGRADE_DRAIN_MS);
}

static void
quit(struct control *c, struct evhttp_request *req, struct slice query)
{
	uint64_t ms;

	if (parse_drain(query, &ms) < 0)
		control_http_error(req, 400, "drain is a time from 1ms to 1d, like 30s");
	else
		order_end(c, req, MSG_QUIT, ms);
}

static void
answer_container(struct control *c, struct evhttp_request *req, struct slice name)
{
	json_t *object = control_json_container(&c->state, name);

	if (object)
		control_http_answer(req, 200, object);
	else
		control_http_error(req, 404, "there is no such container");
}

static void
serve(struct control *c, struct evhttp_request *req, const struct control_match *m,
	struct slice query)
{
	switch (m->endpoint) {
	case CONTROL_STATUS:
		control_wait_gather(c, req, WAIT_STATUS);
		break;
	case CONTROL_USAGE:
		control_wait_gather(c, req, WAIT_USAGE);
		break;
	case CONTROL_METRICS:
		control_wait_gather(c, req, WAIT_METRICS);
		break;
	case CONTROL_CONFIG:
		control_http_answer(req, 200, control_json_config(&c->state));
		break;
	case CONTROL_RELOAD:
		control_policy_reload(c, req, query);
		break;
	case CONTROL_CONFIRM:
		control_wait_confirm(c, req);
		break;
	case CONTROL_LOG_REOPEN:
		control_wait_order(c, req, MSG_LOG_REOPEN);
		break;
	case CONTROL_CHECK:
		check(c, req);
		break;
	case CONTROL_CONTAINERS:
		control_http_answer(req, 200, control_json_containers(&c->state));
		break;
	case CONTROL_CONTAINER:
		answer_container(c, req, m->name);
		break;
	case CONTROL_JOB:
		control_wait_job(c, req, m->name, m->verb);
		break;
	case CONTROL_ROUTES:
		control_wait_routes(c, req);
		break;
	case CONTROL_FORWARDS:
		control_wait_forwards(c, req);
		break;
	case CONTROL_CONNTRACK_ALL:
	case CONTROL_CONNTRACK:
		control_wait_conntrack(c, req, m->name);
		break;
	case CONTROL_BANS:
	case CONTROL_BAN_ADD:
	case CONTROL_BAN_REMOVE:
	case CONTROL_BAN_CLEAR:
		control_bans_serve(c, req, m->endpoint, query);
		break;
	case CONTROL_NFT:
		control_wait_nft(c, req, query);
		break;
	case CONTROL_CACHE:
	case CONTROL_CACHE_OBJECTS:
	case CONTROL_CACHE_PURGE:
	case CONTROL_CACHE_CLEAR:
		control_cache_serve(c, req, m->endpoint);
		break;
	case CONTROL_EVENTS:
		control_events_open(c, req);
		break;
	case CONTROL_UPGRADE:
		upgrade(c, req, query);
		break;
	case CONTROL_SHUTDOWN:
		order_end(c, req, MSG_SHUTDOWN, 0);
		break;
	case CONTROL_QUIT:
		quit(c, req, query);
		break;
	case CONTROL_ENDPOINT_COUNT:
		break;
	}
}

static void
on_request(struct evhttp_request *req, void *ctx)
{
	struct control *c = ctx;
	const char *uri = evhttp_request_get_uri(req);
	struct slice path = slice_str(uri ? uri : ""), query;
	struct control_match m;
	const char *allow = NULL;
	int status;

	if (!peer_may(c, req)) {
		control_http_error(
			req, 403, "only root and the group of the control socket may do this");
		return;
	}
	query = slice_skip(path, slice_index(path, '?') + 1);
	path = slice_head(path, slice_index(path, '?'));
	status = control_route(slice_str(method_name(req)), path, &m, &allow);
	if (status == 405) {
		evhttp_add_header(evhttp_request_get_output_headers(req), "Allow", allow);
		control_http_error(req, 405, "GET reads, POST acts");
	} else if (status != 0) {
		control_http_error(req, status, "there is no such thing in this API");
	} else {
		serve(c, req, &m, query);
	}
}

/* Out of descriptors: listening again at once would spin. */
static void
on_accept_error(struct evconnlistener *listener, void *ctx)
{
	struct control *c = ctx;
	struct timeval pause = {.tv_sec = ACCEPT_PAUSE_MS / 1000};

	evconnlistener_disable(listener);
	evtimer_add(c->resume, &pause);
}

static void
on_resume(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	evconnlistener_enable(ctx);
}

int
control_http_start(struct control *c, int fd, struct err *e)
{
	struct evhttp_bound_socket *bound;
	struct evconnlistener *listener;

	c->http = evhttp_new(c->base);
	bound = c->http ? evhttp_accept_socket_with_handle(c->http, fd) : NULL;
	listener = bound ? evhttp_bound_socket_get_listener(bound) : NULL;
	c->resume = listener ? evtimer_new(c->base, on_resume, listener) : NULL;
	if (!c->resume)
		return err_set(e, "cannot serve the control socket");
	evconnlistener_set_error_cb(listener, on_accept_error);
	evhttp_set_max_headers_size(c->http, CONTROL_HEAD_MAX);
	evhttp_set_max_body_size(c->http, CONF_TEXT_MAX);
	evhttp_set_timeout(c->http, CONTROL_IDLE_S);
	/* The others get 405 from us, with a body that says why. */
	evhttp_set_allowed_methods(c->http, EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_HEAD |
						    EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE |
						    EVHTTP_REQ_OPTIONS | EVHTTP_REQ_PATCH);
	evhttp_set_gencb(c->http, on_request, c);
	return 0;
}

void
control_http_stop(struct control *c)
{
	if (c->resume)
		event_free(c->resume);
	c->resume = NULL;
	if (c->http)
		evhttp_free(c->http);
	c->http = NULL;
}
