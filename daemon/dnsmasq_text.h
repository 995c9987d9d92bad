/*
 * The texts that dnsmasq reads: its configuration and its list of hosts. Pure.
 */
#ifndef DAEMON_DNSMASQ_TEXT_H
#define DAEMON_DNSMASQ_TEXT_H

#include "conf/conf.h"
#include "core/buf.h"

#define DNSMASQ_TEXT_MAX (512 * 1024)

struct dnsmasq_paths {
	const char *hosts; /* read again at SIGHUP, by a process without rights */
	const char *names; /* likewise */
	const char *leases;
	const char *user, *group;
};

/* Only hosts of the list get an answer, each always the same one; the bridge's own address is
 * their router and resolver. 0, or -1 when out is full. */
int dnsmasq_print_config(
	const struct conf_bridge *bridge, const struct dnsmasq_paths *paths, struct buf *out);

/* A container as the list knows it; an empty address is left out. */
struct dnsmasq_host {
	struct slice name, mac, address, address6;
	bool managed;
};

#define DNSMASQ_DOMAIN "lxc"

/* From such a line the lines of names: "10.0.3.101 jenkins.lxc jenkins", one an address. 0 or -1.
 */
int dnsmasq_print_names(struct slice host_line, struct buf *out);
/* Appends those lines of dnsmasq's list of leases that do not give an address of the list of hosts
 * to somebody else: dnsmasq would go on refusing it to its new owner, as these leases never end.
 * *ret_dropped: how many were left out. 0, or -1 when out is full. */
int dnsmasq_print_leases(
	struct slice leases, struct slice hosts, struct buf *out, size_t *ret_dropped);
/* One line "mac,address,[address6],name,infinite". A host without mac or without any address, or
 * with a byte that could end a field, gives no line. 0, or -1 when out is full. */
int dnsmasq_print_host(const struct dnsmasq_host *h, struct buf *out);

#endif
