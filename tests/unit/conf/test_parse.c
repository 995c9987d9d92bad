/* conf/parse.c, those of conf/set/, conf/check.c: what the words of the language become. The errors
 * are the golden tests' matter; here are the values, inheritance, includes and sizes. */
#include "tests/unit/conf/unit.h"

#include "conf/lex.h"

#include <time.h>

static void
listeners_of_every_form(void **state)
{
	struct conf *c = unit_parse("listen 80\nlisten 443 tls\nlisten [::1]:8080 plain\n"
				    "listen 192.0.2.1:81 plain\ncertificate default /c /k\n");
	char text[ADDR_TEXT_MAX];

	(void)state;
	assert_int_equal(c->n_listens, 4);
	assert_int_equal(c->listens[0].addr.family, 0);
	assert_int_equal(c->listens[0].port, 80);
	assert_int_equal(c->listens[0].mode, CONF_LISTEN_REDIRECT);
	assert_int_equal(c->listens[1].mode, CONF_LISTEN_TLS);
	assert_int_equal(c->listens[2].mode, CONF_LISTEN_PLAIN);
	assert_string_equal(addr_print(&c->listens[2].addr, text), "::1");
	assert_int_equal(c->listens[3].port, 81);
	conf_unref(&c);
}

static void
site_names_are_lower_case_and_refer_to_certificates(void **state)
{
	struct conf *c = unit_parse("listen 443 tls\n"
				    "site WWW.Example.org *.Example.ORG { certificate two }\n"
				    "site b { route / -> status 204 }\n"
				    "certificate default /c /k\ncertificate two /c /k\n");

	(void)state;
	assert_int_equal(c->sites[0].n_hosts, 2);
	assert_string_equal(c->sites[0].hosts[0], "www.example.org");
	assert_string_equal(c->sites[0].hosts[1], "*.example.org");
	assert_string_equal(c->sites[0].certificate_name, "two");
	assert_int_equal(c->sites[0].certificate, 1);
	assert_null(c->sites[1].certificate_name);
	assert_int_equal(c->sites[1].certificate, 0);
	assert_int_equal(conf_find_certificate(c, SLICE_LIT("two")), 1);
	assert_int_equal(conf_find_certificate(c, SLICE_LIT("three")), -1);
	conf_unref(&c);
}

static void
a_site_without_any_certificate_has_none(void **state)
{
	struct conf *c = unit_parse("listen 80 plain\nsite * -> status 421\n");

	(void)state;
	assert_int_equal(c->sites[0].certificate, -1);
	assert_true(c->sites[0].short_form);
	assert_string_equal(c->sites[0].routes[0].path, "/");
	assert_int_equal(c->sites[0].routes[0].target.code, 421);
	assert_int_equal(c->sites[0].routes[0].ordinal, c->sites[0].ordinal);
	conf_unref(&c);
}

static const char every_target[] =
	"listen 80 plain\nbridge br0 10.0.3.1/24\n"
	"site a {\n"
	"route /j/ -> jenkins:8080/jenkins/\n"
	"route /w -> wiki:80\n"
	"route /h -> http://back.example:81/x\n"
	"route /6 -> http://[2001:db8::1]\n"
	"route /d -> dir \"/srv/my files\"\n"
	"route = /old -> redirect 308 https://example.org/new?a=b\n"
	"route /s -> status 503\n"
	"}\n"
	"container wiki { address 10.0.3.5 }\ncontainer jenkins { address 10.0.3.4 }\n";

static void
containers_are_found_wherever_they_stand(void **state)
{
	struct conf *c = unit_parse(every_target);
	const struct conf_route *r = c->sites[0].routes;

	(void)state;
	assert_int_equal(r[0].target.type, CONF_TARGET_CONTAINER);
	assert_string_equal(r[0].target.host, "jenkins");
	assert_int_equal(r[0].target.container, 1);
	assert_int_equal(r[0].target.port, 8080);
	assert_string_equal(r[0].target.path, "/jenkins/");
	assert_int_equal(r[1].target.container, 0);
	assert_null(r[1].target.path);
	assert_int_equal(conf_find_container(c, SLICE_LIT("jenkins")), 1);
	assert_int_equal(conf_find_container(c, SLICE_LIT("jenkin")), -1);
	conf_unref(&c);
}

