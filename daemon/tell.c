/*
 * What the parent sends its children: the parts of an offer, always all of them, and what belongs
 * to the daemon rather than to a generation (ticket keys, sockets, the list of processes).
 */
#include "daemon/parent.h"

#include "core/log.h"
#include "daemon/ssh_ports.h"

#include <string.h>

/* Parts of an offer: all of them may have to wait in the queue, beside other messages. */
#define OFFER_PARTS_MAX (CHAN_QUEUE_MAX - 64)

/* Begins a message to this child; -1 when it can't be sent anyway. */
static int
begin(struct msg_out *m, enum msg_type type, const struct child *c)
{
	return c->chan ? msg_out_init(m, type, c->role) : -1;
}

static void
finish(struct msg_out *m, struct child *c)
{
	/* A failure is logged by the channel; one that overflows is given up by it. */
	if (c->chan)
		(void)chan_send(c->chan, m);
	msg_out_clear(m);
}

/* A message of a generation's number and nothing else. */
static void
send_number(struct child *c, enum msg_type type, uint64_t generation)
{
	struct msg_out m;

	if (begin(&m, type, c) < 0)
		return;
	msg_put_u64(&m, generation);
	finish(&m, c);
}

static void
send_listener(struct child *c, uint64_t generation, const struct listening *l, uint32_t thread)
{
	char text[ADDR_TEXT_MAX];
	struct msg_out m;

	if (begin(&m, MSG_LISTENER, c) < 0)
		return;
	msg_put_u64(&m, generation);
	msg_put_str(&m, addr_print(&l->addr, text));
	msg_put_u16(&m, l->port);
	msg_put_u16(&m, (uint16_t)thread);
	msg_put_fd(&m, l->fds[thread]);
	finish(&m, c);
}

static void
send_file(struct child *c, enum msg_type type, uint64_t generation, uint32_t ordinal, int fd)
{
	struct msg_out m;

	if (begin(&m, type, c) < 0)
		return;
	msg_put_u64(&m, generation);
	msg_put_u32(&m, ordinal);
	msg_put_fd(&m, fd);
	finish(&m, c);
}

static void
send_root(struct child *c, uint64_t generation, const struct root_use *use)
{
	struct msg_out m;

	if (begin(&m, MSG_ROOT, c) < 0)
		return;
	msg_put_u64(&m, generation);
	msg_put_u32(&m, use->ordinal);
	msg_put_str(&m, use->root->path);
	finish(&m, c);
}

static void
send_proxy_parts(struct child *c, const struct edition *g)
{
	for (size_t i = 0; i < g->listeners.n; i++)
		for (uint32_t t = 0; t < g->listeners.items[i]->n_fds; t++)
			send_listener(c, g->number, g->listeners.items[i], t);
	for (size_t i = 0; i < g->n_certificates; i++) {
		const struct edition_certificate *cert = &g->certificates[i];

		send_file(c, MSG_CERTIFICATE, g->number, cert->ordinal, cert->chain_fd);
		send_file(c, MSG_PRIVATE_KEY, g->number, cert->ordinal, cert->key_fd);
	}
	for (size_t i = 0; i < g->n_client_cas; i++)
		send_file(
			c, MSG_CLIENT_CA, g->number, g->client_cas[i].ordinal, g->client_cas[i].fd);
	for (size_t i = 0; i < g->n_pages; i++)
		send_file(c, MSG_ERROR_PAGE, g->number, g->conf->all_pages[i]->ordinal,
			g->page_fds[i]);
	for (size_t i = 0; i < g->n_authorities; i++)
		send_file(c, MSG_UPSTREAM_CA, g->number, (uint32_t)i, g->authority_fds[i]);
	for (size_t i = 0; i < g->n_passwords; i++)
		send_file(c, MSG_PASSWORDS, g->number, g->passwords[i].ordinal, g->passwords[i].fd);
	for (size_t i = 0; i < g->roots.n; i++)
		send_root(c, g->number, &g->roots.items[i]);
}

static void
send_admins(struct child *c, uint64_t generation)
{
	const struct addr *asked = &c->parent->asked;
	char text[ADDR_TEXT_MAX] = "";
	struct ssh_ports ports;
	struct msg_out m;

	ssh_ports_find(&ports);
	if (begin(&m, MSG_ADMINS, c) < 0)
		return;
	msg_put_u64(&m, generation);
	msg_put_str(&m, asked->family ? addr_print(asked, text) : "");
	for (size_t i = 0; i < ports.n; i++)
		msg_put_u16(&m, ports.v[i]);
	finish(&m, c);
}

static void
send_router_parts(struct child *c, const struct edition *g)
{
	send_admins(c, g->number);
	for (size_t i = 0; i < g->n_block_lists; i++)
		send_file(c, MSG_BLOCK_LIST, g->number, (uint32_t)i, g->block_list_fds[i]);
}

