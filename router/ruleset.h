/*
 * What the kernel shall hold in our tables, `inet sluice` and `bridge sluice`, as a value: which of
 * the fixed rules stand and which elements the sets and maps have. Pure: two values can be
 * compared, subtracted and printed in nft syntax; nft.c turns them into netlink.
 *
 * An element's key and data are kept as the kernel's registers have them: every part of a
 * concatenation padded to four bytes, network byte order, so that an element read back from the
 * kernel is compared byte for byte.
 */
#ifndef ROUTER_RULESET_H
#define ROUTER_RULESET_H

#include "core/addr.h"
#include "core/buf.h"
#include "core/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RULESET_TABLE "sluice"
#define RULESET_KEY_MAX 40
#define RULESET_DATA_MAX 20
#define RULESET_PARTS_MAX 4
#define RULESET_ELEMENTS_MAX 1048576 /* in one set */
#define RULESET_BANS_MAX 65536       /* in each set of bans */
#define RULESET_LIMITS_MAX 8 /* in all; those of the last RULESET_LIMITS_SYN slots look at SYNs */
#define RULESET_LIMITS_SYN 2
#define RULESET_MARK_FORWARDED 0x04000000U /* in a packet's mark, from table inet to bridge */
#define RULESET_FLOWS_MAX 32768            /* of UDP, from containers to containers */
#define RULESET_FLOWS_S 600                /* a silent one is forgotten */
#define RULESET_LIMIT_SOURCES 65536 /* in each set of a limit; who comes beyond is not limited */
#define RULESET_TALLIES_MAX 32768   /* targets with traffic, in each set; others are not counted */
#define RULESET_TEXT_MAX (32 * 1024 * 1024)

/* The parts that keys and data are made of. */
enum ruleset_part {
	RULESET_PART_NONE,
	RULESET_PART_IFNAME,
	RULESET_PART_IPV4,
	RULESET_PART_IPV6,
	RULESET_PART_PROTO,
	RULESET_PART_PORT,
	RULESET_PART_ETHER,
	RULESET_PART_TARGET, /* an IPv6 address in a neighbour discovery message's body */
};

/* Our tables, by the family of packets that they see. */
enum ruleset_family {
	RULESET_FAMILY_INET,
	RULESET_FAMILY_BRIDGE, /* frames on the containers' bridge; it stands only when a rule of it
				* does */
	RULESET_FAMILY_COUNT
};

/* X(id, name, key's parts (NONE for those that are not), data's parts, kind: PLAIN; COUNTED, whose
 * elements count the packets that look them up; INTERVAL; or TIMEOUT, DYNAMIC, TALLIED, whose
 * elements are no part of a ruleset's value: bans come and go by themselves, sources of limits are
 * the kernel's own, and so is a tally, which its first packet makes). The sets of a limit stand
 * only where it does, and those of what is open where anything is shut. No name is a word of nft's
 * language: the kernel would take it, but `nft -f` could not read a saved ruleset. */