static void
targets_that_are_no_container(void **state)
{
	struct conf *c = unit_parse(every_target);
	const struct conf_route *r = c->sites[0].routes;

	(void)state;
	assert_int_equal(r[2].target.type, CONF_TARGET_HTTP);
	assert_string_equal(r[2].target.host, "back.example");
	assert_int_equal(r[2].target.port, 81);
	assert_string_equal(r[2].target.path, "/x");
	assert_string_equal(r[3].target.host, "2001:db8::1");
	assert_int_equal(r[3].target.port, 80);
	assert_int_equal(r[4].target.type, CONF_TARGET_DIR);
	assert_string_equal(r[4].target.path, "/srv/my files");
	assert_int_equal(r[5].target.type, CONF_TARGET_REDIRECT);
	assert_true(r[5].exact);
	assert_int_equal(r[5].target.code, 308);
	assert_string_equal(r[5].target.path, "https://example.org/new?a=b");
	assert_int_equal(r[6].target.type, CONF_TARGET_STATUS);
	assert_false(r[6].exact);
	conf_unref(&c);
}

static void
buffers_are_inherited_directive_by_directive(void **state)
{
	struct conf *c = unit_parse(
		"listen 80 plain\nbuffers 4 32K busy 64K file 1G\nrequest-buffering on spill 3G\n"
		"site a { body-buffer 8K ; route / -> status 200 ; "
		"route /x -> status 200 { request-buffering on ; buffers 2 1K } ; "
		"route /y -> status 200 { body-buffer off } }\n"
		"site b { route / -> status 200 ; route /x -> status 200 { request-buffering off } "
		"}");
	const struct conf_route *a = c->sites[0].routes, *b = c->sites[1].routes;

	(void)state;
	assert_int_equal(conf_bodies_request_memory(&a[0].bodies), 8192);
	assert_int_equal(a[0].bodies.spill, UINT64_C(3) << 30);
	assert_int_equal(conf_bodies_answer_memory(&a[0].bodies), 65536);
	assert_int_equal(a[1].bodies.spill, UINT64_C(1) << 30);
	assert_int_equal(conf_bodies_answer_memory(&a[1].bodies), 2048);
	assert_int_equal(a[1].bodies.file, 0);
	assert_true(a[2].bodies.whole);
	assert_int_equal(conf_bodies_request_memory(&a[2].bodies), 0);
	assert_int_equal(conf_bodies_request_memory(&b[0].bodies), 65536);
	assert_int_equal(conf_bodies_request_memory(&b[1].bodies), 0);
	conf_unref(&c);
}

static void
protocols_are_those_of_the_innermost_list(void **state)
{
	struct conf *c =
		unit_parse("listen 80 plain\n"
			   "site a { route / -> http://b ; route /o -> http://b { upgrade off }\n"
			   " route /i -> http://b { upgrade IRC/6.9 } }\n"
			   "site b { upgrade off ; route / -> http://b }\n"
			   "site c { upgrade irc ; route / -> http://b }\nupgrade tcp SPDY/3.1\n");
	const struct conf_route *a = c->sites[0].routes;

	(void)state;
	assert_string_equal(conf_upgrade_find(&a[0].upgrade, SLICE_LIT("TCP")), "tcp");
	assert_string_equal(conf_upgrade_find(&a[0].upgrade, SLICE_LIT("spdy/3.1")), "SPDY/3.1");
	assert_null(conf_upgrade_find(&a[0].upgrade, SLICE_LIT("SPDY/3")));
	assert_null(conf_upgrade_find(&a[0].upgrade, SLICE_LIT("")));
	assert_null(conf_upgrade_find(&a[1].upgrade, SLICE_LIT("tcp")));
	assert_string_equal(conf_upgrade_find(&a[2].upgrade, SLICE_LIT("irc/6.9")), "IRC/6.9");
	assert_null(conf_upgrade_find(&a[2].upgrade, SLICE_LIT("tcp")));
	assert_null(conf_upgrade_find(&c->sites[1].routes[0].upgrade, SLICE_LIT("tcp")));
	assert_non_null(conf_upgrade_find(&c->sites[2].routes[0].upgrade, SLICE_LIT("irc")));
	conf_unref(&c);
}

