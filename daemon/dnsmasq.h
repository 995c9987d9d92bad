/*
 * dnsmasq on the bridge: gives each container its address, default route and resolver. Runs as a
 * child of the parent while the file has a bridge and containers, from the first commit of the
 * router; started again with back-off, told of new hosts by SIGHUP.
 */
#ifndef DAEMON_DNSMASQ_H
#define DAEMON_DNSMASQ_H

#include "daemon/dnsmasq_text.h"

#include <event2/event.h>
#include <jansson.h>
#include <sys/types.h>

struct dnsmasq;

struct dnsmasq_process {
	pid_t pid; /* 0: not running */
	uint32_t restarts;
	uint64_t started_ms; /* wall clock */
	const char *note;
};

/* tell: called at every change of the process. NULL when memory is short. Every function below
 * takes NULL for d and does nothing then. */
struct dnsmasq *dnsmasq_new(struct event_base *base, const char *state, const char *run_folder,
	void (*tell)(const struct dnsmasq_process *process, void *ctx), void *ctx);
/* Ends one that a daemon which is gone left behind. Not where one is taken over. */
void dnsmasq_sweep(const struct dnsmasq *d);
/* For the program that takes our place: the process, its descriptor as "pid_fd". */
json_t *dnsmasq_handover(const struct dnsmasq *d);
/* Goes on with the process that was handed over. */
void dnsmasq_adopt(struct dnsmasq *d, const json_t *handed, int pidfd);
/* Starts, restarts or ends it, as the committed configuration wants. */
void dnsmasq_update(struct dnsmasq *d, const struct conf *c);
void dnsmasq_set_host(struct dnsmasq *d, const struct dnsmasq_host *host);
void dnsmasq_remove_host(struct dnsmasq *d, struct slice name);
/* Calls tell with how things stand. */
void dnsmasq_tell(struct dnsmasq *d);
/* Its pid and start (wall ms), 0: it does not run; d may be NULL. */
pid_t dnsmasq_pid(const struct dnsmasq *d, uint64_t *ret_started_ms);
/* Ends the process and waits for its end, briefly; frees all and leaves NULL behind. */
void dnsmasq_free(struct dnsmasq **d);

#endif
