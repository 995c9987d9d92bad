/* Both cgroup layouts and their mixture: from mountinfo to a container's files, on fixture trees.
 */
#include "lxc/cgroup.h"

#include "core/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define V1_CGROUP                                                                                  \
	SLICE_LIT("9:name=systemd:/lxc.payload.web/init.scope\n5:memory:/lxc.payload.web\n"        \
		  "4:cpuset:/lxc.payload.web-1/deep\n3:cpu,cpuacct:/lxc.payload.web\n0::/\n")
#define V2_CGROUP SLICE_LIT("0::/lxc.payload.web/init.scope\n")

static struct cgroup_layout layout;

static void
read_layout(const char *mountinfo)
{
	cgroup_layout_parse(slice_str(mountinfo), &layout);
}

static const char v1[] =
	"22 1 0:20 / /proc rw - proc proc rw\n"
	"30 25 0:26 / /sys/fs/cgroup ro - tmpfs tmpfs ro,mode=755\n"
	"31 30 0:27 / /sys/fs/cgroup/unified rw,nosuid shared:9 - cgroup2 cgroup2 rw\n"
	"33 30 0:29 / /sys/fs/cgroup/memory rw shared:11 - cgroup cgroup rw,memory\n"
	"34 30 0:30 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset,clone_children\n"
	"35 30 0:31 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
	"36 30 0:29 / /mnt/again rw - cgroup cgroup rw,memory\n";

static void
a_v1_layout_is_understood(void **state)
{
	char path[PATH_MAX];

	(void)state;
	read_layout(v1);
	assert_int_equal(layout.n, 4);
	assert_false(cgroup_find(&layout, "memory")->v2);
	assert_string_equal(cgroup_find(&layout, "memory")->path, "/sys/fs/cgroup/memory");
	assert_string_equal(cgroup_find(&layout, "cpuacct")->path, "/sys/fs/cgroup/cpu,cpuacct");
	assert_int_equal(cgroup_path(cgroup_find(&layout, "memory"), V1_CGROUP, path), 0);
	assert_string_equal(path, "/sys/fs/cgroup/memory/lxc.payload.web");
	assert_int_equal(cgroup_path(cgroup_find(&layout, "cpuset"), V1_CGROUP, path), 0);
	assert_string_equal(path, "/sys/fs/cgroup/cpuset/lxc.payload.web-1");
	assert_int_equal(cgroup_path(cgroup_find(&layout, "cpu"), V1_CGROUP, path), 0);
	assert_string_equal(path, "/sys/fs/cgroup/cpu,cpuacct/lxc.payload.web");
}

