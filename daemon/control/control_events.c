/*
 * The streams of /v1/events: one JSON object a line, as it happens, without end. What a reader
 * does not take waits in its connection's buffer up to a limit; then the reader is cut, so that
 * one that sleeps costs nothing.
 */
#include "daemon/control/control.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/own.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <string.h>

#define STREAM_TIMEOUT_S (365 * 24 * 3600) /* a stream may be silent as long as it likes */

struct stream {
	struct list node;
	struct control *control;
	struct evhttp_request *req;
	struct evhttp_connection *conn;
};

static void
stream_free(struct stream *s)
{
	list_remove(&s->node);
	s->control->n_streams--;
	free(s);
}

/* At an end of file evhttp gives an unanswered request back to us; else it goes with its
 * connection. */
static void
on_gone(struct evhttp_connection *conn, void *ctx)
{
	struct stream *s = ctx;

	(void)conn;
	if (!evhttp_request_get_connection(s->req))
		evhttp_request_free(s->req);
	stream_free(s);
}

static size_t
queued(const struct stream *s)
{
	return evbuffer_get_length(
		bufferevent_get_output(evhttp_connection_get_bufferevent(s->conn)));
}

/* Sends one line; cuts a reader that is too far behind. */
static void
send_line(struct stream *s, const char *text)
{
	struct evbuffer *line = evbuffer_new();

	if (queued(s) > CONTROL_STREAM_QUEUE_MAX) {
		log_warn("event reader is too slow and was cut");
		evhttp_connection_free(s->conn); /* and so on_gone */
	} else if (line && evbuffer_add_printf(line, "%s\n", text) > 0) {
		evhttp_send_reply_chunk(s->req, line);
	}
	if (line)
		evbuffer_free(line);
}

void
control_events_open(struct control *c, struct evhttp_request *req)
{
	struct stream *s = c->n_streams < CONTROL_STREAMS_MAX ? calloc(1, sizeof(*s)) : NULL;
	_free_ char *hello = NULL;
	json_t *object;

	if (!s) {
		control_http_error(req, 503, "too many readers of events");
		return;
	}
	s->control = c;
	s->req = req;
	s->conn = evhttp_request_get_connection(req);
	list_append(&c->streams, &s->node);
	c->n_streams++;
	evhttp_connection_set_closecb(s->conn, on_gone, s);
	evhttp_connection_set_timeout(s->conn, STREAM_TIMEOUT_S);
	evhttp_add_header(
		evhttp_request_get_output_headers(req), "Content-Type", "application/x-ndjson");
	evhttp_send_reply_start(req, 200, "OK");
	/* evhttp stops reading while it answers; we want to see the client go. */
	bufferevent_enable(evhttp_connection_get_bufferevent(s->conn), EV_READ);
	object = json_pack("{s:I, s:s, s:I}", "time", (json_int_t)clock_wall_ms(), "event", "hello",
		"generation", (json_int_t)c->state.generation);
	hello = object ? json_dumps(object, JSON_COMPACT) : NULL;
	json_decref(object);
	if (hello)
		send_line(s, hello);
}

void
control_events_send(struct control *c, json_t *object)
{
	_free_ char *text = object && c->n_streams ? json_dumps(object, JSON_COMPACT) : NULL;

	json_decref(object);
	if (!text)
		return;
	list_each(node, &c->streams)
	{
		send_line(list_entry(node, struct stream, node), text);
	}
}

void
control_events_clear(struct control *c)
{
	list_each(node, &c->streams)
	{
		struct stream *s = list_entry(node, struct stream, node);

		evhttp_connection_set_closecb(s->conn, NULL, NULL);
		stream_free(s);
	}
}
