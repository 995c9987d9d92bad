/*
 * What comes in to the host itself, as a value: boxes of ports and sources that do not overlap,
 * made of `open`, of what is listened on, and of what always comes in. Pure. The kernel's sets want
 * it so, and one such value can be asked whether another takes something away from it.
 *
 * A policy is a configuration of which only `wan` and the `open` lines count; NULL, and one without
 * an `open`, lets everything in.
 */
#ifndef ROUTER_INPUT_H
#define ROUTER_INPUT_H

#include "conf/conf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INPUT_BOXES_MAX 65536

/* Everything of a protocol from one port to another and from one source to another. */
struct input_box {
	uint8_t proto;
	uint16_t low, high;
	struct addr first, last; /* of one family */
	uint32_t ordinal; /* of an `open` or `listen` that has part in it; no part of its value */
};

/* Sorted by protocol, family, ports and sources. Those of one protocol and family have the same
 * ports or none in common; those with the same ports do not touch. So equal sets are equal arrays.
 */
struct input_boxes {
	struct input_box *v;
	size_t n, cap;
};

/* What the kernel is to let in by this policy, the ports that `c` listens on included. 0 with *ret
 * the caller's to clear, or -1. */
int input_boxes_build(
	const struct conf *policy, const struct conf *c, struct input_boxes *ret, struct err *e);
void input_boxes_clear(struct input_boxes *b);

/* Whether a connection to this port comes in by the policy, from where it guards. When memory is
 * short, it does not. */
bool input_admits(const struct conf *policy, const struct conf *c, uint16_t tcp_port,
	const struct addr *source);
/* Whether the policy shuts anything. */
bool input_guards(const struct conf *policy);
/* Whether something comes in by `from` that does not by `to`. When memory is short, it does. */
bool input_narrows(const struct conf *from, const struct conf *to);
/* Whether both let the same in. When memory is short, they do not. */
bool input_same(const struct conf *a, const struct conf *b);

#endif
