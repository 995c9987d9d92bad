/* What a thread learns of containers, and what a piece of news means for requests. */
#include "proxy/upstream/containers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#define WALL UINT64_C(1700000000000)
#define MONO UINT64_C(5000000)

static struct container_news
news_of(enum container_state state, uint32_t pid, const char *address)
{
	struct container_news n = {.name = "web", .state = state, .pid = pid, .changed_ms = WALL};

	if (address)
		(void)addr_parse(slice_str(address), &n.address);
	return n;
}

static enum container_change
tell(struct container_entry *entry, struct container_news news)
{
	return container_update(entry, &news, WALL, MONO);
}

static void
an_entry_is_made_once_and_unknown(void **state)
{
	struct containers c;
	struct container_entry *entry;

	(void)state;
	assert_int_equal(containers_init(&c), 0);
	entry = containers_get(&c, SLICE_LIT("web"));
	assert_non_null(entry);
	assert_false(entry->known);
	assert_ptr_equal(containers_get(&c, SLICE_LIT("web")), entry);
	assert_ptr_not_equal(containers_get(&c, SLICE_LIT("wiki")), entry);
	containers_clear(&c);
}

static void
the_first_news_is_a_change_and_loses_nobody(void **state)
{
	struct container_entry entry = {.name = "web"};

	(void)state;
	assert_int_equal(
		tell(&entry, news_of(CONTAINER_RUNNING, 7, "10.0.3.2")), CONTAINER_CHANGED);
	assert_true(entry.known);
	assert_int_equal(tell(&entry, news_of(CONTAINER_RUNNING, 7, "10.0.3.2")), CONTAINER_SAME);
}

static void
another_init_or_address_loses_what_was_connected(void **state)
{
	struct container_entry entry = {.name = "web"};

	(void)state;
	tell(&entry, news_of(CONTAINER_RUNNING, 7, "10.0.3.2"));
	entry.answered = true;
	entry.failing_since = 1;
	assert_int_equal(tell(&entry, news_of(CONTAINER_RUNNING, 8, "10.0.3.2")), CONTAINER_LOST);
	assert_int_equal(entry.failing_since, 0);
	assert_false(entry.answered);
	assert_int_equal(entry.changed_at, MONO);
	assert_int_equal(tell(&entry, news_of(CONTAINER_RUNNING, 8, "10.0.3.9")), CONTAINER_LOST);
	assert_int_equal(tell(&entry, news_of(CONTAINER_STOPPED, 0, NULL)), CONTAINER_LOST);
}

static void
freezing_keeps_its_connections(void **state)
{
	struct container_entry entry = {.name = "web"};

	(void)state;
	tell(&entry, news_of(CONTAINER_RUNNING, 7, "10.0.3.2"));
	assert_int_equal(tell(&entry, news_of(CONTAINER_FROZEN, 7, "10.0.3.2")), CONTAINER_CHANGED);
	assert_int_equal(
		tell(&entry, news_of(CONTAINER_RUNNING, 7, "10.0.3.2")), CONTAINER_CHANGED);
}

static void
the_moment_of_a_change_is_that_of_the_news(void **state)
{
	struct container_entry entry = {.name = "web"};
	struct container_news n = news_of(CONTAINER_RUNNING, 7, "10.0.3.2");

	(void)state;
	n.changed_ms = WALL - 60000;
	(void)container_update(&entry, &n, WALL, MONO);
	assert_int_equal(entry.changed_at, MONO - 60000);
	n.state = CONTAINER_FROZEN;
	n.changed_ms = WALL + 99999; /* a clock that was set back */
	(void)container_update(&entry, &n, WALL, MONO);
	assert_int_equal(entry.changed_at, MONO);
	n.state = CONTAINER_RUNNING;
	n.changed_ms = 0; /* longer ago than the machine runs */
	(void)container_update(&entry, &n, WALL, MONO);
	assert_int_equal(entry.changed_at, 1);
}

/* A CONTAINER message as lxc writes it. */
static void
put_news(struct msg_out *m, const char *name, uint8_t container_state, const char *address)
{
	assert_int_equal(msg_out_init(m, MSG_CONTAINER, ROLE_PROXY), 0);
	msg_put_str(m, name);
	msg_put_u8(m, container_state);
	msg_put_u8(m, 1);
	msg_put_u64(m, WALL);
	msg_put_u32(m, 77);
	msg_put_u32(m, 3);
	msg_put_str(m, address);
	msg_put_str(m, "2001:db8::1");
	for (int i = 0; i < 4; i++)
		msg_put_str(m, "");
	m->bytes[2] = ROLE_LXC;
}

static int
read_news(struct msg_out *m, struct container_news *ret)
{
	struct msg_in in;
	struct err e;
	int result;

	assert_int_equal(
		msg_in_init(&in, slice_of(m->bytes, m->size), ROLE_PARENT, ROLE_PROXY, -1, &e), 0);
	result = container_news_read(&in, ret);
	msg_out_clear(m);
	return result;
}

static void
a_message_becomes_news(void **state)
{
	struct container_news n;
	struct msg_out m;
	char text[ADDR_TEXT_MAX];

	(void)state;
	put_news(&m, "web", CONTAINER_FROZEN, "10.0.3.2");
	assert_int_equal(read_news(&m, &n), 0);
	assert_string_equal(n.name, "web");
	assert_int_equal(n.state, CONTAINER_FROZEN);
	assert_int_equal(n.pid, 77);
	assert_string_equal(addr_print(&n.address, text), "10.0.3.2");
	assert_string_equal(addr_print(&n.address6, text), "2001:db8::1");
	put_news(&m, "web", CONTAINER_STARTING, "");
	assert_int_equal(read_news(&m, &n), 0);
	assert_int_equal(n.address.family, 0);
}

static void
a_malformed_message_is_none(void **state)
{
	char name[100] = {0};
	struct container_news n;
	struct msg_out m;

	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	put_news(&m, name, CONTAINER_RUNNING, "10.0.3.2");
	assert_int_equal(read_news(&m, &n), -1);
	put_news(&m, "", CONTAINER_RUNNING, "10.0.3.2");
	assert_int_equal(read_news(&m, &n), -1);
	put_news(&m, "web", CONTAINER_STATE_COUNT, "10.0.3.2");
	assert_int_equal(read_news(&m, &n), -1);
	put_news(&m, "web", CONTAINER_RUNNING, "10.0.3");
	assert_int_equal(read_news(&m, &n), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_entry_is_made_once_and_unknown),
		cmocka_unit_test(the_first_news_is_a_change_and_loses_nobody),
		cmocka_unit_test(another_init_or_address_loses_what_was_connected),
		cmocka_unit_test(freezing_keeps_its_connections),
		cmocka_unit_test(the_moment_of_a_change_is_that_of_the_news),
		cmocka_unit_test(a_message_becomes_news),
		cmocka_unit_test(a_malformed_message_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
