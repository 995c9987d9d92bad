/* Kernel parameters, on a folder that looks like /proc/sys. Ordinary files do not set one another
 * as the kernel's do, so writes show exactly what was asked for. */
#include "router/sysctl.h"

#include "core/file.h"
#include "core/own.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

#include <cmocka.h>

#define PATH_TEXT_MAX 256

struct tree {
	char root[32];
	struct sysctl_input in;
	struct sysctl_list list;
};

static void
put(const struct tree *t, const char *name, const char *value)
{
	char path[PATH_TEXT_MAX];
	struct err e;

	snprintf(path, sizeof(path), "%s/%s", t->root, name);
	*strrchr(path, '/') = '\0';
	assert_int_equal(file_mkdirs(path, 0755, &e), 0);
	path[strlen(path)] = '/';
	assert_int_equal(file_write_atomic(path, slice_str(value), 0644, &e), 0);
}

static void
assert_value(const struct tree *t, const char *name, const char *wanted)
{
	char path[PATH_TEXT_MAX];
	struct buf b;
	struct err e;

	snprintf(path, sizeof(path), "%s/%s", t->root, name);
	buf_init(&b, 100);
	assert_int_equal(file_read(path, &b, &e), 0);
	assert_int_equal(buf_append_byte(&b, '\0'), 0);
	assert_string_equal(b.data, wanted);
	buf_clear(&b);
}

static void
put_iface(const struct tree *t, const char *iface)
{
	char name[PATH_TEXT_MAX];

	snprintf(name, sizeof(name), "net/ipv4/conf/%s/forwarding", iface);
	put(t, name, "0\n");
	snprintf(name, sizeof(name), "net/ipv6/conf/%s/forwarding", iface);
	put(t, name, "0\n");
	snprintf(name, sizeof(name), "net/ipv6/conf/%s/accept_ra", iface);
	put(t, name, "1\n");
}

static int
set_up(void **state)
{
	struct tree *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	snprintf(t->root, sizeof(t->root), "/tmp/test-sysctl-XXXXXX");
	assert_non_null(mkdtemp(t->root));
	put(t, "net/ipv4/ip_forward", "0\n");
	put_iface(t, "all");
	put_iface(t, "default");
	put_iface(t, "eth0.7");
	put_iface(t, "lan0");
	t->in = (struct sysctl_input){.root = t->root,
		.wans = {.names = {"eth0.7"}, .n = 1},
		.bridge = "br0",
		.bridge_ours = true,
		.v6 = true};
	*state = t;
	return 0;
}

static int
remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static int
tear_down(void **state)
{
	struct tree *t = *state;
	int ret = nftw(t->root, remove_one, 8, FTW_DEPTH | FTW_PHYS);

	sysctl_list_clear(&t->list);
	free(t);
	return ret;
}

static void
collect(struct tree *t)
{
	struct err e;

	sysctl_list_clear(&t->list);
	assert_int_equal(sysctl_collect(&t->in, &t->list, &e), 0);
}

/* The entry of this name that wants this value; its place in the list. */
static size_t
find(const struct tree *t, const char *name, const char *want)
{
	for (size_t i = 0; i < t->list.n; i++)
		if (strcmp(t->list.v[i].name, name) == 0 && strcmp(t->list.v[i].want, want) == 0)
			return i;
	fail_msg("no change of %s", name);
	return 0;
}

static void
advertisements_are_kept_before_forwarding_begins(void **state)
{
	struct tree *t = *state;
	size_t ra, all;

	collect(t);
	ra = find(t, "net/ipv6/conf/eth0.7/accept_ra", "2");
	all = find(t, "net/ipv6/conf/all/forwarding", "1");
	assert_true(ra < all);
	assert_true(t->list.v[ra].record && t->list.v[all].record);
	assert_string_equal(t->list.v[ra].old, "1");
	/* Interfaces that have no part in it get their value back afterwards. */
	assert_true(find(t, "net/ipv6/conf/lan0/forwarding", "0") > all);
	assert_true(find(t, "net/ipv6/conf/default/forwarding", "0") > all);
}

static void
an_outside_that_ignores_advertisements_goes_on_doing_so(void **state)
{
	struct tree *t = *state;

	put(t, "net/ipv6/conf/eth0.7/accept_ra", "0\n");
	collect(t);
	for (size_t i = 0; i < t->list.n; i++)
		assert_null(strstr(t->list.v[i].name, "eth0.7/accept_ra"));
}

static void
what_forwarded_before_is_recorded_first(void **state)
{
	struct tree *t = *state;
	size_t kept, all;

	put(t, "net/ipv4/conf/lan0/forwarding", "1\n");
	collect(t);
	kept = find(t, "net/ipv4/conf/lan0/forwarding", "1");
	all = find(t, "net/ipv4/ip_forward", "1");
	assert_true(kept < all && t->list.v[kept].record);
}

