/* daemon/dnsmasq_text.c: the texts, whole. */
#include "tests/unit/daemon/unit.h"

#include "daemon/dnsmasq_text.h"

static const struct dnsmasq_paths paths = {.hosts = "/run/sluice/dnsmasq.hosts",
	.names = "/run/sluice/dnsmasq.names",
	.leases = "/var/lib/sluice/dnsmasq.leases",
	.user = "dnsmasq",
	.group = "nogroup"};

static struct conf_bridge
bridge(const char *v6)
{
	struct conf_bridge b = {.name = "lxcbr0"};

	assert_int_equal(prefix_parse(SLICE_LIT("10.0.3.1/24"), &b.v4), 0);
	if (v6)
		assert_int_equal(prefix_parse(slice_str(v6), &b.v6), 0);
	return b;
}

static void
expect_in(const char *text, const char *line)
{
	if (!strstr(text, line))
		fail_msg("\"%s\" is not in:\n%s", line, text);
}

static void
the_configuration_of_a_bridge(void **state)
{
	struct conf_bridge b = bridge(NULL);
	char text[4096];
	struct buf out;

	(void)state;
	buf_init(&out, sizeof(text) - 1);
	assert_int_equal(dnsmasq_print_config(&b, &paths, &out), 0);
	unit_text(&out, text, sizeof(text));
	expect_in(text, "\ninterface=lxcbr0\n");
	expect_in(text, "\nbind-dynamic\n");
	expect_in(text, "\ndhcp-range=10.0.3.0,static,255.255.255.0,infinite\n");
	expect_in(text, "\ndhcp-option=option:router,10.0.3.1\n");
	expect_in(text, "\ndhcp-option=option:dns-server,10.0.3.1\n");
	expect_in(text, "\ndhcp-hostsfile=/run/sluice/dnsmasq.hosts\n");
	expect_in(text, "\naddn-hosts=/run/sluice/dnsmasq.names\n");
	expect_in(text, "\ndomain=lxc\nlocal=/lxc/\n");
	expect_in(text, "\nuser=dnsmasq\n");
	assert_null(strstr(text, "enable-ra"));
	buf_clear(&out);
}

static void
a_second_prefix_is_advertised(void **state)
{
	struct conf_bridge b = bridge("fd00:3::1/64");
	char text[4096];
	struct buf out;

	(void)state;
	buf_init(&out, sizeof(text) - 1);
	assert_int_equal(dnsmasq_print_config(&b, &paths, &out), 0);
	unit_text(&out, text, sizeof(text));
	expect_in(text, "\nenable-ra\n");
	expect_in(text, "\ndhcp-range=fd00:3::,static,64,infinite\n");
	expect_in(text, "\ndhcp-option=option6:dns-server,[fd00:3::1]\n");
	buf_clear(&out);
}

static void
expect_host(struct dnsmasq_host h, const char *line)
{
	struct buf out;

	buf_init(&out, 1024);
	assert_int_equal(dnsmasq_print_host(&h, &out), 0);
	assert_true(slice_eq_str(buf_slice(&out), line));
	buf_clear(&out);
}

static void
hosts(void **state)
{
	struct dnsmasq_host h = {.name = SLICE_LIT("jenkins"),
		.mac = SLICE_LIT("00:16:3e:01:02:03"),
		.address = SLICE_LIT("10.0.3.101")};

	(void)state;
	expect_host(h, "00:16:3e:01:02:03,10.0.3.101,jenkins,infinite\n");
	h.address6 = SLICE_LIT("fd00:3::101");
	expect_host(h, "00:16:3e:01:02:03,10.0.3.101,[fd00:3::101],jenkins,infinite\n");
	h.address = SLICE_LIT("");
	expect_host(h, "00:16:3e:01:02:03,[fd00:3::101],jenkins,infinite\n");
}

