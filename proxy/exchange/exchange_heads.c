/*
 * What an exchange knows about its client, and the heads that it sends: the client's address and
 * the request's id, found when the head is complete, and the header rules, applied when a head
 * stands in its buffer. Answers of backends whose prefix a route replaces are rewritten before.
 */
#include "proxy/exchange/exchange.h"

#include "core/log.h"
#include "proxy/guard/client.h"
#include "proxy/exchange/exchange_cache.h"
#include "proxy/http/head_rules.h"
#include "proxy/file/mime.h"
#include "proxy/conn/proxy_header.h"
#include "proxy/http/rewrite.h"

#include <fcntl.h>
#include <sys/socket.h>

#define ODD_FIELDS_LOG_MS 1000 /* at most one line in this time, a thread */

struct slice
exchange_request_id(struct exchange *x)
{
	struct slice sent;

	/* A request of ours has that of the request it is made for. */
	if (x->request_id.n || !x->generation)
		return x->request_id;
	sent = http_request_value(&x->request, HTTP_NAME_X_REQUEST_ID);
	if (x->trusted && request_id_is_valid(sent)) {
		x->request_id = sent;
	} else {
		request_id_next(&x->worker->request_ids, x->request_id_text);
		x->request_id = slice_of(x->request_id_text, REQUEST_ID_LEN);
	}
	return x->request_id;
}

void
exchange_find_client(struct exchange *x)
{
	const struct conf *conf = x->generation->conf;
	const struct addr *peer = &x->conn->origin.peer;

	x->trusted = conf->n_trusted > 0 && client_is_trusted(conf, peer);
	if (x->trusted) {
		x->client = client_find(conf, peer, &x->request);
		x->client_named = !addr_eq(&x->client, peer);
	}
	if (x->client_named)
		addr_print(&x->client, x->client_text);
}

struct slice
exchange_client(const struct exchange *x)
{
	return slice_str(x->client_named ? x->client_text : x->conn->peer);
}

struct slice
exchange_prefix(const struct exchange *x)
{
	const struct conf_route *route = x->route;

	if (route->exact || !x->target->path)
		return (struct slice){0};
	return rewrite_prefix(slice_str(route->path), slice_str(x->target->path));
}

void
exchange_open_page(struct exchange *x, struct answer *a)
{
	const struct generation_page *open;
	const struct conf_page *page = NULL;

	if (!x->generation || x->file >= 0 || x->entry || a->status < CONF_PAGE_CODE_MIN)
		return;
	if (x->site)
		page = conf_pages_find(&x->site->pages, a->status);
	if (!page)
		page = conf_pages_find(&x->generation->conf->pages, a->status);
	if (!page)
		return;
	/* Its own descriptor, as that of any file: it is closed with the exchange. */
	open = &x->generation->pages[page->index];
	x->file = fcntl(open->fd, F_DUPFD_CLOEXEC, 0);
	if (x->file < 0)
		return;
	a->page_type = mime_find(slice_str(page->file));
	a->page_size = open->size;
	x->file_at = 0;
	x->file_left = a->method == HTTP_METHOD_HEAD ? 0 : open->size;
}

int
exchange_put_proxy_header(const struct exchange *x, struct buf *out)
{
	const struct conn_origin *origin = &x->conn->origin;
	char header[PROXY_HEADER_OUT_MAX];
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	struct proxy_header h = {.source = x->client,
		.source_port = x->client_named ? 0 : origin->peer_port,
		.destination = origin->local,
		.destination_port = origin->local_port};

	if (!x->route->proxy_protocol)
		return 0;
	if (!h.destination.family &&
		(getsockname(origin->fd, (struct sockaddr *)&ss, &len) < 0 ||
			addr_from_sockaddr(&ss, &h.destination, &h.destination_port) < 0))
		return -1;
	return buf_append(out, header, proxy_header_write(x->route->proxy_protocol, &h, header));
}

static bool
rewrites(const struct exchange *x)
{
	enum conf_rewrite rewrite = x->route->heads.rewrite;

	return rewrite == CONF_REWRITE_ON || (rewrite == CONF_REWRITE_REPLACED && x->target->path);
}

/* Whether the answer holds any of the fields that are rewritten. */
static bool
names_a_place(const struct http_response *r)
{
	for (size_t i = 0; i < r->n_fields; i++) {
		enum http_name id = (enum http_name)r->fields[i].id;

		if (id == HTTP_NAME_LOCATION || id == HTTP_NAME_CONTENT_LOCATION ||
			id == HTTP_NAME_REFRESH || id == HTTP_NAME_SET_COOKIE)
			return true;
	}
	return false;
}

