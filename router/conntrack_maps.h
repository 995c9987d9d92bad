/*
 * The maps of forwards as conntrack's files look at them: by protocol and port, whatever stands in
 * front of these in a key. Private to those files.
 */
#ifndef ROUTER_CONNTRACK_MAPS_H
#define ROUTER_CONNTRACK_MAPS_H

#include "router/conntrack.h"

#define CONNTRACK_MAPS 3
#define CONNTRACK_PORTS_SIZE 8 /* protocol and port, padded */

/* In the order in which they are looked up (bound to an address, to an interface, to neither), a
 * column for each family. */
extern const enum ruleset_set conntrack_maps[CONNTRACK_MAPS][2];

/* The bytes that a key of this map has in front of its protocol and port. */
size_t conntrack_binding_size(size_t map, bool v6);
/* Whether a source may have lost the right to a forward that stays. */
bool conntrack_sources_narrowed(const struct ruleset_diff *diff);
/* The element of a key in a sorted list, or NULL. */
const struct ruleset_elem *conntrack_find(
	const struct ruleset_elems *s, const uint8_t key[static RULESET_KEY_MAX]);

#endif
