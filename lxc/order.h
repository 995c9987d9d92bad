/*
 * The order in which containers are started and stopped. Pure: autostart's `order` first, then the
 * place in the file. Starting is one after the other; stopping is the reverse, all of one order
 * at the same time.
 */
#ifndef LXC_ORDER_H
#define LXC_ORDER_H

#include <stddef.h>
#include <stdint.h>

struct order_item {
	uint32_t order;
	uint32_t place; /* in the file, from 0 */
	void *what;     /* the caller's */
};

/* Sorts into the order of starting. */
void order_start(struct order_item *items, size_t n);
/* Sorts into the order of stopping. */
void order_stop(struct order_item *items, size_t n);
/* How many items from `from` on (sorted) belong to one group: the same order. */
size_t order_group(const struct order_item *items, size_t n, size_t from);

#endif
