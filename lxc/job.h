/*
 * What the lxc process and its helpers say to each other inside HELPER_JOB and HELPER_DONE: the
 * verbs, and text of `key value` lines for their arguments and results. Pure.
 *
 *	verb      arguments                                     result
 *	query     -                                             a view
 *	create    template PATH, arg WORD*, idmap START?        -
 *	destroy   -                                             -
 *	start     veth NAME?                                    a view
 *	shutdown  -                                             -
 *	kill      -                                             -
 *	freeze    -                                             a view
 *	thaw      -                                             a view
 *	exec      (the descriptor is the client's connection)   -
 *
 * A view: state STATE, pid PID, mac MAC, veth NAME, link BRIDGE, address V4*, address6 V6*.
 */
#ifndef LXC_JOB_H
#define LXC_JOB_H

#include "conf/container_state.h"
#include "core/addr.h"
#include "core/buf.h"
#include "core/err.h"
#include "core/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define JOB_TEXT_MAX (60 * 1024)
#define JOB_MAC_MAX 18
#define JOB_IFNAME_MAX 16

/*	id        name        deadline   what it does                                        */
#define JOB_VERB_TABLE(X)                                                                          \
	X(QUERY, "query", 5000, "asks liblxc for the container's state")                           \
	X(CREATE, "create", 900000, "runs a template, then shifts ownership into the id range")    \
	X(DESTROY, "destroy", 120000, "removes what an unfinished creation left")                  \
	X(START, "start", 60000, "starts it and waits until it runs")                              \
	X(SHUTDOWN, "shutdown", 5000, "sends its init the signal to halt")                         \
	X(KILL, "kill", 15000, "kills it")                                                         \
	X(FREEZE, "freeze", 20000, "suspends its processes")                                       \
	X(THAW, "thaw", 20000, "lets them go on")                                                  \
	X(EXEC, "exec", 0, "runs a command or the console for a client; no deadline")

enum job_verb {
#define JOB_VERB_ENUM(id, name, deadline, what) JOB_##id,
	JOB_VERB_TABLE(JOB_VERB_ENUM)
#undef JOB_VERB_ENUM
		JOB_VERB_COUNT
};

const char *job_verb_name(enum job_verb verb);
/* Milliseconds; 0: none. */
unsigned job_verb_deadline(enum job_verb verb);
/* 0 and *ret, or -1. */
int job_verb_find(struct slice name, enum job_verb *ret);

/* Appends a line. 0, or -1: too long, or a newline in it. */
int job_put(struct buf *text, const char *key, struct slice value);
/* The next line; false at the end. */
bool job_next(struct slice *text, struct slice *ret_key, struct slice *ret_value);

/* What a helper saw. */
struct job_view {
	enum container_state state;
	pid_t pid;                 /* 0: none */
	char mac[JOB_MAC_MAX];     /* "" where unknown, and so below */
	char veth[JOB_IFNAME_MAX]; /* the host's end */
	char link[JOB_IFNAME_MAX]; /* the bridge */
	char address[ADDR_TEXT_MAX];
	char address6[ADDR_TEXT_MAX];
};

int job_view_print(const struct job_view *v, struct buf *out);
/* 0 or -1 with e filled. */
int job_view_parse(struct slice text, struct job_view *ret, struct err *e);

#endif