int
exchange_note_host(struct exchange *x, struct slice head)
{
	const struct slice name = SLICE_LIT("\nhost:");
	const char *copy;

	x->sent_host = SLICE_LIT("");
	if (!rewrites(x) || exchange_head_effect(x, SLICE_LIT("host")) == HEAD_RULES_LEAVE)
		return 0;
	for (size_t at; (at = slice_index(head, '\n')) < head.n;) {
		head = slice_skip(head, at);
		if (slice_istarts(head, name)) {
			head = slice_skip(head, name.n);
			head = slice_trim(slice_head(head, slice_index(head, '\r')));
			copy = arena_dup(x->arena, head);
			x->sent_host = slice_of(copy, copy ? head.n : 0);
			return copy ? 0 : -1;
		}
		head = slice_skip(head, 1);
	}
	return 0;
}

int
exchange_rewrite_head(struct exchange *x, size_t from, struct buf *out)
{
	const struct conf_route *route = x->route;
	struct rewrite w;

	if (!rewrites(x) || !names_a_place(&x->response))
		return 0;
	w = (struct rewrite){.route = slice_str(route->path),
		.target = slice_str(x->target->path ? x->target->path : route->path),
		.exact = route->exact,
		.host = http_request_slice(&x->request, x->request.host_field),
		.name = slice_str(x->target->host),
		.address = slice_str(x->upstream_text),
		.sent = x->sent_host,
		.port = x->target->port};
	return rewrite_head(&w, from, &x->worker->text, out);
}

static bool
passes(const struct exchange *x, struct slice name)
{
	return conf_heads_pass(&x->generation->conf->heads, name) ||
	       (x->site && conf_heads_pass(&x->site->heads, name)) ||
	       conf_heads_pass(&x->route->heads, name);
}

void
exchange_judge_odd_fields(struct exchange *x)
{
	struct worker *w = x->worker;
	struct http_request *r = &x->request;
	unsigned dropped = 0;

	for (size_t i = 0; r->n_odd > 0 && i < r->n_fields; i++) {
		struct http_field *field = &r->fields[i];

		if (!(field->flags & HTTP_FIELD_ODD))
			continue;
		if (passes(x, http_request_slice(r, field->name)))
			field->flags |= HTTP_FIELD_PASS;
		else
			dropped++;
	}
	if (dropped == 0 || x->began_ms < w->odd_fields_logged_ms + ODD_FIELDS_LOG_MS)
		return;
	w->odd_fields_logged_ms = x->began_ms;
	log_info("request fields with '_' or '.' in their names dropped", kv_u("fields", dropped),
		kv_slice("host", exchange_host(x)));
}

/* What the rules of a place may know. A request whose head was refused says nothing. */
static struct head_facts
facts_of(struct exchange *x, const struct conf_site *site)
{
	static const struct http_request nothing = {.base = ""};

	return (struct head_facts){.request = x->generation ? &x->request : &nothing,
		.client = exchange_client(x),
		.peer = slice_str(x->conn->peer),
		.client_port = x->client_named ? 0 : x->conn->origin.peer_port,
		.server_port = x->conn->origin.port,
		.tls = exchange_is_secure(x),
		.path = x->path.match,
		.request_id = exchange_request_id(x),
		.server_name = site ? slice_str(site->hosts[0]) : (struct slice){0}};
}

enum head_rules_effect
exchange_head_effect(const struct exchange *x, struct slice name)
{
	const struct head_rules rules = {.side = CONF_HEADER_REQUEST,
		.places = {NULL, &x->generation->conf->heads, &x->site->heads, &x->route->heads}};
	char *const *replaced;
	size_t n = exchange_replaced(x, &replaced);

	for (size_t i = 0; i < n; i++)
		if (slice_ieq(slice_str(replaced[i]), name))
			return HEAD_RULES_MAKE;
	return head_rules_effect(&rules, name);
}

int
exchange_edit_head(struct exchange *x, enum conf_header_side side, size_t from, struct buf *out)
{
	struct head_rules rules = {.side = side};
	const struct generation *g = x->generation;
	const struct conf_site *site = x->site;
	struct head_facts facts;

	if (x->front->internal && !x->cached)
		return 0;
	if (x->cached && side == CONF_HEADER_RESPONSE && exchange_cache_status(x, from, out) < 0)
		return -1;
	/* A head that was refused has no generation: the answer is one of the connection's site,
	 * where TLS has named one, or else of the one that all other names belong to. */
	if (!g) {
		g = x->worker->generation;
		site = route_find_site(g->routes, conn_tls_name(x->conn));
	}
	/* A plain answer must not have it (RFC 6797 section 7.2). */
	if (site && x->conn->ssl)
		rules.places[0] = &site->hsts.heads;
	rules.places[1] = &g->conf->heads;
	rules.places[2] = site ? &site->heads : NULL;
	rules.places[3] = x->route ? &x->route->heads : NULL;
	if (!head_rules_any(&rules))
		return 0;
	facts = facts_of(x, site);
	return head_rules_apply(&rules, &facts, from, &x->worker->text, out);
}
