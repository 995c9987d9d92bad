/*
 * What an exchange knows about its client, and the heads that it sends: the client's address and
 * the request's id, found when the head is complete, and the header rules, applied when a head
 * stands in its buffer.
 */
#include "proxy/exchange.h"

#include "proxy/client.h"
#include "proxy/head_rules.h"

static void
find_request_id(struct exchange *x)
{
	struct slice sent = http_request_value(&x->request, HTTP_NAME_X_REQUEST_ID);

	if (x->trusted && request_id_is_valid(sent)) {
		x->request_id = sent;
		return;
	}
	request_id_next(&x->worker->request_ids, x->request_id_text);
	x->request_id = slice_of(x->request_id_text, REQUEST_ID_LEN);
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
	find_request_id(x);
}

struct slice
exchange_client(const struct exchange *x)
{
	return slice_str(x->client_named ? x->client_text : x->conn->peer);
}

int
exchange_edit_head(struct exchange *x, enum conf_header_side side, size_t from, struct buf *out)
{
	struct head_rules rules = {.side = side};
	struct head_facts facts;

	/* A head that was refused has no generation, and nothing to take values from. */
	if (!x->generation)
		return 0;
	rules.places[0] = &x->generation->conf->heads;
	rules.places[1] = x->site ? &x->site->heads : NULL;
	rules.places[2] = x->route ? &x->route->heads : NULL;
	if (!head_rules_any(&rules))
		return 0;
	facts = (struct head_facts){.request = &x->request,
		.client = exchange_client(x),
		.peer = slice_str(x->conn->peer),
		.client_port = x->client_named ? 0 : x->conn->origin.peer_port,
		.server_port = x->conn->origin.port,
		.tls = x->conn->ssl != NULL,
		.path = x->path.match,
		.request_id = x->request_id,
		.server_name = x->site ? slice_str(x->site->hosts[0]) : (struct slice){0}};
	return head_rules_apply(&rules, &facts, from, &x->worker->text, out);
}