static void
limits_are_inherited_wherever_they_stand(void **state)
{
	struct conf *c = unit_parse("site a {\n route /1 -> status 200 { timeout read 1s }\n"
				    " route /2 -> status 200 { body-limit off }\n"
				    " body-limit 2K\n timeout send 2s\n}\n"
				    "timeout read 3s idle 4m\ntimeout send 5h\nbody-limit 1M\n"
				    "listen 80 plain\n");
	const struct conf_limits *one = &c->sites[0].routes[0].limits;
	const struct conf_limits *two = &c->sites[0].routes[1].limits;

	(void)state;
	assert_int_equal(one->timeout_ms[CONF_TIMEOUT_CONNECT], 30000);
	assert_int_equal(one->timeout_ms[CONF_TIMEOUT_READ], 1000);
	assert_int_equal(one->timeout_ms[CONF_TIMEOUT_SEND], 2000);
	assert_int_equal(one->timeout_ms[CONF_TIMEOUT_IDLE], 240000);
	assert_int_equal(one->body_limit, 2048);
	assert_false(one->body_limit_written);
	assert_true(one->timeout_written[CONF_TIMEOUT_READ]);
	assert_false(one->timeout_written[CONF_TIMEOUT_SEND]);
	assert_int_equal(two->timeout_ms[CONF_TIMEOUT_READ], 3000);
	assert_int_equal(two->body_limit, 0);
	assert_true(two->body_limit_written);
	assert_int_equal(c->limits.timeout_ms[CONF_TIMEOUT_SEND], 5 * 3600 * 1000);
	assert_int_equal(c->limits.body_limit, 1 << 20);
	conf_unref(&c);
}

static void
defaults(void **state)
{
	struct conf *c = unit_parse("listen 80 plain\ncontainer x\n");

	(void)state;
	assert_null(c->wan);
	assert_null(c->bridge);
	assert_string_equal(c->control_path, CONF_DEFAULT_CONTROL);
	assert_null(c->control_group);
	assert_string_equal(c->state_path, CONF_DEFAULT_STATE);
	assert_string_equal(c->lxc_path, CONF_DEFAULT_LXC_PATH);
	assert_int_equal(c->control_ordinal + c->state_ordinal + c->lxc_path_ordinal, 0);
	assert_int_equal(c->threads, 0);
	assert_null(c->access_log);
	assert_int_equal(c->log_level, LOG_LEVEL_INFO);
	assert_int_equal(c->log_format, LOG_FORMAT_TEXT);
	assert_int_equal(c->limits.timeout_ms[CONF_TIMEOUT_CONNECT], 30000);
	assert_int_equal(c->limits.timeout_ms[CONF_TIMEOUT_READ], 60000);
	assert_int_equal(c->limits.timeout_ms[CONF_TIMEOUT_SEND], 60000);
	assert_int_equal(c->limits.timeout_ms[CONF_TIMEOUT_IDLE], 60000);
	assert_int_equal(c->limits.body_limit, 0);
	assert_int_equal(c->containers[0].stop_timeout_ms, 10000);
	assert_false(c->containers[0].autostart);
	assert_false(c->containers[0].privileged);
	conf_unref(&c);
}

static void
container_with_everything(void **state)
{
	struct conf *c = unit_parse("listen 80 plain\nbridge br0 10.0.3.1/24 fd00:3::1/64\n"
				    "container j {\n image template download -- --dist \"a b\"\n"
				    " address 10.0.3.101 fd00:3::65\n memory 750M swap 250M\n"
				    " cpus 0,2-3\n autostart delay 10s order 3\n"
				    " mount /srv/j home/j rw\n mount /srv/k k\n privileged yes\n"
				    " stop-timeout 0s\n}\n");
	const struct conf_container *j = &c->containers[0];

	(void)state;
	assert_int_equal(j->image, CONF_IMAGE_TEMPLATE);
	assert_string_equal(j->image_name, "download");
	assert_int_equal(j->n_image_args, 3);
	assert_string_equal(j->image_args[2], "a b");
	assert_int_equal(j->address.family, AF_INET);
	assert_int_equal(j->address6.family, AF_INET6);
	assert_true(j->memory == (uint64_t)750 << 20);
	assert_true(j->swap == (uint64_t)250 << 20);
	assert_string_equal(j->cpus, "0,2-3");
	assert_true(j->autostart);
	assert_int_equal(j->autostart_order, 3);
	assert_int_equal(j->autostart_delay_ms, 10000);
	assert_int_equal(j->n_mounts, 2);
	assert_true(j->mounts[0].writable);
	assert_string_equal(j->mounts[0].target, "home/j");
	assert_false(j->mounts[1].writable);
	assert_true(j->privileged);
	assert_int_equal(j->stop_timeout_ms, 0);
	conf_unref(&c);
}

