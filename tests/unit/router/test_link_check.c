/* Whether a bridge can be had: the decisions that namespaces reach only with effort. */
#include "router/link.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

struct host {
	struct link_iface ifaces[4];
	struct link_address addresses[4];
	struct link_snapshot snapshot;
	struct conf_bridge wanted;
};

static struct prefix
network(const char *text)
{
	struct prefix p;

	assert_int_equal(prefix_parse(slice_str(text), &p), 0);
	return p;
}

static struct host *
new_host(void)
{
	struct host *h = calloc(1, sizeof(*h));

	assert_non_null(h);
	h->snapshot.ifaces = h->ifaces;
	h->snapshot.addresses = h->addresses;
	h->wanted =
		(struct conf_bridge){.ordinal = 7, .name = "lxcbr0", .v4 = network("10.0.3.1/24")};
	return h;
}

static struct link_iface *
add_iface(struct host *h, const char *name, const char *kind, const char *address)
{
	struct link_iface *iface = &h->ifaces[h->snapshot.n_ifaces++];

	iface->index = (uint32_t)h->snapshot.n_ifaces;
	snprintf(iface->name, sizeof(iface->name), "%s", name);
	snprintf(iface->kind, sizeof(iface->kind), "%s", kind);
	iface->up = true;
	if (address)
		h->addresses[h->snapshot.n_addresses++] =
			(struct link_address){.index = iface->index, .prefix = network(address)};
	return iface;
}

static void
check_refused(struct host *h, bool lxc_net, const char *why)
{
	struct link_work work;
	struct err e = {0};

	assert_int_equal(link_check(&h->snapshot, &h->wanted, NULL, lxc_net, &work, &e), -1);
	assert_int_equal(e.ordinal, 7);
	assert_non_null(strstr(e.msg, why));
}

static struct link_work
check(struct host *h)
{
	struct link_work work;
	struct err e = {0};

	assert_int_equal(link_check(&h->snapshot, &h->wanted, NULL, false, &work, &e), 0);
	return work;
}

static void
an_absent_bridge_is_made_and_marked(void **state)
{
	struct host *h = new_host();
	struct link_work work = check(h);

	(void)state;
	assert_true(work.create && work.mark && work.bring_up && work.add_v4 && work.ours);
	assert_false(work.add_v6);
	free(h);
}

static void
lxc_nets_bridge_is_refused_with_the_remedy(void **state)
{
	struct host *h = new_host();

	(void)state;
	add_iface(h, "lxcbr0", "bridge", "10.0.3.1/24");
	check_refused(h, true, "systemctl disable --now lxc-net");
	h->ifaces[0].ours = true;
	assert_false(check(h).create);
	free(h);
}

static void
traces_of_lxc_net_elsewhere_do_not_matter(void **state)
{
	struct host *h = new_host();
	struct link_work work;
	struct err e;

	(void)state;
	assert_int_equal(link_check(&h->snapshot, &h->wanted, NULL, true, &work, &e), 0);
	assert_true(work.create);
	free(h);
}

static void
a_bridge_that_is_down_is_brought_up(void **state)
{
	struct host *h = new_host();
	struct link_work work;

	(void)state;
	add_iface(h, "lxcbr0", "bridge", "10.0.3.1/24")->up = false;
	work = check(h);
	assert_true(work.bring_up);
	assert_false(work.create || work.add_v4 || work.mark || work.ours);
	free(h);
}

static void
a_bridge_without_address_gets_one(void **state)
{
	struct host *h = new_host();

	(void)state;
	add_iface(h, "lxcbr0", "bridge", NULL);
	assert_true(check(h).add_v4);
	free(h);
}

static void
the_same_address_with_another_length_is_another(void **state)
{
	struct host *h = new_host();

	(void)state;
	add_iface(h, "lxcbr0", "bridge", "10.0.3.1/16");
	check_refused(h, false, "exists with address 10.0.3.1/16, not 10.0.3.1/24");
	h->ifaces[0].ours = true;
	assert_true(check(h).add_v4);
	free(h);
}

static void
the_network_of_another_interface_is_refused(void **state)
{
	struct host *h = new_host();

	(void)state;
	add_iface(h, "docker0", "bridge", "10.0.3.200/28");
	check_refused(h, false, "overlaps 10.0.3.200/28 of interface docker0");
	h->addresses[0].prefix = network("10.0.4.1/24");
	assert_true(check(h).create);
	h->addresses[0].prefix = network("10.9.9.9/8");
	assert_true(check(h).create);
	free(h);
}

static void
a_bridge_in_use_does_not_hand_its_network_over(void **state)
{
	struct host *h = new_host();
	struct conf_bridge previous = h->wanted;
	struct link_work work;
	struct err e = {0};

	(void)state;
	snprintf(previous.name, sizeof(previous.name), "old0");
	add_iface(h, "old0", "bridge", "10.0.3.1/24")->ours = true;
	assert_int_equal(link_check(&h->snapshot, &h->wanted, &previous, false, &work, &e), 0);
	add_iface(h, "veth1", "veth", NULL)->master = 1;
	assert_int_equal(link_check(&h->snapshot, &h->wanted, &previous, false, &work, &e), -1);
	assert_non_null(strstr(e.msg, "stop them before lxcbr0 takes it over"));
	free(h);
}

static void
stale_addresses_are_those_of_our_own_bridge(void **state)
{
	struct host *h = new_host();
	size_t i;

	(void)state;
	add_iface(h, "lxcbr0", "bridge", "10.0.3.1/24");
	h->addresses[1] = (struct link_address){.index = 1, .prefix = network("10.0.9.1/24")};
	h->addresses[2] = (struct link_address){.index = 1, .prefix = network("fe80::1/64")};
	h->snapshot.n_addresses = 3;
	assert_int_equal(link_stale_address(&h->snapshot, &h->wanted, 0), 3);
	h->ifaces[0].ours = true;
	i = link_stale_address(&h->snapshot, &h->wanted, 0);
	assert_int_equal(i, 1);
	assert_int_equal(link_stale_address(&h->snapshot, &h->wanted, i + 1), 3);
	free(h);
}

static void
lxc_net_is_seen_by_its_files(void **state)
{
	char folder[] = "/tmp/test-link-XXXXXX", path[64];
	FILE *f;

	(void)state;
	assert_non_null(mkdtemp(folder));
	assert_false(link_lxc_net(folder));
	snprintf(path, sizeof(path), "%s/network_up", folder);
	f = fopen(path, "we");
	assert_non_null(f);
	assert_int_equal(fclose(f), 0);
	assert_true(link_lxc_net(folder));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(folder), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_absent_bridge_is_made_and_marked),
		cmocka_unit_test(lxc_nets_bridge_is_refused_with_the_remedy),
		cmocka_unit_test(traces_of_lxc_net_elsewhere_do_not_matter),
		cmocka_unit_test(a_bridge_that_is_down_is_brought_up),
		cmocka_unit_test(a_bridge_without_address_gets_one),
		cmocka_unit_test(the_same_address_with_another_length_is_another),
		cmocka_unit_test(the_network_of_another_interface_is_refused),
		cmocka_unit_test(a_bridge_in_use_does_not_hand_its_network_over),
		cmocka_unit_test(stale_addresses_are_those_of_our_own_bridge),
		cmocka_unit_test(lxc_net_is_seen_by_its_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
