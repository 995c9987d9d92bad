/* Shifting and removing trees: ids, capabilities and access lists; real files where root may. */
#include "lxc/tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cmocka.h>

#define START 1048576u

static void
an_id_is_shifted_once(void **state)
{
	(void)state;
	assert_int_equal(tree_shift_id(0, START), START);
	assert_int_equal(tree_shift_id(65535, START), START + 65535);
	assert_int_equal(tree_shift_id(START, START), START);
	assert_int_equal(tree_shift_id(START + 65535, START), START + 65535);
	/* What no range of the image explains becomes nobody. */
	assert_int_equal(tree_shift_id(70000, START), START + 65534);
}

static void
capabilities_become_those_of_the_namespace(void **state)
{
	static const unsigned char v2[20] = {1, 0, 0, 2, 0, 4, 0, 0};
	unsigned char v3[24], again[24];

	(void)state;
	assert_int_equal(tree_shift_capability(v2, sizeof(v2), START, v3), 24);
	assert_int_equal(v3[0], 1); /* the effective bit */
	assert_int_equal(v3[3], 3); /* the version */
	assert_int_equal(v3[5], 4);
	assert_int_equal(v3[20] | v3[21] << 8 | v3[22] << 16, START);
	assert_int_equal(tree_shift_capability(v3, sizeof(v3), START, again), 24);
	assert_memory_equal(v3, again, 24);
	assert_int_equal(tree_shift_capability(v2, 19, START, v3), 0);
	assert_int_equal(
		tree_shift_capability((const unsigned char *)"xxxxxxxxxxxxxxxxxxxx", 20, START, v3),
		0);
}

static void
named_users_and_groups_of_access_lists_are_shifted(void **state)
{
	unsigned char acl[] = {2, 0, 0, 0,      /* version */
		1, 0, 7, 0, 255, 255, 255, 255, /* the owner */
		2, 0, 5, 0, 232, 3, 0, 0,       /* user 1000 */
		8, 0, 5, 0, 4, 0, 0, 0};        /* group 4 */

	(void)state;
	assert_int_equal(tree_shift_acl(acl, sizeof(acl), START), 0);
	assert_int_equal(acl[8], 255);
	assert_int_equal(acl[16] | acl[17] << 8 | acl[18] << 16, START + 1000);
	assert_int_equal(acl[24] | acl[26] << 16, 4 | 0x10 << 16);
	assert_int_equal(tree_shift_acl(acl, sizeof(acl) - 1, START), -1);
	acl[0] = 3;
	assert_int_equal(tree_shift_acl(acl, sizeof(acl), START), -1);
}

static char folder[64];

static const char *
in(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void
touch(const char *name, mode_t mode)
{
	int fd = open(in(name), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static int
make_tree(void **state)
{
	static const unsigned char capability[20] = {1, 0, 0, 2, 0, 4, 0, 0};

	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/sluice-tree-XXXXXX");
	if (!mkdtemp(folder) || mkdir(in("sub"), 0755) < 0)
		return -1;
	touch("plain", 0644);
	touch("sub/setuid", 04755);
	touch("sub/capable", 0755);
	if (geteuid() == 0)
		(void)setxattr(in("sub/capable"), "security.capability", capability, 20, 0);
	return symlink("/etc/passwd", in("sub/link")) < 0 || link(folder, "/nosuch") == 0 ? -1 : 0;
}

static void
a_tree_is_shifted_with_what_chown_takes_away(void **state)
{
	unsigned char value[24];
	struct stat st, target;
	struct err e;
	char hard[128];

	(void)state;
	if (geteuid() != 0)
		skip();
	snprintf(hard, sizeof(hard), "%s/sub/again", folder);
	assert_int_equal(link(in("plain"), hard), 0);
	assert_int_equal(stat("/etc/passwd", &target), 0);
	assert_int_equal(tree_shift(folder, START, &e), 0);
	assert_int_equal(tree_shift(folder, START, &e), 0);
	assert_int_equal(stat(in("plain"), &st), 0);
	assert_int_equal(st.st_uid, START);
	assert_int_equal(stat(in("sub/setuid"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 04755);
	assert_int_equal(st.st_gid, START);
	assert_int_equal(lstat(in("sub/link"), &st), 0);
	assert_int_equal(st.st_uid, START);
	assert_int_equal(
		getxattr(in("sub/capable"), "security.capability", value, sizeof(value)), 24);
	/* Never through the link. */
	assert_int_equal(stat("/etc/passwd", &st), 0);
	assert_int_equal(st.st_uid, target.st_uid);
}

static void
a_tree_is_removed_whole_and_a_missing_one_is_no_error(void **state)
{
	struct err e;

	(void)state;
	assert_int_equal(tree_remove(folder, &e), 0);
	assert_int_equal(access(folder, F_OK), -1);
	assert_int_equal(access("/etc/passwd", F_OK), 0);
	assert_int_equal(tree_remove(folder, &e), 0);
}

static int
remove_left(void **state)
{
	struct err e;

	(void)state;
	return tree_remove(folder, &e);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_id_is_shifted_once),
		cmocka_unit_test(capabilities_become_those_of_the_namespace),
		cmocka_unit_test(named_users_and_groups_of_access_lists_are_shifted),
		cmocka_unit_test_setup_teardown(
			a_tree_is_shifted_with_what_chown_takes_away, make_tree, remove_left),
		cmocka_unit_test_setup_teardown(
			a_tree_is_removed_whole_and_a_missing_one_is_no_error, make_tree,
			remove_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