static void
images(void **state)
{
	struct conf *c = unit_parse("listen 80 plain\ncontainer a { image busybox }\n"
				    "container b { image debian/bookworm }\ncontainer c { }\n");

	(void)state;
	assert_int_equal(c->containers[0].image, CONF_IMAGE_BUSYBOX);
	assert_null(c->containers[0].image_name);
	assert_int_equal(c->containers[1].image, CONF_IMAGE_DIST);
	assert_string_equal(c->containers[1].image_name, "debian/bookworm");
	assert_int_equal(c->containers[2].image, CONF_IMAGE_NONE);
	assert_true(conf_needs_lxc(c));
	assert_false(conf_needs_router(c));
	conf_unref(&c);
}

static void
forwards_of_ports_and_ranges(void **state)
{
	struct conf *c = unit_parse("listen 80 plain\nbridge br0 10.0.3.1/24\n"
				    "container b { address 10.0.3.2 }\n"
				    "forward tcp 2222 -> b:22 from 198.51.100.0/24 2001:db8::1\n"
				    "forward udp 6000-6010 -> b:7000\n"
				    "forward tcp 6000-6010 -> b:6000-6010\n");
	const struct conf_forward *f = c->forwards;

	(void)state;
	assert_int_equal(f[0].proto, CONF_TCP);
	assert_int_equal(f[0].low, 2222);
	assert_int_equal(f[0].high, 2222);
	assert_int_equal(f[0].target_high, 22);
	assert_int_equal(f[0].n_from, 2);
	assert_int_equal(f[0].from[0].len, 24);
	assert_int_equal(f[0].from[1].len, 128);
	assert_int_equal(f[1].proto, CONF_UDP);
	assert_int_equal(f[1].target_low, 7000);
	assert_int_equal(f[1].target_high, 7010);
	assert_int_equal(f[2].target_high, 6010);
	assert_true(conf_needs_router(c));
	conf_unref(&c);
}

static void
words_of_the_daemon(void **state)
{
	struct conf *c = unit_parse("listen 80 plain\ncontrol /run/x.sock group adm\nstate /s\n"
				    "lxc-path /l\nthreads 3\nlog access /a json\nlog level debug\n"
				    "log format json\nwan eth0\n");

	(void)state;
	assert_string_equal(c->control_path, "/run/x.sock");
	assert_string_equal(c->control_group, "adm");
	assert_string_equal(c->state_path, "/s");
	assert_string_equal(c->lxc_path, "/l");
	assert_int_equal(c->threads, 3);
	assert_string_equal(c->access_log, "/a");
	assert_int_equal(c->access_format, CONF_ACCESS_JSON);
	assert_int_equal(c->log_level, LOG_LEVEL_DEBUG);
	assert_int_equal(c->log_format, LOG_FORMAT_JSON);
	assert_string_equal(c->wan, "eth0");
	assert_int_equal(c->n_ordinals, 9);
	conf_unref(&c);
}

/* ---- sizes ---- */

/* What a large file may cost. With ThreadSanitizer everything takes several times as long. */
#ifdef __SANITIZE_THREAD__
#define LARGE_MS 5000
#else
#define LARGE_MS 1000
#endif

static uint64_t
cpu_ms(void)
{
	struct timespec t;

	assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t), 0);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* A configuration of n sites, routes, containers and listeners each. */
