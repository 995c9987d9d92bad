/* What sluice.conf says of a container becomes lxc configuration, and goes away again. */
#include "lxc/config_plan.h"

#include "lxc/config_edit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char cpus[] = "0-1";
static char source[] = "/srv/my files", target[] = "srv/files";
static char file_source[] = "/etc/hosts", file_target[] = "etc/hosts";

static struct conf_mount mounts[] = {
	{.source = source, .target = target},
	{.source = file_source, .target = file_target, .writable = true},
};
static const bool mount_is_file[] = {false, true};

static struct conf_bridge bridge = {.name = "lxcbr0"};
static struct conf_container container;

static struct config_wish
wish(void)
{
	struct config_wish w = {
		.container = &container,
		.bridge = &bridge,
		.mac = "00:16:3e:01:02:03",
		.idmap = 1048576,
		.created = true,
		.userns_include = true,
		.mount_is_file = mount_is_file,
	};

	memset(w.settable, 1, sizeof(w.settable));
	assert_int_equal(prefix_parse(SLICE_LIT("10.0.3.1/24"), &bridge.v4), 0);
	assert_int_equal(prefix_parse(SLICE_LIT("fd00:3::1/64"), &bridge.v6), 0);
	container = (struct conf_container){.memory = 64 << 20, .cpus = cpus};
	assert_int_equal(addr_parse(SLICE_LIT("10.0.3.101"), &container.address), 0);
	return w;
}

/* Plans into text; the keys that are ours end up in owned. */
static void
plan(const struct config_wish *w, struct buf *text, struct buf *owned)
{
	struct buf now;
	struct err e;

	buf_init(&now, CONFIG_OWNED_MAX);
	assert_int_equal(config_plan(w, buf_slice(owned), text, &now, &e), 0);
	buf_clear(owned);
	*owned = now;
}

struct fixture {
	struct buf text, owned;
};

static struct fixture
start(const char *text)
{
	struct fixture f;

	buf_init(&f.text, CONFIG_TEXT_MAX);
	buf_init(&f.owned, CONFIG_OWNED_MAX);
	assert_int_equal(buf_append_str(&f.text, text), 0);
	return f;
}

static void
end(struct fixture *f)
{
	buf_clear(&f->text);
	buf_clear(&f->owned);
}

static void
expect(const struct fixture *f, const char *key, const char *value)
{
	struct slice v;

	assert_true(config_get(buf_slice(&f->text), key, &v));
	assert_true(slice_eq_str(v, value));
}

static void
expect_none(const struct fixture *f, const char *key)
{
	struct slice v;

	assert_false(config_get(buf_slice(&f->text), key, &v));
}

static void
a_created_container_gets_everything(void **state)
{
	struct fixture f = start("lxc.include = /usr/share/lxc/config/common.conf\n# end\n");
	struct config_wish w = wish();

	(void)state;
	plan(&w, &f.text, &f.owned);
	expect(&f, "lxc.net.0.type", "veth");
	expect(&f, "lxc.net.0.link", "lxcbr0");
	expect(&f, "lxc.net.0.hwaddr", "00:16:3e:01:02:03");
	expect(&f, "lxc.net.0.ipv4.address", "10.0.3.101/24");
	expect(&f, "lxc.net.0.ipv4.gateway", "10.0.3.1");
	expect_none(&f, "lxc.net.0.ipv6.address");
	expect(&f, "lxc.idmap", "g 0 1048576 65536");
	expect(&f, "lxc.cgroup.memory.memsw.limit_in_bytes", "67108864");
	expect(&f, "lxc.cgroup2.memory.swap.max", "0");
	expect(&f, "lxc.cgroup2.cpuset.cpus", "0-1");
	expect(&f, "lxc.start.auto", "0");
	expect(&f, "lxc.include", CONFIG_USERNS);
	expect_none(&f, "lxc.apparmor.profile");
	end(&f);
}

static void
planning_twice_changes_nothing(void **state)
{
	struct fixture f = start("# first\n");
	struct config_wish w = wish();
	char *before;

	(void)state;
	container.mounts = mounts;
	container.n_mounts = 2;
	plan(&w, &f.text, &f.owned);
	before = slice_dup(buf_slice(&f.text));
	plan(&w, &f.text, &f.owned);
	assert_true(slice_eq_str(buf_slice(&f.text), before));
	free(before);
	end(&f);
}

static void
what_is_no_longer_wanted_goes(void **state)
{
	struct fixture f = start("lxc.cgroup2.pids.max = 100\n");
	struct config_wish w = wish();

	(void)state;
	plan(&w, &f.text, &f.owned);
	container.memory = 0;
	container.address.family = 0;
	plan(&w, &f.text, &f.owned);
	expect_none(&f, "lxc.cgroup.memory.limit_in_bytes");
	expect_none(&f, "lxc.cgroup2.memory.max");
	expect_none(&f, "lxc.net.0.ipv4.address");
	expect(&f, "lxc.cgroup2.pids.max", "100");
	expect(&f, "lxc.cgroup2.cpuset.cpus", "0-1");
	end(&f);
}