/* clang-format off */
#define RULESET_LIMIT_SETS(X, slot) \
	X(LIMIT##slot##_4, "limit" #slot "v4", (IPV4, NONE, NONE), (NONE, NONE), DYNAMIC) \
	X(LIMIT##slot##_6, "limit" #slot "v6", (IPV6, NONE, NONE), (NONE, NONE), DYNAMIC) \
	X(LIMIT##slot##_PORTS, "limit" #slot "ports", (PROTO, PORT, NONE), (NONE, NONE), INTERVAL)
/* Those of table bridge. A container is known by its MAC there, once its port was compared. */
#define RULESET_BRIDGE_SETS(X) \
	X(PORTS,      "ports",      (IFNAME, NONE, NONE), (NONE, NONE), PLAIN) \
	X(MACS,       "macs",       (IFNAME, ETHER, NONE), (NONE, NONE), PLAIN) \
	X(OWN4,       "own4",       (ETHER, IPV4, NONE),  (NONE, NONE), PLAIN) \
	X(OWN6,       "own6",       (ETHER, IPV6, NONE),  (NONE, NONE), PLAIN) \
	X(OWNND,      "ownnd",      (ETHER, TARGET, NONE), (NONE, NONE), PLAIN) \
	X(CLAIMED4,   "claimed4",   (IPV4, NONE, NONE),   (NONE, NONE), PLAIN) \
	X(CLAIMED6,   "claimed6",   (IPV6, NONE, NONE),   (NONE, NONE), PLAIN) \
	X(CLAIMEDND,  "claimednd",  (TARGET, NONE, NONE), (NONE, NONE), PLAIN) \
	X(FIXED4,     "fixed4",     (ETHER, NONE, NONE),  (NONE, NONE), PLAIN) \
	X(FIXED6,     "fixed6",     (ETHER, NONE, NONE),  (NONE, NONE), PLAIN) \
	X(BRNETS4,    "brnets4",    (IPV4, NONE, NONE),   (NONE, NONE), INTERVAL) \
	X(BRNETS6,    "brnets6",    (IPV6, NONE, NONE),   (NONE, NONE), INTERVAL) \
	X(SPOOFED,    "spoofed",    (IFNAME, NONE, NONE), (NONE, NONE), COUNTED) \
	X(APART,      "apart",      (IFNAME, NONE, NONE), (NONE, NONE), PLAIN) \
	X(MEMBERS,    "members",    (IFNAME, NONE, NONE), (NONE, NONE), PLAIN) \
	X(GATEWAYS4,  "gateways4",  (IPV4, NONE, NONE),   (NONE, NONE), PLAIN) \
	X(GATEWAYS6,  "gateways6",  (IPV6, NONE, NONE),   (NONE, NONE), PLAIN) \
	X(LINKS,      "links",      (ETHER, ETHER, PROTO, PORT), (NONE, NONE), PLAIN) \
	X(PEERS,      "peers",      (ETHER, IFNAME, NONE), (NONE, NONE), PLAIN) \
	X(FLOWS,      "flows",      (ETHER, ETHER, PORT, PORT), (NONE, NONE), DYNAMIC) \
	X(ISOLATED,   "isolated",   (IFNAME, NONE, NONE), (NONE, NONE), COUNTED)
#define RULESET_SET_TABLE(X) \
	X(BRIDGES,    "bridges",    (IFNAME, NONE, NONE), (NONE, NONE), PLAIN) \
	X(WANS,       "wans",       (IFNAME, NONE, NONE), (NONE, NONE), PLAIN) \
	X(NETS4,      "nets4",      (IPV4, NONE, NONE),   (NONE, NONE), INTERVAL) \
	X(NETS6,      "nets6",      (IPV6, NONE, NONE),   (NONE, NONE), INTERVAL) \
	X(SERVICES,   "services",   (PROTO, PORT, NONE),  (NONE, NONE), PLAIN) \
	X(RESTRICTED, "restricted", (PROTO, PORT, NONE),  (NONE, NONE), INTERVAL) \
	X(FROM4,      "from4",      (PROTO, PORT, IPV4),  (NONE, NONE), INTERVAL) \
	X(FROM6,      "from6",      (PROTO, PORT, IPV6),  (NONE, NONE), INTERVAL) \
	X(RESTRICTEDAT4, "restrictedat4", (IPV4, PROTO, PORT), (NONE, NONE), INTERVAL) \
	X(RESTRICTEDAT6, "restrictedat6", (IPV6, PROTO, PORT), (NONE, NONE), INTERVAL) \
	X(RESTRICTEDIF, "restrictedif", (IFNAME, PROTO, PORT), (NONE, NONE), INTERVAL) \
	X(FROMAT4,    "fromat4",    (IPV4, PROTO, PORT, IPV4), (NONE, NONE), INTERVAL) \
	X(FROMAT6,    "fromat6",    (IPV6, PROTO, PORT, IPV6), (NONE, NONE), INTERVAL) \
	X(FROMIF4,    "fromif4",    (IFNAME, PROTO, PORT, IPV4), (NONE, NONE), INTERVAL) \
	X(FROMIF6,    "fromif6",    (IFNAME, PROTO, PORT, IPV6), (NONE, NONE), INTERVAL) \
	X(FWD4,       "fwd4",       (PROTO, PORT, NONE),  (IPV4, PORT), COUNTED) \
	X(FWD6,       "fwd6",       (PROTO, PORT, NONE),  (IPV6, PORT), COUNTED) \
	X(FWDAT4,     "fwdat4",     (IPV4, PROTO, PORT),  (IPV4, PORT), COUNTED) \
	X(FWDAT6,     "fwdat6",     (IPV6, PROTO, PORT),  (IPV6, PORT), COUNTED) \
	X(FWDIF4,     "fwdif4",     (IFNAME, PROTO, PORT), (IPV4, PORT), COUNTED) \
	X(FWDIF6,     "fwdif6",     (IFNAME, PROTO, PORT), (IPV6, PORT), COUNTED) \
	X(MASQ4,      "masq4",      (PROTO, PORT, IPV4),  (NONE, NONE), PLAIN) \
	X(MASQ6,      "masq6",      (PROTO, PORT, IPV6),  (NONE, NONE), PLAIN) \
	X(TARGETS4,   "targets4",   (PROTO, PORT, IPV4),  (NONE, NONE), TALLIED) \
	X(TARGETS6,   "targets6",   (PROTO, PORT, IPV6),  (NONE, NONE), TALLIED) \
	X(BLOCK4,     "block4",     (IPV4, NONE, NONE),   (NONE, NONE), INTERVAL) \
	X(BLOCK6,     "block6",     (IPV6, NONE, NONE),   (NONE, NONE), INTERVAL) \
	X(BAN4,       "ban4",       (IPV4, NONE, NONE),   (NONE, NONE), TIMEOUT) \
	X(BAN6,       "ban6",       (IPV6, NONE, NONE),   (NONE, NONE), TIMEOUT) \
	X(GUARDED,    "guarded",    (IFNAME, NONE, NONE), (NONE, NONE), PLAIN) \
	X(OPEN4,      "open4",      (PROTO, PORT, IPV4),  (NONE, NONE), INTERVAL) \
	X(OPEN6,      "open6",      (PROTO, PORT, IPV6),  (NONE, NONE), INTERVAL) \
	X(EGRESS,     "egress",     (ETHER, NONE, NONE),  (NONE, NONE), PLAIN) \
	X(EGRESS4,    "egress4",    (ETHER, IPV4, PROTO, PORT), (NONE, NONE), INTERVAL) \
	X(EGRESS6,    "egress6",    (ETHER, IPV6, PROTO, PORT), (NONE, NONE), INTERVAL) \
	X(DENIED,     "denied",     (ETHER, NONE, NONE),  (NONE, NONE), COUNTED) \
	RULESET_BRIDGE_SETS(X) \
	RULESET_LIMIT_SETS(X, 0) RULESET_LIMIT_SETS(X, 1) RULESET_LIMIT_SETS(X, 2) \
	RULESET_LIMIT_SETS(X, 3) RULESET_LIMIT_SETS(X, 4) RULESET_LIMIT_SETS(X, 5) \
	RULESET_LIMIT_SETS(X, 6) RULESET_LIMIT_SETS(X, 7)
/* clang-format on */

enum ruleset_kind {
	RULESET_KIND_PLAIN,
	RULESET_KIND_COUNTED,
	RULESET_KIND_INTERVAL,
	RULESET_KIND_TIMEOUT,
	RULESET_KIND_DYNAMIC,
	RULESET_KIND_TALLIED,
};

enum ruleset_set {
#define RULESET_SET_ENUM(id, name, key, data, kind) RULESET_##id,
	RULESET_SET_TABLE(RULESET_SET_ENUM)
#undef RULESET_SET_ENUM
		RULESET_SET_COUNT
};

struct ruleset_set_info {
	const char *name;
	enum ruleset_part key[RULESET_PARTS_MAX]; /* NONE behind the last one */
	enum ruleset_part data[2];                /* NONE first: a set, not a map */
	enum ruleset_kind kind;
	enum ruleset_family family;
	bool interval;   /* the kind is that */
	size_t key_size; /* bytes of registers */
	size_t data_size;
};

/* X(id, name, hook or "" for a chain that is jumped to, type, priority). In the order in which
 * they are installed: a chain before those that jump to it. */
/* clang-format off */
#define RULESET_BRIDGE_CHAINS(X) \
	X(DROP_SPOOFED, "drop_spoofed", "",        "",       0) \
	X(GUARD_ND,   "guard_nd",   "",            "",       0) \
	X(GUARD_ARP,  "guard_arp",  "",            "",       0) \
	X(GUARD_IP4,  "guard_ip4",  "",            "",       0) \
	X(GUARD_IP6,  "guard_ip6",  "",            "",       0) \
	X(GUARD,      "guard",      "prerouting",  "filter", -250) \
	X(DROP_ISOLATED, "drop_isolated", "",      "",       0) \
	X(BETWEEN,    "between",    "",            "",       0) \
	X(ISOLATE,    "isolate",    "forward",     "filter", 10) \
	X(TO_HOST,    "to_host",    "input",       "filter", 10)
#define RULESET_CHAIN_TABLE(X) \
	X(EARLY,      "early",      "prerouting",  "filter", -310) \
	X(LIMITS,     "limits",     "prerouting",  "filter", -150) \
	X(NAT_LOOKUP, "nat_lookup", "",            "",       0) \
	X(NAT_BOUND,  "nat_bound",  "",            "",       0) \
	X(NAT_PRE,    "nat_pre",    "prerouting",  "nat",    -100) \
	X(NAT_OUT,    "nat_out",    "output",      "nat",    -100) \
	X(NAT_POST,   "nat_post",   "postrouting", "nat",    100) \
	X(LEAVE,      "leave",      "",            "",       0) \
	X(LEAVE_IN,   "leave_in",   "input",       "filter", -5) \
	X(FILTER_FWD, "filter_fwd", "forward",     "filter", 0) \
	X(FILTER_IN,  "filter_in",  "input",       "filter", 0) \
	RULESET_BRIDGE_CHAINS(X)
/* clang-format on */

enum ruleset_chain {
#define RULESET_CHAIN_ENUM(id, name, hook, type, priority) RULESET_CHAIN_##id,
	RULESET_CHAIN_TABLE(RULESET_CHAIN_ENUM)
#undef RULESET_CHAIN_ENUM
		RULESET_CHAIN_COUNT
};

/* Those of table bridge. A container's port lets in only what has the container's own MAC and
 * addresses; ports that are no container's of the file are not looked at. Of an address that
 * belongs to nobody, a container is believed whose own is not known. */
/* clang-format off */
#define RULESET_BRIDGE_RULES(X) \
	X(SPOOFED_DROP, DROP_SPOOFED, "iifname @spoofed drop") \
	X(ND_OWN, GUARD_ND, "ether saddr . @th,64,128 @ownnd return") \
	X(ND_CLAIMED, GUARD_ND, "@th,64,128 @claimednd goto drop_spoofed") \
	X(ND_LOCAL, GUARD_ND, "@th,64,10 0x3fa return") \
	X(ND_FIXED, GUARD_ND, "ether saddr @fixed6 goto drop_spoofed") \
	X(ARP_MAC, GUARD_ARP, "iifname . arp saddr ether != @macs goto drop_spoofed") \
	X(ARP_PROBE, GUARD_ARP, "arp saddr ip 0.0.0.0 accept") \
	X(ARP_OWN, GUARD_ARP, "ether saddr . arp saddr ip @own4 accept") \
	X(ARP_CLAIMED, GUARD_ARP, "arp saddr ip @claimed4 goto drop_spoofed") \
	X(ARP_FIXED, GUARD_ARP, "ether saddr @fixed4 goto drop_spoofed") \
	X(ARP_NETS, GUARD_ARP, "arp saddr ip != @brnets4 goto drop_spoofed") \
	X(IP4_DHCP, GUARD_IP4, "udp sport 67 udp dport 68 goto drop_spoofed") \
	X(IP4_OWN, GUARD_IP4, "ether saddr . ip saddr @own4 accept") \
	X(IP4_NONE, GUARD_IP4, "ip saddr 0.0.0.0 udp dport 67 accept") \
	X(IP4_CLAIMED, GUARD_IP4, "ip saddr @claimed4 goto drop_spoofed") \
	X(IP4_FIXED, GUARD_IP4, "ether saddr @fixed4 goto drop_spoofed") \
	X(IP4_NETS, GUARD_IP4, "ip saddr != @brnets4 goto drop_spoofed") \
	X(IP6_ROUTER, GUARD_IP6, "icmpv6 type nd-router-advert goto drop_spoofed") \
	X(IP6_REDIRECT, GUARD_IP6, "icmpv6 type nd-redirect goto drop_spoofed") \
	X(IP6_DHCP, GUARD_IP6, "udp sport 547 udp dport 546 goto drop_spoofed") \
	X(IP6_ADVERT, GUARD_IP6, "icmpv6 type nd-neighbor-advert jump guard_nd") \
	X(IP6_DAD, GUARD_IP6, "ip6 saddr :: icmpv6 type nd-neighbor-solicit jump guard_nd") \
	X(IP6_OWN, GUARD_IP6, "ether saddr . ip6 saddr @own6 accept") \
	X(IP6_CLAIMED, GUARD_IP6, "ip6 saddr @claimed6 goto drop_spoofed") \
	X(IP6_LOCAL, GUARD_IP6, "ip6 saddr fe80::/10 accept") \
	X(IP6_NONE, GUARD_IP6, "ip6 saddr :: meta l4proto ipv6-icmp accept") \
	X(IP6_FIXED, GUARD_IP6, "ether saddr @fixed6 goto drop_spoofed") \
	X(IP6_NETS, GUARD_IP6, "ip6 saddr != @brnets6 goto drop_spoofed") \
	X(GUARD_OTHERS, GUARD, "iifname != @ports accept") \
	X(GUARD_MAC, GUARD, "iifname . ether saddr != @macs goto drop_spoofed") \
	X(GUARD_IS_IP4, GUARD, "ether type ip goto guard_ip4") \
	X(GUARD_IS_IP6, GUARD, "ether type ip6 goto guard_ip6") \
	X(GUARD_IS_ARP, GUARD, "ether type arp goto guard_arp") \
	X(GUARD_REST, GUARD, "goto drop_spoofed") \
	/* between two isolated ports: what finds neighbours where there is a link, what the link says, \
	 * and what answers it. Nothing is remembered of connections but who asked by UDP. */ \
	X(ISOLATED_DROP, DROP_ISOLATED, "iifname @isolated drop") \
	X(BETWEEN_MAC, BETWEEN, "iifname . ether saddr != @macs goto drop_isolated") \
	X(BETWEEN_ARP, BETWEEN, "ether type arp ether saddr . oifname @peers accept") \
	X(BETWEEN_SOLICIT, BETWEEN, "icmpv6 type nd-neighbor-solicit ether saddr . oifname @peers accept") \
	X(BETWEEN_ADVERT, BETWEEN, "icmpv6 type nd-neighbor-advert ether saddr . oifname @peers accept") \
	X(BETWEEN_UDP, BETWEEN, "meta l4proto udp ether saddr . ether daddr . meta l4proto . th dport @links update @flows { ether saddr . ether daddr . th sport . th dport timeout 600s } accept") \
	X(BETWEEN_LINK, BETWEEN, "ether saddr . ether daddr . meta l4proto . th dport @links accept") \
	X(BETWEEN_ASKED, BETWEEN, "meta l4proto udp ether daddr . ether saddr . th dport . th sport @flows accept") \
	X(BETWEEN_NO_SYN, BETWEEN, "meta l4proto tcp tcp flags & (syn | ack) == syn goto drop_isolated") \
	X(BETWEEN_ANSWER, BETWEEN, "meta l4proto tcp ether daddr . ether saddr . meta l4proto . th sport @links accept") \
	X(BETWEEN_ICMP, BETWEEN, "icmp type destination-unreachable ether saddr . oifname @peers accept") \
	X(BETWEEN_ICMP6, BETWEEN, "icmpv6 type destination-unreachable ether saddr . oifname @peers accept") \
	X(BETWEEN_TOO_BIG, BETWEEN, "icmpv6 type packet-too-big ether saddr . oifname @peers accept") \
	X(BETWEEN_FRAGMENT, BETWEEN, "ip frag-off & 0x1fff != 0 ether saddr . oifname @peers accept") \
	X(BETWEEN_REST, BETWEEN, "goto drop_isolated") \
	/* with br_netfilter, what a forward of the host sends back to the bridge comes this way */ \
	X(ISOLATE_FORWARDED, ISOLATE, "meta mark & 0x04000000 == 0x04000000 accept") \
	X(ISOLATE_FROM, ISOLATE, "iifname @apart oifname @members goto between") \
	X(ISOLATE_TO, ISOLATE, "iifname @members oifname @apart goto between") \
	/* nobody goes round by the host */ \
	X(TO_HOST4, TO_HOST, "iifname @members ip daddr @brnets4 ip daddr != @gateways4 goto drop_isolated") \
	X(TO_HOST6, TO_HOST, "iifname @members ip6 daddr @brnets6 ip6 daddr != @gateways6 goto drop_isolated")
/* clang-format on */

/* Every rule that there can be, in the order of its chain: X(id, chain, rule in nft syntax).
 * nft_expr.c holds the same rules as expressions. */
/* clang-format off */
#define RULESET_RULE_TABLE(X) \
	/* who is blocked or banned is dropped before anything is remembered of the packet; what the \
	 * host says to itself is its own affair, whatever addresses a list has */ \
	X(EARLY_LOOP, EARLY, "iifname \"lo\" return") \
	/* the bridge lets 127.0.0.1 be forwarded from; nobody else may come with it, or call it */ \
	X(EARLY_TO_LOOP, EARLY, "ip daddr 127.0.0.0/8 drop") \
	X(EARLY_FROM_LOOP, EARLY, "ip saddr 127.0.0.0/8 drop") \
	X(EARLY_BRIDGES, EARLY, "iifname @bridges return") \
	X(BAN4_DROP, EARLY, "ip saddr @ban4 drop") \
	X(BAN6_DROP, EARLY, "ip6 saddr & ffff:ffff:ffff:ffff:: @ban6 drop") \
	X(BLOCK4_DROP, EARLY, "ip saddr @block4 drop") \
	X(BLOCK6_DROP, EARLY, "ip6 saddr @block6 drop") \
	/* new connections, once conntrack has looked at them; the rules of limits stand behind these */ \
	X(LIMITS_LOOP, LIMITS, "iifname \"lo\" return") \
	X(LIMITS_BRIDGES, LIMITS, "iifname @bridges return") \
	/* what conntrack cannot place is not translated: the host would take a packet of a forwarded \
	 * or masqueraded connection for its own, and end that connection by a reset */ \
	X(LIMITS_INVALID, LIMITS, "ct state invalid fib daddr type local drop") \
	/* a forward with `from` is for those sources alone */ \
	X(FROM4, NAT_LOOKUP, "meta nfproto ipv4 meta l4proto . th dport @restricted meta l4proto . th dport . ip saddr != @from4 drop") \
	X(FROM6, NAT_LOOKUP, "meta nfproto ipv6 meta l4proto . th dport @restricted meta l4proto . th dport . ip6 saddr != @from6 drop") \
	X(DNAT4, NAT_LOOKUP, "meta nfproto ipv4 dnat ip to meta l4proto . th dport map @fwd4") \
	X(DNAT6, NAT_LOOKUP, "meta nfproto ipv6 dnat ip6 to meta l4proto . th dport map @fwd6") \
	/* forwards of one address or interface come first */ \
	X(FROMAT4, NAT_BOUND, "meta nfproto ipv4 ip daddr . meta l4proto . th dport @restrictedat4 ip daddr . meta l4proto . th dport . ip saddr != @fromat4 drop") \
	X(FROMAT6, NAT_BOUND, "meta nfproto ipv6 ip6 daddr . meta l4proto . th dport @restrictedat6 ip6 daddr . meta l4proto . th dport . ip6 saddr != @fromat6 drop") \
	X(DNATAT4, NAT_BOUND, "meta nfproto ipv4 dnat ip to ip daddr . meta l4proto . th dport map @fwdat4") \
	X(DNATAT6, NAT_BOUND, "meta nfproto ipv6 dnat ip6 to ip6 daddr . meta l4proto . th dport map @fwdat6") \
	X(FROMIF4, NAT_BOUND, "meta nfproto ipv4 iifname . meta l4proto . th dport @restrictedif iifname . meta l4proto . th dport . ip saddr != @fromif4 drop") \
	X(FROMIF6, NAT_BOUND, "meta nfproto ipv6 iifname . meta l4proto . th dport @restrictedif iifname . meta l4proto . th dport . ip6 saddr != @fromif6 drop") \
	X(DNATIF4, NAT_BOUND, "meta nfproto ipv4 dnat ip to iifname . meta l4proto . th dport map @fwdif4") \
	X(DNATIF6, NAT_BOUND, "meta nfproto ipv6 dnat ip6 to iifname . meta l4proto . th dport map @fwdif6") \
	/* name and address service of the bridge itself is never forwarded away */ \
	X(SERVICES4, NAT_PRE, "iifname @bridges ip daddr @nets4 meta l4proto . th dport @services return") \
	X(SERVICES6, NAT_PRE, "iifname @bridges ip6 daddr @nets6 meta l4proto . th dport @services return") \
	X(PRE_BOUND, NAT_PRE, "fib daddr type local jump nat_bound") \
	X(PRE_BRIDGES, NAT_PRE, "iifname @bridges fib daddr type local jump nat_lookup") \
	X(PRE_WANS, NAT_PRE, "iifname @wans fib daddr type local jump nat_lookup") \
	X(PRE_ANY, NAT_PRE, "fib daddr type local jump nat_lookup") \
	/* the host's own connections to a forwarded port */ \
	X(OUT_LOOP4, NAT_OUT, "ip daddr != 127.0.0.1 ip daddr 127.0.0.0/8 return") \
	X(OUT_LOOP6, NAT_OUT, "ip6 daddr ::1 return") \
	X(OUT_BOUND, NAT_OUT, "fib daddr type local jump nat_bound") \
	X(OUT_LOCAL, NAT_OUT, "fib daddr type local jump nat_lookup") \
	/* a container that calls a forwarded port of its own network; then the way out */ \
	X(POST_LOOP, NAT_POST, "oifname \"lo\" return") \
	X(POST_FROM_LOOP, NAT_POST, "ip saddr 127.0.0.0/8 masquerade") \
	X(POST_MASQ4, NAT_POST, "ct status dnat meta nfproto ipv4 meta l4proto . th dport . ip daddr @masq4 masquerade") \
	X(POST_MASQ6, NAT_POST, "ct status dnat meta nfproto ipv6 meta l4proto . th dport . ip6 daddr @masq6 masquerade") \
	X(HAIRPIN4, NAT_POST, "ct status dnat ip saddr @nets4 ip daddr @nets4 masquerade") \
	X(HAIRPIN6, NAT_POST, "ct status dnat ip6 saddr @nets6 ip6 daddr @nets6 masquerade") \
	X(MASQ4_ANY, NAT_POST, "ip saddr @nets4 ip daddr != @nets4 oifname != @bridges masquerade") \
	X(MASQ6_ANY, NAT_POST, "ip6 saddr @nets6 ip6 daddr != @nets6 oifname != @bridges masquerade") \
	X(MASQ4_WANS, NAT_POST, "ip saddr @nets4 ip daddr != @nets4 oifname @wans masquerade") \
	X(MASQ6_WANS, NAT_POST, "ip6 saddr @nets6 ip6 daddr != @nets6 oifname @wans masquerade") \
	/* what forwards carry, both ways */ \
	X(COUNT_OUT4, FILTER_FWD, "ct status dnat ct direction original meta nfproto ipv4 meta l4proto != icmp add @targets4 { meta l4proto . th dport . ip daddr counter }") \
	X(COUNT_OUT6, FILTER_FWD, "ct status dnat ct direction original meta nfproto ipv6 meta l4proto != ipv6-icmp add @targets6 { meta l4proto . th dport . ip6 daddr counter }") \
	X(COUNT_BACK4, FILTER_FWD, "ct status dnat ct direction reply meta nfproto ipv4 meta l4proto != icmp add @targets4 { meta l4proto . th sport . ip saddr counter }") \
	X(COUNT_BACK6, FILTER_FWD, "ct status dnat ct direction reply meta nfproto ipv6 meta l4proto != ipv6-icmp add @targets6 { meta l4proto . th sport . ip6 saddr counter }") \
	/* containers that may not go anywhere: what they begin with the world, or by a forward, and with \
	 * the host, whose bridge gives them names and addresses */ \
	X(LEAVE4, LEAVE, "meta nfproto ipv4 ether saddr . ip daddr . meta l4proto . th dport @egress4 accept") \
	X(LEAVE6, LEAVE, "meta nfproto ipv6 ether saddr . ip6 daddr . meta l4proto . th dport @egress6 accept") \
	X(LEAVE_DROP, LEAVE, "ether saddr @denied drop") \
	X(LEAVE_OTHERS, LEAVE_IN, "iifname != @bridges accept") \
	X(LEAVE_KNOWN, LEAVE_IN, "ct state established,related accept") \
	X(LEAVE_UNTRACKED, LEAVE_IN, "ct state untracked accept") \
	X(LEAVE_SERVICES, LEAVE_IN, "meta l4proto . th dport @services accept") \
	X(LEAVE_HOST, LEAVE_IN, "ether saddr @egress goto leave") \
	/* what neither comes from a bridge of ours nor goes to one is not our business */ \
	X(FWD_FOREIGN, FILTER_FWD, "iifname != @bridges oifname != @bridges accept") \
	/* a forward's packets between containers, told to table bridge */ \
	X(FWD_MARK, FILTER_FWD, "iifname @bridges oifname @bridges ct status dnat meta mark set meta mark | 0x04000000") \
	X(FWD_KNOWN, FILTER_FWD, "ct state established,related accept") \
	X(FWD_INVALID, FILTER_FWD, "ct state invalid drop") \
	X(FWD_LEAVE_DNAT, FILTER_FWD, "iifname @bridges ct status dnat ether saddr @egress goto leave") \
	X(FWD_LEAVE, FILTER_FWD, "iifname @bridges oifname != @bridges ether saddr @egress goto leave") \
	X(FWD_FROM, FILTER_FWD, "iifname @bridges accept") \
	X(FWD_DNAT, FILTER_FWD, "ct status dnat accept") \
	X(FWD_DROP, FILTER_FWD, "drop") \
	/* what comes to the host itself from the outside. A TCP connection begins with a SYN, so \
	 * only that is looked at: whatever conntrack has seen or not, connections that stand go on, \
	 * and none begins by way of a packet that merely looks as if it belonged to one */ \
	X(IN_LOOP, FILTER_IN, "iifname \"lo\" accept") \
	X(IN_BRIDGES, FILTER_IN, "iifname @bridges accept") \
	X(IN_INSIDE, FILTER_IN, "iifname != @guarded accept") \
	X(IN_BEGUN, FILTER_IN, "tcp flags & (fin | syn | rst | ack) != syn accept") \
	X(IN_KNOWN, FILTER_IN, "meta l4proto != tcp ct state established,related accept") \
	X(IN_DNAT, FILTER_IN, "ct status dnat accept") \
	X(IN_OPEN4, FILTER_IN, "meta nfproto ipv4 meta l4proto . th dport . ip saddr @open4 accept") \
	X(IN_OPEN6, FILTER_IN, "meta nfproto ipv6 meta l4proto . th dport . ip6 saddr @open6 accept") \
	X(IN_DROP, FILTER_IN, "drop") \
	RULESET_BRIDGE_RULES(X)
/* clang-format on */

enum ruleset_rule {
#define RULESET_RULE_ENUM(id, chain, text) RULESET_RULE_##id,
	RULESET_RULE_TABLE(RULESET_RULE_ENUM)
#undef RULESET_RULE_ENUM
	/* Two of each limit, for IPv4 and IPv6; they are told by ruleset.limits. */
	RULESET_RULE_LIMITS,
	RULESET_RULE_COUNT = RULESET_RULE_LIMITS + 2 * RULESET_LIMITS_MAX
};

/* A bit for each rule. */
__extension__ typedef unsigned __int128 ruleset_rules;

_Static_assert(RULESET_RULE_LIMITS <= 128, "the rules of the tables have a bit each");

#define RULESET_RULE_BIT(id) ((ruleset_rules)1 << RULESET_RULE_##id)

/* How much of one source passes; what is beyond is dropped. A source is an IPv4 address, or the
 * /64 of an IPv6 address. */
enum ruleset_limit_kind {
	RULESET_LIMIT_NONE,
	RULESET_LIMIT_RATE,        /* new connections in a time */
	RULESET_LIMIT_CONNECTIONS, /* connections that are open */
	RULESET_LIMIT_SYN,         /* SYNs in a time, before conntrack */
};

struct ruleset_limit {
	enum ruleset_limit_kind kind;
	uint32_t count;
	uint32_t period_s, burst; /* of a rate */
	uint32_t timeout_s;       /* of a rate: when a source that is silent is forgotten */
	bool ports;               /* only the ports in its set */
};

struct ruleset_limits {
	struct ruleset_limit v[RULESET_LIMITS_MAX]; /* by slot */
};

struct ruleset_elem {
	uint8_t key[RULESET_KEY_MAX];
	uint8_t end[RULESET_KEY_MAX]; /* sets with intervals: the last key; otherwise the key */
	uint8_t data[RULESET_DATA_MAX];
	uint32_t ordinal;   /* the directive it comes from, 0 for none; no part of its value */
	uint32_t timeout_s; /* 0: none; only printed */
};

struct ruleset_shared;

struct ruleset_elems {
	struct ruleset_elem *v; /* sorted by key once ruleset_sort ran */
	size_t n, cap;
	struct ruleset_shared *shared; /* whose v it is; NULL: our own */
};

/* Elements that several rulesets have, sorted and never changed. */
struct ruleset_shared {
	unsigned refs;
	struct ruleset_elems elems;
};

struct ruleset {
	ruleset_rules rules; /* RULESET_RULE_BIT of those that stand */
	struct ruleset_limits limits;
	struct ruleset_elems sets[RULESET_SET_COUNT];
};

/* What makes `to` of `from`. Elements with a changed end or data are in both lists. */
struct ruleset_diff {
	bool rules_differ; /* those of limits included */
	bool limits_differ;
	ruleset_rules rules; /* of `to` */
	struct ruleset_limits limits;
	struct ruleset del;
	struct ruleset add;
};

const struct ruleset_set_info *ruleset_set_info(enum ruleset_set set);
const char *ruleset_chain_name(enum ruleset_chain chain);
enum ruleset_chain ruleset_rule_chain(enum ruleset_rule rule);
/* In nft syntax; of a limit's rule without its numbers, which ruleset_rule_print has. */
const char *ruleset_rule_text(enum ruleset_rule rule);
/* Appends it. limits: those of its ruleset. 0 or -1. */
int ruleset_rule_print(
	enum ruleset_rule rule, const struct ruleset_limits *limits, struct buf *out);
enum ruleset_family ruleset_chain_family(enum ruleset_chain chain);
/* "inet", "bridge" */
const char *ruleset_family_name(enum ruleset_family family);
/* Whether the table is wanted: inet always, bridge when a rule of it stands. */
bool ruleset_has_family(const struct ruleset *r, enum ruleset_family family);
/* Whether the rule stands, and the set (some do not always). */
bool ruleset_has_rule(const struct ruleset *r, enum ruleset_rule rule);
bool ruleset_has_set(const struct ruleset *r, enum ruleset_set set);
/* How many rules stand. */
size_t ruleset_count_rules(const struct ruleset *r);
/* Whether the set is one of a limit, and then its slot. */
bool ruleset_set_slot(enum ruleset_set set, size_t *ret_slot);
/* Whether its elements are part of a ruleset's value: planned, compared and read back. */
bool ruleset_set_has_value(enum ruleset_set set);
/* Whether the set stands in some rulesets only. */
bool ruleset_set_optional(enum ruleset_set set);
enum ruleset_set ruleset_limit_set(size_t slot, bool v6);
enum ruleset_set ruleset_limit_ports(size_t slot);
bool ruleset_limits_equal(const struct ruleset_limits *a, const struct ruleset_limits *b);
/* Whether a chain is wanted: a rule of it stands. */
bool ruleset_has_chain(const struct ruleset *r, enum ruleset_chain chain);
/* The same chains and sets, which come and go with the table only. */
bool ruleset_same_frame(const struct ruleset *a, const struct ruleset *b);
/* The bytes that a part takes in registers: a multiple of four. */
size_t ruleset_part_size(enum ruleset_part part);

void ruleset_clear(struct ruleset *r);
/* Takes elem's value over. 0, or -1 when memory or RULESET_ELEMENTS_MAX is exceeded. */
int ruleset_add(
	struct ruleset *r, enum ruleset_set set, const struct ruleset_elem *elem, struct err *e);
/* Adds a network to an interval set of addresses; one without a family is none. 0 or -1. */
int ruleset_add_network(struct ruleset *r, enum ruleset_set set, const struct prefix *p,
	uint32_t ordinal, struct err *e);
/* Takes a set's elements out of r, sorted, to be shared. NULL: memory is short. */
struct ruleset_shared *ruleset_shared_new(struct ruleset *r, enum ruleset_set set);
void ruleset_shared_unref(struct ruleset_shared **s);
/* Makes them r's elements of a set that has none; takes a reference. s may be NULL. */
void ruleset_share(struct ruleset *r, enum ruleset_set set, struct ruleset_shared *s);
/* Sorts all sets; ruleset_equal, _diff and _print want that. */
void ruleset_sort(struct ruleset *r);
/* Leaves one of each key in a set that is sorted. */
void ruleset_unite(struct ruleset *r, enum ruleset_set set);
size_t ruleset_count(const struct ruleset *r);
/* Equal rules and elements; ordinals do not count. */
bool ruleset_equal(const struct ruleset *a, const struct ruleset *b);
int ruleset_diff(const struct ruleset *from, const struct ruleset *to, struct ruleset_diff *ret,
	struct err *e);
/* Parts d->del in two. *ret_late is what may go after all the rest: elements, of sets without
 * intervals, whose key does not come back. A packet that is among the old rules in the moment of
 * the change looks up what no longer is there, if it goes in the same transaction. 0 or -1; the
 * caller clears both. */
int ruleset_diff_late(const struct ruleset_diff *d, struct ruleset *ret_first,
	struct ruleset *ret_late, struct err *e);
void ruleset_diff_clear(struct ruleset_diff *d);
bool ruleset_diff_empty(const struct ruleset_diff *d);

/* Writers and readers of an element's parts; each writer returns the offset behind the part. */
size_t ruleset_put_ifname(uint8_t *at, size_t offset, const char *name);
size_t ruleset_put_addr(uint8_t *at, size_t offset, const struct addr *a);
size_t ruleset_put_proto(uint8_t *at, size_t offset, uint8_t proto);
size_t ruleset_put_port(uint8_t *at, size_t offset, uint16_t port);
#define RULESET_MAC_SIZE 6
size_t ruleset_put_ether(uint8_t *at, size_t offset, const uint8_t mac[static RULESET_MAC_SIZE]);
uint16_t ruleset_get_port(const uint8_t *at, size_t offset);
struct addr ruleset_get_addr(const uint8_t *at, size_t offset, enum ruleset_part part);

/* Appends the tables in nft syntax, as `nft -f` reads them. 0 or -1. */
int ruleset_print(const struct ruleset *r, struct buf *out, struct err *e);
/* Appends one set of it alone. 0 or -1. */
int ruleset_print_set(const struct ruleset *r, enum ruleset_set set, struct buf *out);
/* Appends one element without a line end ("tcp . 2222 : 10.0.3.101 . 22"). 0 or -1. */
int ruleset_elem_print(enum ruleset_set set, const struct ruleset_elem *elem, struct buf *out);

#endif