void
tell_offer(struct child *c, const struct edition *g)
{
	struct msg_out m;

	if (begin(&m, MSG_OFFER, c) < 0)
		return;
	msg_put_u64(&m, g->number);
	msg_put_fd(&m, g->text_fd);
	finish(&m, c);
	if (c->role == ROLE_PROXY)
		send_proxy_parts(c, g);
	if (c->role == ROLE_ROUTER)
		send_router_parts(c, g);
	send_number(c, MSG_OFFER_END, g->number);
}

void
tell_commit(struct child *c, const struct edition *g)
{
	/* The log comes first, so that no request of the new generation misses it. */
	if (c->role == ROLE_PROXY)
		tell_access_log(c, g);
	send_number(c, MSG_COMMIT, g->number);
}

void
tell_abort(struct child *c, uint64_t generation)
{
	send_number(c, MSG_ABORT, generation);
}

int
tell_check_size(const struct edition *g, struct err *e)
{
	size_t n = g->listeners.n * g->threads + 2 * g->n_certificates + g->n_client_cas +
		   g->n_authorities + g->n_passwords + g->roots.n;

	if (n <= OFFER_PARTS_MAX)
		return 0;
	return err_set(e,
		"too many listeners (each counts once a thread), certificates (each counts "
		"twice), client-certificates and dir routes: %zu, at most %d",
		n, OFFER_PARTS_MAX);
}

void
tell_tickets(struct child *c)
{
	struct msg_out m;

	if (c->parent->n_tickets == 0 || begin(&m, MSG_TICKET_KEYS, c) < 0)
		return;
	msg_put_u32(&m, c->parent->n_tickets);
	msg_put_fd(&m, c->parent->ticket_fd);
	finish(&m, c);
}

void
tell_ocsp_answers(struct child *c)
{
	const struct ocsp_answers *a = &c->parent->ocsp;
	struct msg_out m;

	if (a->fd < 0 || begin(&m, MSG_OCSP_ANSWERS, c) < 0)
		return;
	msg_put_u32(&m, a->n);
	msg_put_fd(&m, a->fd);
	finish(&m, c);
}

int
tell_drain(struct child *c, uint64_t ms)
{
	struct msg_out m;

	if (c->state != CHILD_UP || begin(&m, MSG_DRAIN, c) < 0)
		return -1;
	msg_put_u64(&m, ms);
	c->draining = true;
	finish(&m, c);
	return 0;
}

void
tell_access_log(struct child *c, const struct edition *g)
{
	struct msg_out m;

	if (g->access_fd < 0 || begin(&m, MSG_ACCESS_LOG, c) < 0)
		return;
	msg_put_str(&m, g->conf->access_log);
	msg_put_fd(&m, g->access_fd);
	finish(&m, c);
}

static void
send_socket(struct child *c, const char *kind, int fd)
{
	const struct parent *p = c->parent;
	struct msg_out m;

	if (begin(&m, MSG_SOCKET, c) < 0)
		return;
	msg_put_str(&m, kind);
	msg_put_u32(&m, (uint32_t)p->control_gid);
	msg_put_fd(&m, fd);
	finish(&m, c);
}

void
tell_process(struct parent *p, const char *name, pid_t pid, const struct child *c)
{
	struct child *control = &p->children[ROLE_CONTROL];
	struct msg_out m;

	if (control->state != CHILD_UP || begin(&m, MSG_PROCESS, control) < 0)
		return;
	msg_put_str(&m, name);
	msg_put_u32(&m, pid > 0 ? (uint32_t)pid : 0);
	msg_put_u32(&m, c ? c->restarts : 0);
	msg_put_u64(&m, c ? c->started_ms : 0);
	msg_put_str(&m, c ? c->note : "");
	finish(&m, control);
}

void
tell_event(struct parent *p, const char *what, const char *key, const char *value)
{
	struct child *c = &p->children[ROLE_CONTROL];
	struct msg_out m;

	if (c->state != CHILD_UP || begin(&m, MSG_EVENT, c) < 0)
		return;
	msg_put_str(&m, what);
	if (key) {
		msg_put_str(&m, key);
		msg_put_str(&m, value);
	}
	finish(&m, c);
}

static void
send_processes(struct child *control)
{
	struct parent *p = control->parent;

	for (enum role role = 0; role < ROLE_COUNT; role++)
		if (p->children[role].started_ms != 0)
			tell_process(
				p, role_name(role), p->children[role].proc.pid, &p->children[role]);
	dnsmasq_tell(p->dnsmasq);
	upgrade_tell(p);
}

void
tell_belongings(struct child *c)
{
	if (c->role == ROLE_PROXY) {
		tell_tickets(c);
		tell_ocsp_answers(c);
	}
	if (c->role == ROLE_ROUTER)
		policy_tell_router(c);
	if (c->role != ROLE_CONTROL)
		return;
	policy_tell_control(c);
	send_socket(c, "http", c->parent->http_fd);
	send_socket(c, "exec", c->parent->exec_fd);
	send_processes(c);
}