static void
of_an_adopted_one_the_rest_is_its_own(void **state)
{
	struct fixture f = start("lxc.idmap = u 0 500000 65536\nlxc.apparmor.profile = unconfined\n"
				 "lxc.cgroup.memory.limit_in_bytes = 1\n");
	struct config_wish w = wish();

	(void)state;
	w.created = false;
	w.idmap = 0;
	container.memory = 0;
	plan(&w, &f.text, &f.owned);
	expect(&f, "lxc.idmap", "u 0 500000 65536");
	expect(&f, "lxc.apparmor.profile", "unconfined");
	expect(&f, "lxc.cgroup.memory.limit_in_bytes", "1");
	expect_none(&f, "lxc.include");
	end(&f);
}

static void
keys_that_this_host_cannot_set_are_left_out(void **state)
{
	struct fixture f = start("");
	struct config_wish w = wish();

	(void)state;
	w.settable[0][LIMIT_SWAP] = false;
	w.settable[1][LIMIT_CPUS] = false;
	w.apparmor = true;
	plan(&w, &f.text, &f.owned);
	expect_none(&f, "lxc.cgroup.memory.memsw.limit_in_bytes");
	expect_none(&f, "lxc.cgroup2.cpuset.cpus");
	expect(&f, "lxc.cgroup.cpuset.cpus", "0-1");
	expect(&f, "lxc.apparmor.profile", "generated");
	end(&f);
}

static void
mounts_are_escaped_and_leave_those_of_others(void **state)
{
	struct fixture f = start("lxc.mount.entry = proc proc proc defaults 0 0\n");
	struct config_wish w = wish();
	struct slice s;

	(void)state;
	container.mounts = mounts;
	container.n_mounts = 2;
	plan(&w, &f.text, &f.owned);
	expect(&f, "lxc.mount.entry", "/etc/hosts etc/hosts none bind,create=file 0 0");
	s = buf_slice(&f.text);
	assert_non_null(memmem(s.p, s.n, "/srv/my\\040files srv/files none bind,create=dir,ro 0 0",
		strlen("/srv/my\\040files srv/files none bind,create=dir,ro 0 0")));
	container.n_mounts = 0;
	plan(&w, &f.text, &f.owned);
	expect(&f, "lxc.mount.entry", "proc proc proc defaults 0 0");
	end(&f);
}

static void
without_a_bridge_there_is_no_network(void **state)
{
	struct fixture f = start("");
	struct config_wish w = wish();

	(void)state;
	w.bridge = NULL;
	plan(&w, &f.text, &f.owned);
	expect(&f, "lxc.net.0.type", "empty");
	expect_none(&f, "lxc.net.0.link");
	end(&f);
}

static void
what_needs_a_restart_is_named(void **state)
{
	struct config_wish w = wish();
	struct buf before, after;
	char changes[128];

	(void)state;
	buf_init(&before, CONFIG_TEXT_MAX);
	buf_init(&after, CONFIG_TEXT_MAX);
	assert_int_equal(config_plan_fixed(&w, &before), 0);
	container.memory = 1;
	assert_int_equal(config_plan_fixed(&w, &after), 0);
	config_plan_changes(buf_slice(&before), buf_slice(&after), changes, sizeof(changes));
	assert_string_equal(changes, "");
	buf_reset(&after);
	assert_int_equal(addr_parse(SLICE_LIT("10.0.3.102"), &container.address), 0);
	container.mounts = mounts;
	container.n_mounts = 1;
	container.privileged = true;
	assert_int_equal(config_plan_fixed(&w, &after), 0);
	config_plan_changes(buf_slice(&before), buf_slice(&after), changes, sizeof(changes));
	assert_string_equal(changes, "address, privileged, mount");
	buf_clear(&before);
	buf_clear(&after);
}

static void
a_mac_is_the_same_for_ever_and_another_for_another_name(void **state)
{
	char a[JOB_MAC_MAX], b[JOB_MAC_MAX];

	(void)state;
	config_plan_mac("web", a);
	assert_string_equal(a, "00:16:3e:d9:bc:9e");
	config_plan_mac("wea", b);
	assert_string_not_equal(a, b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_created_container_gets_everything),
		cmocka_unit_test(planning_twice_changes_nothing),
		cmocka_unit_test(what_is_no_longer_wanted_goes),
		cmocka_unit_test(of_an_adopted_one_the_rest_is_its_own),
		cmocka_unit_test(keys_that_this_host_cannot_set_are_left_out),
		cmocka_unit_test(mounts_are_escaped_and_leave_those_of_others),
		cmocka_unit_test(without_a_bridge_there_is_no_network),
		cmocka_unit_test(what_needs_a_restart_is_named),
		cmocka_unit_test(a_mac_is_the_same_for_ever_and_another_for_another_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