static void
pid_1_in_its_scope_means_the_root(void **state)
{
	char path[PATH_MAX];

	(void)state;
	read_layout("29 25 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
	assert_int_equal(
		cgroup_path(cgroup_find(&layout, "freezer"), SLICE_LIT("0::/init.scope\n"), path),
		0);
	assert_string_equal(path, "/sys/fs/cgroup");
	assert_int_equal(
		cgroup_path(cgroup_find(&layout, "freezer"), SLICE_LIT("0::/\n"), path), 0);
	assert_string_equal(path, "/sys/fs/cgroup");
	assert_int_equal(
		cgroup_path(cgroup_find(&layout, "freezer"), SLICE_LIT("1:memory:/\n"), path), -1);
}

static void
payload_folders_have_names(void **state)
{
	(void)state;
	assert_true(slice_eq_str(cgroup_payload_name(SLICE_LIT("lxc.payload.web")), "web"));
	assert_true(slice_eq_str(cgroup_payload_name(SLICE_LIT("lxc.payload.a.b-1")), "a.b-1"));
	assert_int_equal(cgroup_payload_name(SLICE_LIT("lxc.monitor.web")).n, 0);
	assert_int_equal(cgroup_payload_name(SLICE_LIT("system.slice")).n, 0);
}

struct tree {
	char root[64];
	char mountinfo[256];
};

static void
put(const struct tree *t, const char *path, const char *text)
{
	char full[PATH_MAX], *slash;

	snprintf(full, sizeof(full), "%s/%s", t->root, path);
	slash = strrchr(full, '/');
	*slash = '\0';
	assert_int_equal(file_mkdirs(full, 0755, NULL), 0);
	*slash = '/';
	assert_int_equal(file_write_atomic(full, slice_str(text), 0644, NULL), 0);
}

static int
make_v2(void **state)
{
	struct tree *t = calloc(1, sizeof(*t));

	snprintf(t->root, sizeof(t->root), "/tmp/sluice-cgroup-XXXXXX");
	if (!mkdtemp(t->root))
		return -1;
	snprintf(t->mountinfo, sizeof(t->mountinfo),
		"29 25 0:26 / %s rw,nosuid,nodev shared:4 - cgroup2 cgroup2 rw,nsdelegate\n",
		t->root);
	put(t, "cgroup.controllers", "cpu io memory pids\n");
	put(t, "lxc.payload.web/memory.max", "67108864\n");
	put(t, "lxc.payload.web/cgroup.events", "populated 1\nfrozen 1\n");
	*state = t;
	return 0;
}

static int
remove_tree(void **state)
{
	struct tree *t = *state;
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", t->root);
	free(t);
	return system(command); /* NOLINT(cert-env33-c) */
}

static void
files_of_v2_are_read_and_written(void **state)
{
	const struct tree *t = *state;
	struct buf out;

	read_layout(t->mountinfo);
	buf_init(&out, CGROUP_VALUE_MAX);
	assert_int_equal(cgroup_read(&layout, V2_CGROUP, "memory", "memory.max", &out, NULL), 0);
	assert_true(slice_eq_str(buf_slice(&out), "67108864\n"));
	buf_reset(&out);
	assert_int_equal(
		cgroup_write(&layout, V2_CGROUP, "memory", "memory.max", "99999999\n", NULL), 0);
	assert_int_equal(cgroup_read(&layout, V2_CGROUP, "memory", "memory.max", &out, NULL), 0);
	assert_true(slice_eq_str(buf_slice(&out), "99999999\n"));
	buf_reset(&out);
	assert_int_equal(
		cgroup_read(&layout, V2_CGROUP, "freezer", "cgroup.events", &out, NULL), 0);
	assert_int_equal(
		cgroup_read(&layout, V2_CGROUP, "memory", "memory.nosuch", &out, NULL), -1);
	buf_clear(&out);
}

static void
what_v2_does_not_offer_is_not_there(void **state)
{
	const struct tree *t = *state;
	struct buf out;

	read_layout(t->mountinfo);
	buf_init(&out, CGROUP_VALUE_MAX);
	assert_null(cgroup_find(&layout, "cpuset"));
	assert_non_null(cgroup_find(&layout, "memory"));
	assert_false(cgroup_has(&layout, "cpuset", "cpuset.cpus"));
	/* A kernel that does not account for swap. */
	assert_true(cgroup_has(&layout, "memory", "memory.max"));
	assert_false(cgroup_has(&layout, "memory", "memory.swap.max"));
	put(t, "lxc.payload.web/memory.swap.max", "0\n");
	assert_true(cgroup_has(&layout, "memory", "memory.swap.max"));
	assert_int_equal(cgroup_read(&layout, V2_CGROUP, "cpuset", "cpuset.cpus", &out, NULL), -1);
	buf_clear(&out);
}

static void
a_host_without_cgroups_has_none(void **state)
{
	(void)state;
	read_layout("22 1 0:20 / /proc rw - proc proc rw\nbroken\n\n");
	assert_int_equal(layout.n, 0);
	assert_null(cgroup_find(&layout, "memory"));
	assert_false(cgroup_has(&layout, "memory", "memory.max"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_v1_layout_is_understood),
		cmocka_unit_test(pid_1_in_its_scope_means_the_root),
		cmocka_unit_test(payload_folders_have_names),
		cmocka_unit_test_setup_teardown(
			files_of_v2_are_read_and_written, make_v2, remove_tree),
		cmocka_unit_test_setup_teardown(
			what_v2_does_not_offer_is_not_there, make_v2, remove_tree),
		cmocka_unit_test(a_host_without_cgroups_has_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
