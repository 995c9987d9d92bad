/*
 * The few kernel parameters that a router needs: forwarding of IPv4 and IPv6, and what must
 * change with it. Collected first (with their old values, so that the parent can record them),
 * written after.
 */
#ifndef ROUTER_SYSCTL_H
#define ROUTER_SYSCTL_H

#include "core/err.h"
#include "router/plan.h"

#include <stdbool.h>
#include <stddef.h>

#define SYSCTL_ROOT "/proc/sys"
#define SYSCTL_NAME_MAX 128
#define SYSCTL_VALUE_MAX 32
#define SYSCTL_CHANGES_MAX 4096

struct sysctl_change {
	char name[SYSCTL_NAME_MAX]; /* "net/ipv4/ip_forward": interface names may hold dots */
	char old[SYSCTL_VALUE_MAX]; /* "" when it does not exist yet (the bridge's) */
	char want[SYSCTL_VALUE_MAX];
	bool record; /* somebody would miss the old value */
};

/* In the order in which they are written. Undone in reverse. */
struct sysctl_list {
	struct sysctl_change *v;
	size_t n, cap;
	bool off; /* forwarding is, and stays so (upkeep) */
};

struct sysctl_input {
	const char *root; /* SYSCTL_ROOT, or a test's folder */
	struct plan_wans wans;
	const char *bridge; /* NULL: none */
	bool bridge_ours;   /* it goes when we are undone, its parameters with it */
	bool v6;            /* IPv6 is forwarded too */
	bool localnet;      /* 127.0.0.1 is forwarded from, into the bridge */
	bool upkeep;        /* forwarding was on: whoever switched it off since meant it */
};

/* What has to change; empty when all is as wanted. 0 or -1; *ret is the caller's to clear. */
int sysctl_collect(const struct sysctl_input *in, struct sysctl_list *ret, struct err *e);
/* Writes them, logging each change. One that does not exist (its interface is gone, or IPv6 is
 * switched off) is skipped. 0 or -1. */
int sysctl_write(const char *root, const struct sysctl_list *list, struct err *e);
void sysctl_list_clear(struct sysctl_list *list);
/* Writes one value back. The name must be one below net/. Gone is no error. 0 or -1. */
int sysctl_restore(const char *root, struct slice name, struct slice value, struct err *e);

#endif
