/* The order of starting and stopping; see order.h. */
#include "lxc/order.h"

#include <stdlib.h>

static int
compare_start(const void *a, const void *b)
{
	const struct order_item *x = a, *y = b;

	if (x->order != y->order)
		return x->order < y->order ? -1 : 1;
	return x->place < y->place ? -1 : x->place > y->place;
}

static int
compare_stop(const void *a, const void *b)
{
	return compare_start(b, a);
}

void
order_start(struct order_item *items, size_t n)
{
	if (n > 1)
		qsort(items, n, sizeof(*items), compare_start);
}

void
order_stop(struct order_item *items, size_t n)
{
	if (n > 1)
		qsort(items, n, sizeof(*items), compare_stop);
}

size_t
order_group(const struct order_item *items, size_t n, size_t from)
{
	size_t end = from;

	while (end < n && items[end].order == items[from].order)
		end++;
	return end - from;
}
