/*
 * Tables by name. An object is built whole from its message and then replaces the old one.
 */
#include "daemon/control/control_state.h"

#include "core/own.h"

static void
process_free(struct control_process *p)
{
	if (!p)
		return;
	free(p->name);
	free(p->note);
	free(p);
}

static void
container_free(struct control_container *c)
{
	if (!c)
		return;
	free(c->name);
	free(c->address);
	free(c->address6);
	free(c->mac);
	free(c->veth);
	free(c->job);
	free(c->notes);
	free(c);
}

static void
certificates_free(struct control_certificate *certificates, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(certificates[i].name);
		free(certificates[i].key_type);
		free(certificates[i].notes);
		free(certificates[i].ocsp);
		free(certificates[i].ocsp_why);
	}
	free(certificates);
}

int
control_state_init(struct control_state *s)
{
	*s = (struct control_state){.processes = map_new(), .containers = map_new()};
	return s->processes && s->containers ? 0 : -1;
}

void
control_state_clear(struct control_state *s)
{
	size_t cursor = 0;
	void *value;

	while (s->processes && (value = map_next(s->processes, &cursor, NULL)))
		process_free(value);
	cursor = 0;
	while (s->containers && (value = map_next(s->containers, &cursor, NULL)))
		container_free(value);
	certificates_free(s->certificates, s->n_certificates);
	s->certificates = NULL;
	s->n_certificates = 0;
	map_free(&s->processes);
	map_free(&s->containers);
	conf_unref(&s->conf);
	free(s->policy_shut_out);
	s->policy_shut_out = NULL;
	free(s->text);
	s->text = NULL;
}

int
control_state_process(struct control_state *s, struct msg_in *m)
{
	struct control_process *p = calloc(1, sizeof(*p));
	void *old = NULL;

	if (!p)
		return -1;
	p->name = slice_dup(msg_get_slice(m));
	p->pid = msg_get_u32(m);
	p->restarts = msg_get_u32(m);
	p->started_ms = msg_get_u64(m);
	p->note = slice_dup(msg_get_slice(m));
	if (msg_finish(m) < 0 || !p->name || !p->note ||
		map_set(s->processes, slice_str(p->name), p, &old) < 0) {
		process_free(p);
		return -1;
	}
	process_free(old);
	return 0;
}

/* Number 0 begins a new list; the others follow in order. */
int
control_state_certificate(struct control_state *s, struct msg_in *m)
{
	uint32_t index = msg_get_u32(m);
	struct control_certificate *grown, c = {0};

	c.name = slice_dup(msg_get_slice(m));
	c.key_type = slice_dup(msg_get_slice(m));
	c.expires_ms = msg_get_u64(m);
	c.notes = slice_dup(msg_get_slice(m));
	c.ocsp = slice_dup(msg_get_slice(m));
	c.ocsp_until_ms = msg_get_u64(m);
	c.ocsp_why = slice_dup(msg_get_slice(m));
	if (msg_finish(m) < 0 || (index && index != s->n_certificates) || !c.name || !c.key_type ||
		!c.notes || !c.ocsp || !c.ocsp_why)
		goto fail;
	if (index == 0) {
		certificates_free(s->certificates, s->n_certificates);
		s->certificates = NULL;
		s->n_certificates = 0;
	}
	grown = reallocarray(s->certificates, s->n_certificates + 1, sizeof(*grown));
	if (!grown)
		goto fail;
	s->certificates = grown;
	grown[s->n_certificates++] = c;
	return 0;
fail:
	free(c.name);
	free(c.key_type);
	free(c.notes);
	free(c.ocsp);
	free(c.ocsp_why);
	return -1;
}

static int
read_container(struct control_container *c, struct msg_in *m)
{
	uint8_t state;

	c->name = slice_dup(msg_get_slice(m));
	state = msg_get_u8(m);
	c->managed = msg_get_u8(m) != 0;
	c->changed_ms = msg_get_u64(m);
	c->pid = msg_get_u32(m);
	c->restarts = msg_get_u32(m);
	c->address = slice_dup(msg_get_slice(m));
	c->address6 = slice_dup(msg_get_slice(m));
	c->mac = slice_dup(msg_get_slice(m));
	c->veth = slice_dup(msg_get_slice(m));
	c->job = slice_dup(msg_get_slice(m));
	c->notes = slice_dup(msg_get_slice(m));
	if (msg_finish(m) < 0 || state >= CONTAINER_STATE_COUNT)
		return -1;
	c->state = (enum container_state)state;
	return c->name && c->address && c->address6 && c->mac && c->veth && c->job && c->notes ? 0
											       : -1;
}

int
control_state_container(
	struct control_state *s, struct msg_in *m, const struct control_container **ret)
{
	struct control_container *c = calloc(1, sizeof(*c));
	void *old = NULL;

	if (!c)
		return -1;
	if (read_container(c, m) < 0 || map_set(s->containers, slice_str(c->name), c, &old) < 0) {
		container_free(c);
		return -1;
	}
	container_free(old);
	*ret = c;
	return 0;
}

void
control_state_container_gone(struct control_state *s, struct slice name)
{
	container_free(map_remove(s->containers, name));
}

const struct control_container *
control_state_find(const struct control_state *s, struct slice name)
{
	return map_find(s->containers, name);
}

bool
control_state_runs(const struct control_state *s, const char *process)
{
	const struct control_process *p = map_find(s->processes, slice_str(process));

	return p && p->pid != 0;
}
