/*
 * An intrusive, circular, doubly linked list. A node is a member of the object it links; a node
 * that is in no list links to itself, so list_remove is safe at any time.
 */
#ifndef CORE_LIST_H
#define CORE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *next, *prev;
};

/* The object of type that holds node as its member. */
#define list_entry(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

/* NOLINTBEGIN(bugprone-macro-parentheses): node names a variable here. */
/* Visits each node; the visited one may be removed and freed by the body. */
#define list_each(node, head)                                                                      \
	for (struct list *node = (head)->next, *list_next_##node = node->next; node != (head);     \
		node = list_next_##node, list_next_##node = node->next)
/* NOLINTEND(bugprone-macro-parentheses) */

static inline void
list_init(struct list *l)
{
	l->next = l->prev = l;
}

static inline bool
list_empty(const struct list *head)
{
	return head->next == head;
}

/* Puts node behind the last one. */
static inline void
list_append(struct list *head, struct list *node)
{
	node->prev = head->prev;
	node->next = head;
	head->prev->next = node;
	head->prev = node;
}

/* Puts node in front of the first one. */
static inline void
list_prepend(struct list *head, struct list *node)
{
	list_append(head->next, node);
}

/* Takes node out of whatever list it is in; it may be in none. */
static inline void
list_remove(struct list *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	list_init(node);
}

/* The first node, or NULL. */
static inline struct list *
list_first(const struct list *head)
{
	return head->next == head ? NULL : head->next;
}

static inline struct list *
list_last(const struct list *head)
{
	return head->prev == head ? NULL : head->prev;
}

#endif
