/* Attributes with lengths that lie, and the kernel's errors. */
#include "router/nft/netlink.h"

#include <errno.h>
#include <linux/netlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

struct message {
	_Alignas(struct nlmsghdr) char bytes[512];
	struct nlmsghdr *h;
};

static void
begin(struct message *m, uint16_t type)
{
	memset(m->bytes, 0, sizeof(m->bytes));
	m->h = mnl_nlmsg_put_header(m->bytes);
	m->h->nlmsg_type = type;
}

static void
attributes_are_sorted_by_type(void **state)
{
	const struct nlattr *attrs[3];
	struct message m;
	uint32_t value;
	char name[4];

	(void)state;
	begin(&m, 16);
	mnl_attr_put_u32(m.h, 2, 77);
	mnl_attr_put_strz(m.h, 1, "abcdef");
	mnl_attr_put_u32(m.h, 9, 1); /* newer than we are */
	netlink_attrs(m.h, 0, attrs, 2);
	assert_null(attrs[0]);
	assert_true(netlink_u32(attrs[2], &value));
	assert_int_equal(value, 77);
	assert_true(netlink_name(attrs[1], name, sizeof(name)));
	assert_string_equal(name, "abc");
}

static void
lengths_that_lie_end_the_walk(void **state)
{
	struct message m;
	struct netlink_walk w;
	struct nlattr *first;

	(void)state;
	begin(&m, 16);
	first = mnl_nlmsg_get_payload_tail(m.h);
	mnl_attr_put_u32(m.h, 1, 1);
	mnl_attr_put_u32(m.h, 2, 2);
	first->nla_len = 3;
	w = netlink_walk(m.h, 0);
	assert_null(netlink_next(&w));
	first->nla_len = 200;
	w = netlink_walk(m.h, 0);
	assert_null(netlink_next(&w));
	first->nla_len = 15; /* reaches to the end */
	w = netlink_walk(m.h, 0);
	assert_non_null(netlink_next(&w));
	assert_null(netlink_next(&w));
	w = netlink_walk(m.h, 100);
	assert_null(netlink_next(&w));
	w = netlink_walk_nest(NULL);
	assert_null(netlink_next(&w));
}

static void
short_values_are_not_read(void **state)
{
	const struct nlattr *attrs[2];
	struct message m;
	uint32_t value = 5;
	char name[8];

	(void)state;
	begin(&m, 16);
	mnl_attr_put_u16(m.h, 1, 1);
	netlink_attrs(m.h, 0, attrs, 1);
	assert_false(netlink_u32(attrs[1], &value));
	assert_int_equal(value, 5);
	assert_false(netlink_u32(NULL, &value));
	assert_false(netlink_name(NULL, name, sizeof(name)));
	begin(&m, 16);
	mnl_attr_put(m.h, 1, 0, "");
	netlink_attrs(m.h, 0, attrs, 1);
	assert_false(netlink_name(attrs[1], name, sizeof(name)));
}

static struct nlmsgerr *
begin_error(struct message *m, int error, uint16_t flags)
{
	struct nlmsgerr *body;

	begin(m, NLMSG_ERROR);
	m->h->nlmsg_flags = flags;
	body = mnl_nlmsg_put_extra_header(m->h, sizeof(*body));
	body->error = error;
	body->msg.nlmsg_seq = 42;
	body->msg.nlmsg_len = sizeof(body->msg) + 8;
	return body;
}

static void
an_error_tells_its_place_and_words(void **state)
{
	struct netlink_error error;
	struct message m;
	struct err e;

	(void)state;
	begin_error(&m, -EEXIST, NLM_F_CAPPED | NLM_F_ACK_TLVS);
	mnl_attr_put_strz(m.h, NLMSGERR_ATTR_MSG, "no such thing");
	mnl_attr_put_u32(m.h, NLMSGERR_ATTR_OFFS, 60);
	assert_true(netlink_read_error(m.h, &error));
	assert_int_equal(error.errnum, EEXIST);
	assert_int_equal(error.seq, 42);
	assert_int_equal(error.offset, 60);
	assert_int_equal(netlink_err(&e, &error, "trying"), -1);
	assert_string_equal(e.msg, "trying: no such thing: File exists");
}

static void
an_error_that_repeats_our_message(void **state)
{
	struct netlink_error error;
	struct message m;

	(void)state;
	begin_error(&m, -EPERM, NLM_F_ACK_TLVS);
	mnl_nlmsg_put_extra_header(m.h, 8); /* the rest of it */
	mnl_attr_put_u32(m.h, NLMSGERR_ATTR_OFFS, 24);
	assert_true(netlink_read_error(m.h, &error));
	assert_int_equal(error.offset, 24);
}

static void
an_acknowledgement_is_no_error_and_nonsense_is(void **state)
{
	struct netlink_error error;
	struct message m;
	struct nlmsgerr *body;

	(void)state;
	begin_error(&m, 0, NLM_F_CAPPED);
	assert_true(netlink_read_error(m.h, &error));
	assert_int_equal(error.errnum, 0);
	begin_error(&m, 5, 0);
	assert_true(netlink_read_error(m.h, &error));
	assert_int_equal(error.errnum, EPROTO);
	body = begin_error(&m, -1, NLM_F_ACK_TLVS);
	body->msg.nlmsg_len = UINT32_MAX;
	assert_true(netlink_read_error(m.h, &error));
	assert_int_equal(error.errnum, 1);
	m.h->nlmsg_len = sizeof(*m.h) + 4;
	assert_false(netlink_read_error(m.h, &error));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(attributes_are_sorted_by_type),
		cmocka_unit_test(lengths_that_lie_end_the_walk),
		cmocka_unit_test(short_values_are_not_read),
		cmocka_unit_test(an_error_tells_its_place_and_words),
		cmocka_unit_test(an_error_that_repeats_our_message),
		cmocka_unit_test(an_acknowledgement_is_no_error_and_nonsense_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