static void
expect_names(const char *line, const char *names)
{
	struct buf out;

	buf_init(&out, 1024);
	assert_int_equal(dnsmasq_print_names(slice_str(line), &out), 0);
	assert_true(slice_eq_str(buf_slice(&out), names));
	buf_clear(&out);
}

static void
names_of_hosts(void **state)
{
	(void)state;
	expect_names("00:16:3e:01:02:03,10.0.3.101,jenkins,infinite\n",
		"10.0.3.101 jenkins.lxc jenkins\n");
	expect_names("00:16:3e:01:02:03,10.0.3.101,[fd00:3::101],a.b-c,infinite\n",
		"10.0.3.101 a.b-c.lxc a.b-c\nfd00:3::101 a.b-c.lxc a.b-c\n");
	expect_names("00:16:3e:01:02:03,[fd00:3::101],jenkins,infinite\n",
		"fd00:3::101 jenkins.lxc jenkins\n");
	expect_names("", "");
}

/* Those of addresses that have another owner go; those of nobody's stay. */
static void
leases_that_contradict_the_hosts(void **state)
{
	static const char hosts_text[] =
		"00:16:3e:00:00:01,10.0.3.101,[fd00:3::101],two,infinite\n"
		"00:16:3e:00:00:02,10.0.3.10,[fd00:3::10],three,infinite\n";
	static const char leases[] = "0 00:16:3e:00:00:09 10.0.3.101 one *\n"
				     "0 00:16:3e:00:00:02 10.0.3.10 three ff:00\n"
				     "0 00:16:3e:00:00:09 10.0.3.1 gone *\n"
				     "duid 00:01:00:01\n"
				     "0 5 fd00:3::101 one 00:02\n"
				     "0 6 fd00:3::10 three 00:03\n"
				     "0 7 fd00:3::1 gone 00:04\nx\n";
	size_t dropped;
	struct buf out;

	(void)state;
	buf_init(&out, 1024);
	assert_int_equal(
		dnsmasq_print_leases(slice_str(leases), slice_str(hosts_text), &out, &dropped), 0);
	assert_int_equal(dropped, 2);
	assert_true(slice_eq_str(buf_slice(&out),
		"0 00:16:3e:00:00:02 10.0.3.10 three ff:00\n"
		"0 00:16:3e:00:00:09 10.0.3.1 gone *\nduid 00:01:00:01\n"
		"0 6 fd00:3::10 three 00:03\n0 7 fd00:3::1 gone 00:04\nx\n"));
	buf_clear(&out);
}

static void
a_host_that_is_not_whole_gives_no_line(void **state)
{
	struct dnsmasq_host h = {.name = SLICE_LIT("a"), .mac = SLICE_LIT("00:16:3e:01:02:03")};

	(void)state;
	expect_host(h, "");
	h.address = SLICE_LIT("10.0.3.101");
	h.mac = SLICE_LIT("");
	expect_host(h, "");
}

static void
a_name_can_not_add_a_field_or_a_line(void **state)
{
	struct dnsmasq_host h = {.name = SLICE_LIT("a,set:x"),
		.mac = SLICE_LIT("00:16:3e:01:02:03"),
		.address = SLICE_LIT("10.0.3.101")};

	(void)state;
	expect_host(h, "");
	h.name = SLICE_LIT("a\n00:00:00:00:00:00,10.0.3.1,b");
	expect_host(h, "");
	h.name = SLICE_LIT("a");
	h.address = SLICE_LIT("10.0.3.101\n");
	expect_host(h, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_configuration_of_a_bridge),
		cmocka_unit_test(a_second_prefix_is_advertised),
		cmocka_unit_test(hosts),
		cmocka_unit_test(names_of_hosts),
		cmocka_unit_test(leases_that_contradict_the_hosts),
		cmocka_unit_test(a_host_that_is_not_whole_gives_no_line),
		cmocka_unit_test(a_name_can_not_add_a_field_or_a_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