static void
build_large(struct buf *text, unsigned n)
{
	assert_int_equal(buf_append_str(text, "bridge br0 10.0.0.1/8\nsite a {\n"), 0);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(buf_printf(text, "route /path/%u/ -> c%u:80\n", i, i), 0);
	assert_int_equal(buf_append_str(text, "}\n"), 0);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(
			buf_printf(text,
				"container c%u { address 10.%u.%u.9 }\n"
				"site h%u.example -> status 200\nlisten 127.0.%u.%u:80 plain\n"
				"forward udp %u -> c%u:80\n",
				i, 1 + i / 250, i % 250, i, i / 250, i % 250, 1000 + i, i),
			0);
}

static void
ten_thousand_of_everything_take_less_than_a_second(void **state)
{
	struct conf_errors errs;
	struct buf text;
	struct conf *c;
	uint64_t began;

	(void)state;
	buf_init(&text, UNIT_TEXT_MAX);
	build_large(&text, 10000);
	began = cpu_ms();
	c = unit_try_parse(buf_slice(&text), NULL, &errs);
	assert_true(cpu_ms() - began < LARGE_MS);
	assert_non_null(c);
	assert_int_equal(c->sites[0].n_routes, 10000);
	assert_int_equal(c->sites[0].routes[9999].target.container, 9999);
	conf_unref(&c);
	buf_clear(&text);
}

static void
ten_thousand_routes_to_nowhere_end_after_twenty_errors(void **state)
{
	struct conf_errors errs;
	struct buf text;
	uint64_t began;

	(void)state;
	buf_init(&text, UNIT_TEXT_MAX);
	assert_int_equal(buf_append_str(&text, "site a {\n"), 0);
	for (unsigned i = 0; i < 10000; i++)
		assert_int_equal(buf_printf(&text, "route /%u -> nobody%u:80\n", i, i), 0);
	assert_int_equal(buf_append_str(&text, "}\n"), 0);
	began = cpu_ms();
	assert_null(unit_try_parse(buf_slice(&text), NULL, &errs));
	assert_true(cpu_ms() - began < LARGE_MS);
	assert_int_equal(errs.n, CONF_ERRORS_MAX);
	assert_true(errs.too_many);
	buf_clear(&text);
}

static void
expect_large_error(struct buf *text, const char *part)
{
	uint64_t began = cpu_ms();
	struct conf_errors errs;

	assert_null(unit_try_parse(buf_slice(text), NULL, &errs));
	assert_true(cpu_ms() - began < LARGE_MS);
	assert_int_equal(errs.n, 1);
	assert_non_null(strstr(errs.errors[0].msg, part));
	buf_clear(text);
}

static void
a_line_of_a_megabyte(void **state)
{
	struct buf text;

	(void)state;
	buf_init(&text, UNIT_TEXT_MAX);
	assert_int_equal(buf_append_str(&text, "listen 80 plain\nsite"), 0);
	for (unsigned i = 0; i < 100000; i++)
		assert_int_equal(buf_printf(&text, " h%u.example", i), 0);
	expect_large_error(&text, "more than 4096 words");

	assert_int_equal(buf_append_str(&text, "listen 80 plain\nstate /"), 0);
	for (unsigned i = 0; i < 100000; i++)
		assert_int_equal(buf_append_str(&text, "0123456789"), 0);
	expect_large_error(&text, "more than 4096 bytes");

	assert_int_equal(buf_append_str(&text, "listen 80 plain ;"), 0);
	for (unsigned i = 0; i < 100000; i++)
		assert_int_equal(buf_append_str(&text, " ;       ;"), 0);
	assert_int_equal(buf_append_str(&text, "x"), 0);
	expect_large_error(&text, "unknown directive");
}

static void
a_configuration_beyond_the_maximum(void **state)
{
	struct buf text;

	(void)state;
	buf_init(&text, UNIT_TEXT_MAX);
	while (buf_len(&text) <= CONF_TEXT_MAX)
		assert_int_equal(buf_append_str(&text, "# 0123456789 0123456789 0123456789\n"), 0);
	expect_large_error(&text, "larger than 16 MiB");
}

/* ---- include ---- */

struct files {
	const char *name, *text;
};

