/*
 * What a parent hands over to the program that takes its place by exec: one JSON object in a sealed
 * memfd, in which descriptors stand by their numbers. A newer version reads what an older one
 * wrote: members that it does not know are passed over, those that are missing have a default.
 */
#ifndef DAEMON_HANDOVER_H
#define DAEMON_HANDOVER_H

#include "daemon/parent.h"

#include <jansson.h>

#define HANDOVER_MAX (4 * 1024 * 1024)
#define HANDOVER_FDS_MAX 16384

/* Everything of p that must outlive exec. A new reference, or NULL: memory is short. */
json_t *handover_new(const struct parent *p);
/* The numbers of all descriptors in it. 0 or -1: too many. */
int handover_fds(const json_t *h, int *ret, size_t max, size_t *ret_n);
/* Sets or clears FD_CLOEXEC on them. */
void handover_keep(const json_t *h, bool keep);
/* The object as a sealed memfd, and back. -1 or NULL with e filled. */
int handover_seal(const json_t *h, struct err *e);
json_t *handover_read(int fd, struct err *e);

/* Restores what is not of a child. borrow: the descriptors and mounts stay another process's, so
 * that nothing of it is undone when we end. 0 with p->next, or -1 with e filled. */
int handover_restore(struct parent *p, const json_t *h, bool borrow, struct err *e);
/* The child of this role in it, or NULL. */
const json_t *handover_child(const json_t *h, enum role role);
/* A member that is a descriptor; -1: none, or it is not open. */
int handover_fd(const json_t *o, const char *key);
uint64_t handover_number(const json_t *o, const char *key);

#endif
