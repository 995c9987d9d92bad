/* core/list.h: order, removal at any time, removal while visiting. */
#include "tests/unit/core/unit.h"

#include "core/list.h"

struct item {
	int value;
	struct list node;
};

static int
sum_in_order(struct list *head)
{
	int sum = 0;

	for (struct list *n = head->next; n != head; n = n->next)
		sum = sum * 10 + list_entry(n, struct item, node)->value;
	return sum;
}

static void
append_and_prepend_keep_the_order(void **state)
{
	struct item a = {.value = 1}, b = {.value = 2}, c = {.value = 3};
	struct list head;

	(void)state;
	list_init(&head);
	assert_true(list_empty(&head));
	assert_null(list_first(&head));
	assert_null(list_last(&head));
	list_append(&head, &b.node);
	list_append(&head, &c.node);
	list_prepend(&head, &a.node);
	assert_int_equal(sum_in_order(&head), 123);
	assert_ptr_equal(list_first(&head), &a.node);
	assert_ptr_equal(list_last(&head), &c.node);
}

static void
a_node_in_no_list_can_be_removed(void **state)
{
	struct item a = {.value = 1};

	(void)state;
	list_init(&a.node);
	list_remove(&a.node);
	list_remove(&a.node);
	assert_true(list_empty(&a.node));
}

static void
the_visited_node_can_be_removed(void **state)
{
	struct item items[5];
	struct list head;
	int visited = 0;

	(void)state;
	list_init(&head);
	for (int i = 0; i < 5; i++) {
		items[i].value = i;
		list_append(&head, &items[i].node);
	}
	list_each(node, &head)
	{
		visited++;
		if (list_entry(node, struct item, node)->value % 2 == 0)
			list_remove(node);
	}
	assert_int_equal(visited, 5);
	assert_int_equal(sum_in_order(&head), 13);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(append_and_prepend_keep_the_order),
		cmocka_unit_test(a_node_in_no_list_can_be_removed),
		cmocka_unit_test(the_visited_node_can_be_removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