static int
include_files(void *ctx, const char *from, const char *pattern, struct conf_included **ret,
	size_t *ret_n, struct err *e)
{
	size_t n = 0;

	(void)from;
	*ret = calloc(8, sizeof(**ret));
	assert_non_null(*ret);
	for (const struct files *f = ctx; f->name; f++)
		if (strcmp(f->name, pattern) == 0 || strcmp(pattern, "*") == 0)
			(*ret)[n++] = (struct conf_included){
				.name = strdup(f->name),
				.text = strdup(f->text),
				.size = strlen(f->text),
			};
	*ret_n = n;
	if (n || strcmp(pattern, "*") == 0)
		return 0;
	free(*ret);
	return err_set(e, "can't read \"%s\"", pattern);
}

static void
included_files_stand_in_the_place_of_the_include(void **state)
{
	struct files files[] = {
		{"a", "listen 1 plain\nlisten 2 plain\n"}, {"b", "listen 3 plain"}, {NULL, NULL}};
	struct conf_input in = {.name = "main", .include = include_files, .ctx = files};
	struct conf_places *places = NULL;
	struct conf_errors errs;
	struct conf *c = NULL;

	(void)state;
	in.text = SLICE_LIT("listen 4 plain\ninclude *\nlisten 5 plain\n");
	assert_int_equal(conf_parse(&in, &c, &places, &errs), 0);
	assert_int_equal(c->n_listens, 5);
	assert_int_equal(c->listens[1].port, 1);
	assert_int_equal(c->listens[4].port, 5);
	assert_int_equal(places->n_files, 3);
	assert_int_equal(places->n_places, c->n_ordinals);
	assert_string_equal(places->files[places->places[c->listens[3].ordinal - 1].file], "b");
	assert_int_equal(places->places[c->listens[2].ordinal - 1].line, 2);
	conf_places_free(&places);
	conf_unref(&c);
}

static void
too_many_included_files(void **state)
{
	struct files files[] = {{"a", "# nothing\n"}, {NULL, NULL}};
	struct conf_input in = {.name = "main", .include = include_files, .ctx = files};
	struct conf_errors errs;
	struct conf *c = NULL;
	struct buf text;

	(void)state;
	buf_init(&text, UNIT_TEXT_MAX);
	assert_int_equal(buf_append_str(&text, "listen 80 plain\n"), 0);
	for (unsigned i = 0; i <= CONF_INCLUDE_FILES_MAX; i++)
		assert_int_equal(buf_append_str(&text, "include a\n"), 0);
	in.text = buf_slice(&text);
	assert_int_equal(conf_parse(&in, &c, NULL, &errs), -1);
	assert_int_equal(errs.n, 1);
	assert_non_null(strstr(errs.errors[0].msg, "more than 256 files"));
	buf_clear(&text);
}

static void
without_a_callback_include_is_an_error(void **state)
{
	(void)state;
	unit_expect_error("listen 80 plain\ninclude x\n", 2, 9, "can't be used here");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(listeners_of_every_form),
		cmocka_unit_test(site_names_are_lower_case_and_refer_to_certificates),
		cmocka_unit_test(a_site_without_any_certificate_has_none),
		cmocka_unit_test(containers_are_found_wherever_they_stand),
		cmocka_unit_test(targets_that_are_no_container),
		cmocka_unit_test(buffers_are_inherited_directive_by_directive),
		cmocka_unit_test(protocols_are_those_of_the_innermost_list),
		cmocka_unit_test(limits_are_inherited_wherever_they_stand),
		cmocka_unit_test(defaults),
		cmocka_unit_test(container_with_everything),
		cmocka_unit_test(images),
		cmocka_unit_test(forwards_of_ports_and_ranges),
		cmocka_unit_test(words_of_the_daemon),
		cmocka_unit_test(ten_thousand_of_everything_take_less_than_a_second),
		cmocka_unit_test(ten_thousand_routes_to_nowhere_end_after_twenty_errors),
		cmocka_unit_test(a_line_of_a_megabyte),
		cmocka_unit_test(a_configuration_beyond_the_maximum),
		cmocka_unit_test(included_files_stand_in_the_place_of_the_include),
		cmocka_unit_test(too_many_included_files),
		cmocka_unit_test(without_a_callback_include_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
