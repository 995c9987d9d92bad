/*
 * `sluice import`: rules of iptables and nftables, and the configuration of lxc-net and of LXC's
 * containers, as directives of ours. Pure: texts in, a text out. Every line of the input is a
 * directive, or a comment that says why it is none; frames (table and chain heads, COMMIT) apart.
 *
 *	import.c           what was found, and its text
 *	import_check.c     what our own parser refuses of that text
 *	import_take.c      one rule, whoever wrote it: what it means for us
 *	import_iptables.c  iptables-save, and lines as they are typed
 *	import_nft.c       nft list ruleset
 *	import_json.c      nft -j list ruleset
 *	import_lxc.c       /etc/default/lxc-net, a container's config
 *	import_dhcp.c      the fixed hosts and the leases of lxc-net's dnsmasq
 */
#ifndef DAEMON_IMPORT_H
#define DAEMON_IMPORT_H

#include "conf/conf.h"
#include "core/buf.h"

#include <stdbool.h>

#define IMPORT_TEXT_MAX ((size_t)8 * 1024 * 1024) /* of one input */
#define IMPORT_OUTPUT_MAX ((size_t)16 * 1024 * 1024)
#define IMPORT_LINE_MAX 1024 /* of a line in a comment */
#define IMPORT_SOURCES_MAX 16
#define IMPORT_PORTS_MAX 32
#define IMPORT_FORWARDS_MAX 4096
#define IMPORT_BLOCKS_MAX 65536
#define IMPORT_CONTAINERS_MAX 512
#define IMPORT_MAC_MAX 18
#define IMPORT_PATH_MAX 1024

enum import_chain {
	IMPORT_OTHER,
	IMPORT_PREROUTING,
	IMPORT_OUTPUT,
	IMPORT_POSTROUTING,
	IMPORT_FORWARD,
	IMPORT_INPUT,
};

enum import_verdict {
	IMPORT_NOTHING,
	IMPORT_ACCEPT,
	IMPORT_DROP,
	IMPORT_DNAT,
	IMPORT_MASQUERADE,
	IMPORT_JUMP,
};

struct import_ports {
	uint16_t low, high;
};

/* A rule, as far as it was understood. */
struct import_rule {
	struct slice line; /* as it stands in the input */
	enum import_chain chain;
	char in[CONF_IFNAME_MAX + 1], out[CONF_IFNAME_MAX + 1];
	bool in_not, out_not;
	bool tcp, udp; /* neither: any protocol */
	struct prefix from[IMPORT_SOURCES_MAX];
	size_t n_from;
	struct prefix to; /* destination; family 0: any */
	bool from_not, to_not;
	struct import_ports ports[IMPORT_PORTS_MAX];
	size_t n_ports;
	bool established; /* for known connections only */
	enum import_verdict verdict;
	struct addr target;               /* of DNAT */
	struct import_ports target_ports; /* 0: as they are */
	const char *odd;                  /* the first thing that is not understood; NULL: none */
};

struct import_forward {
	struct import_rule rule; /* its line is a copy of our own */
	char *line;
	size_t port; /* which of its ports */
};

struct import_container {
	char name[CONF_NAME_MAX + 1];
	struct addr v4, v6;
	char mac[IMPORT_MAC_MAX]; /* "" for none, lower case */
	bool linked;              /* to the bridge: without a fixed address it has one by DHCP */
	bool named;               /* it is there, whether a forward needs it or not */
	struct buf directives;    /* "    memory 750M\n" … */
};

struct import {
	char wan[CONF_IFNAME_MAX + 1];
	char bridge[CONF_IFNAME_MAX + 1];
	char dhcp_file[IMPORT_PATH_MAX]; /* of lxc-net's DHCP server; "" for none */
	struct prefix net4, net6; /* the bridge's own address and length; family 0: not known */
	struct import_forward *forwards;
	size_t n_forwards, cap_forwards;
	struct prefix *blocks;
	size_t n_blocks, cap_blocks;
	struct import_container *containers;
	size_t n_containers;
	struct buf done;    /* comments: what sluice does without being told */
	struct buf unknown; /* comments: what was not understood */
	bool failed;        /* memory or a maximum; sticky */
};

/* 0 or -1. */
int import_init(struct import *i);
void import_clear(struct import *i);

/* Each adds what the text says. */
void import_iptables(struct import *i, struct slice text);
void import_nft(struct import *i, struct slice text);
void import_lxc_net(struct import *i, struct slice text);
void import_lxc_container(struct import *i, struct slice name, struct slice text);
/* The files of lxc-net's DHCP server, once all containers are there: what is fixed, then leases. */
void import_dhcp_hosts(struct import *i, struct slice text);
void import_dhcp_leases(struct import *i, struct slice text);
/* Only the names of containers, for their addresses: of a container's config. */
void import_lxc_name(struct import *i, struct slice name, struct slice text);
/* Appends the directives. 0, or -1 with e filled. */
int import_print(struct import *i, struct buf *out, struct err *e);

/* For the files beside this one. */
void import_json(struct import *i, struct slice text);
void import_take(struct import *i, const struct import_rule *r);
void import_odd(struct import_rule *r, const char *what);
/* Comments: a line that is not needed, or was not understood and why. */
void import_note_done(struct import *i, const char *why, struct slice line);
void import_note_unknown(struct import *i, const char *why, struct slice line);
struct import_container *import_add_container(struct import *i, struct slice name);
void import_add_forward(struct import *i, const struct import_rule *r, size_t port);
void import_add_block(struct import *i, const struct prefix *p);
/* Appends the text; what our own parser refuses of it (two containers of one address, a bridge's
 * network that is too small) becomes a comment with the reason. 0 or -1. */
int import_check(struct slice text, struct buf *out, struct err *e);
/* The next line of *text, trimmed. */
struct slice import_line(struct slice *text);
/* Values of rules. Each 0 or -1. */
int import_prefix(struct slice s, struct prefix *ret);
int import_port_range(struct slice s, char mark, struct import_ports *ret);
/* Lower case; *ret stays as it is when s is none. */
void import_mac(struct slice s, char ret[static IMPORT_MAC_MAX]);
int import_ifname(struct slice s, char ret[static CONF_IFNAME_MAX + 1]);

#endif