static void
forwarding_that_was_switched_off_is_left_to_the_next_generation(void **state)
{
	struct tree *t = *state;

	t->in.upkeep = true;
	collect(t);
	assert_true(t->list.off);
	for (size_t i = 0; i < t->list.n; i++)
		assert_null(strstr(t->list.v[i].name, "forward"));
	put(t, "net/ipv4/ip_forward", "1\n");
	put(t, "net/ipv6/conf/all/forwarding", "1\n");
	collect(t);
	assert_false(t->list.off);
	(void)find(t, "net/ipv4/conf/eth0.7/forwarding", "1");
	(void)find(t, "net/ipv6/conf/eth0.7/forwarding", "1");
}

static void
nothing_changes_where_all_is_as_wanted(void **state)
{
	struct tree *t = *state;

	put(t, "net/ipv4/ip_forward", "1\n");
	put(t, "net/ipv4/conf/eth0.7/forwarding", "1\n");
	put(t, "net/ipv6/conf/all/forwarding", "1\n");
	put(t, "net/ipv6/conf/eth0.7/forwarding", "1\n");
	t->in.bridge = NULL;
	collect(t);
	assert_int_equal(t->list.n, 0);
}

static void
a_host_that_forwards_but_not_from_the_outside(void **state)
{
	struct tree *t = *state;

	put(t, "net/ipv4/ip_forward", "1\n");
	t->in.v6 = false;
	t->in.bridge = NULL;
	collect(t);
	assert_int_equal(t->list.n, 1);
	assert_string_equal(t->list.v[0].name, "net/ipv4/conf/eth0.7/forwarding");
	assert_true(t->list.v[0].record);
}

static void
a_bridge_of_others_is_recorded_and_ours_is_not(void **state)
{
	struct tree *t = *state;

	put_iface(t, "br0");
	collect(t);
	assert_false(t->list.v[find(t, "net/ipv6/conf/br0/accept_ra", "0")].record);
	t->in.bridge_ours = false;
	collect(t);
	assert_true(t->list.v[find(t, "net/ipv6/conf/br0/accept_ra", "0")].record);
}

static void
writing_sets_values_and_skips_what_is_gone(void **state)
{
	struct tree *t = *state;
	struct err e;

	collect(t); /* holds entries of br0, which does not exist */
	assert_int_equal(sysctl_write(t->root, &t->list, &e), 0);
	assert_value(t, "net/ipv4/ip_forward", "1\n");
	assert_value(t, "net/ipv6/conf/all/forwarding", "1\n");
	assert_value(t, "net/ipv6/conf/eth0.7/accept_ra", "2\n");
	assert_value(t, "net/ipv6/conf/lan0/forwarding", "0\n");
}

static void
a_host_without_ipv6_is_told_so_only_when_it_matters(void **state)
{
	struct tree *t = *state;
	char path[PATH_TEXT_MAX];
	struct err e;

	snprintf(path, sizeof(path), "%s/net/ipv6", t->root);
	assert_int_equal(nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
	assert_int_equal(sysctl_collect(&t->in, &t->list, &e), -1);
	assert_non_null(strstr(e.msg, "IPv6"));
	t->in.v6 = false;
	collect(t);
}

static void
restoring_takes_only_names_below_net(void **state)
{
	static const char *const bad[] = {
		"kernel/panic", "net/../kernel/panic", "", "net", "/net/ipv4/ip_forward"};
	struct tree *t = *state;
	struct err e;

	put(t, "kernel/panic", "0\n");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(
			sysctl_restore(t->root, slice_str(bad[i]), SLICE_LIT("1"), &e), -1);
	assert_value(t, "kernel/panic", "0\n");
	put(t, "net/ipv4/ip_forward", "1\n");
	assert_int_equal(
		sysctl_restore(t->root, SLICE_LIT("net/ipv4/ip_forward"), SLICE_LIT("0"), &e), 0);
	assert_value(t, "net/ipv4/ip_forward", "0\n");
	assert_int_equal(sysctl_restore(t->root, SLICE_LIT("net/ipv4/conf/gone/forwarding"),
				 SLICE_LIT("0"), &e),
		0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(advertisements_are_kept_before_forwarding_begins),
		TEST(an_outside_that_ignores_advertisements_goes_on_doing_so),
		TEST(what_forwarded_before_is_recorded_first),
		TEST(forwarding_that_was_switched_off_is_left_to_the_next_generation),
		TEST(nothing_changes_where_all_is_as_wanted),
		TEST(a_host_that_forwards_but_not_from_the_outside),
		TEST(a_bridge_of_others_is_recorded_and_ours_is_not),
		TEST(writing_sets_values_and_skips_what_is_gone),
		TEST(a_host_without_ipv6_is_told_so_only_when_it_matters),
		TEST(restoring_takes_only_names_below_net),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
