/*
 * What the control process knows: the committed configuration, the processes and the containers,
 * as the messages told it. No sockets here.
 */
#ifndef DAEMON_CONTROL_STATE_H
#define DAEMON_CONTROL_STATE_H

#include "conf/conf.h"
#include "conf/container_state.h"
#include "core/map.h"
#include "core/msg.h"
#include "core/trial_state.h"

struct control_process {
	char *name;
	uint32_t pid; /* 0: not running */
	uint32_t restarts;
	uint64_t started_ms; /* wall clock */
	char *note;
};

struct control_container {
	char *name;
	enum container_state state;
	bool managed;
	uint64_t changed_ms; /* wall clock */
	uint32_t pid;        /* of its init, 0: none */
	uint32_t restarts;
	char *address, *address6, *mac, *veth, *job;
	char *notes; /* one a line */
};

struct control_certificate {
	char *name, *key_type;
	uint64_t expires_ms; /* wall clock */
	char *notes;         /* one a line */
	char *ocsp;          /* the state of its OCSP answer */
	uint64_t ocsp_until_ms;
	char *ocsp_why;
};

struct control_state {
	struct conf *conf; /* NULL until the first COMMIT */
	char *text;        /* canonical */
	uint64_t generation;
	struct map *processes;                    /* name → struct control_process */
	struct map *containers;                   /* name → struct control_container */
	struct control_certificate *certificates; /* in the order of the file */
	size_t n_certificates;
	enum trial_state policy;  /* of what the host itself is open to */
	uint64_t policy_until_ms; /* wall clock: when its trial ends */
	char *policy_shut_out;    /* addresses with blanks between; NULL: none */
};

/* 0 or -1. */
int control_state_init(struct control_state *s);
void control_state_clear(struct control_state *s);
/* Take a message's contents over. 0, or -1 when it is malformed or memory is short: then nothing
 * changed. */
int control_state_process(struct control_state *s, struct msg_in *m);
int control_state_certificate(struct control_state *s, struct msg_in *m);
int control_state_container(
	struct control_state *s, struct msg_in *m, const struct control_container **ret);
void control_state_container_gone(struct control_state *s, struct slice name);
/* The container, or NULL. */
const struct control_container *control_state_find(
	const struct control_state *s, struct slice name);
/* Whether a process of this name runs. */
bool control_state_runs(const struct control_state *s, const char *process);

#endif
