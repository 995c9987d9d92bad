/* The pure parts of the control process: paths, rights, state, JSON. */
#include "tests/unit/daemon/unit.h"

#include "core/own.h"
#include "daemon/control/control_auth.h"
#include "daemon/control/control_json.h"
#include "daemon/control/control_route.h"

#define CONF                                                                                       \
	"bridge lxcbr0 10.0.3.1/24\n"                                                              \
	"listen 8080 plain\n"                                                                      \
	"site a.example b.example {\n"                                                             \
	"\troute /jenkins/ -> jenkins:8080/jenkins/\n"                                             \
	"\troute = /old -> redirect 301 /new\n"                                                    \
	"}\n"                                                                                      \
	"container jenkins { image busybox ; address 10.0.3.101 }\n"                               \
	"forward tcp 6000-6010 -> jenkins:6000-6010 from 198.51.100.0/24\n"

static void
expect_route(const char *method, const char *path, int status, enum control_endpoint endpoint)
{
	struct control_match m = {.endpoint = CONTROL_ENDPOINT_COUNT};
	const char *allow = NULL;

	assert_int_equal(control_route(slice_str(method), slice_str(path), &m, &allow), status);
	if (status == 0)
		assert_int_equal(m.endpoint, endpoint);
	if (status == 405)
		assert_non_null(allow);
}

static void
paths_of_the_api(void **state)
{
	(void)state;
	expect_route("GET", "/v1/status", 0, CONTROL_STATUS);
	expect_route("GET", "/v1/containers", 0, CONTROL_CONTAINERS);
	expect_route("GET", "/v1/containers/web", 0, CONTROL_CONTAINER);
	expect_route("POST", "/v1/containers/web/start", 0, CONTROL_JOB);
	expect_route("POST", "/v1/reload", 0, CONTROL_RELOAD);
	expect_route("GET", "/v1/reload", 405, CONTROL_RELOAD);
	expect_route("POST", "/v1/status", 405, CONTROL_STATUS);
	expect_route("DELETE", "/v1/containers/web", 405, CONTROL_CONTAINER);
	expect_route("POST", "/v1/containers/web/destroy", 404, CONTROL_JOB);
	expect_route("POST", "/v1/containers//start", 404, CONTROL_JOB);
	expect_route("GET", "/v1/containers/", 404, CONTROL_CONTAINER);
	expect_route("GET", "/v1/status/", 404, CONTROL_STATUS);
	expect_route("GET", "/v1", 404, CONTROL_STATUS);
	expect_route("GET", "/", 404, CONTROL_STATUS);
	expect_route("GET", "", 404, CONTROL_STATUS);
	expect_route("GET", "v1/status", 404, CONTROL_STATUS);
}

static void
a_path_tells_name_and_verb(void **state)
{
	struct control_match m;
	const char *allow;

	(void)state;
	assert_int_equal(control_route(SLICE_LIT("POST"), SLICE_LIT("/v1/containers/my.web/thaw"),
				 &m, &allow),
		0);
	assert_true(slice_eq_str(m.name, "my.web"));
	assert_true(slice_eq_str(m.verb, "thaw"));
}

static void
who_may_use_the_socket(void **state)
{
	const gid_t groups[] = {100, 4};

	(void)state;
	assert_true(control_auth_allows(0, NULL, 0, 993, CONTROL_NO_GROUP));
	assert_true(control_auth_allows(993, NULL, 0, 993, CONTROL_NO_GROUP));
	assert_true(control_auth_allows(1000, groups, 2, 993, 4));
	assert_false(control_auth_allows(1000, groups, 1, 993, 4));
	assert_false(control_auth_allows(1000, groups, 2, 993, CONTROL_NO_GROUP));
	/* Root's group is not a group that was named. */
	assert_false(control_auth_allows(1000, (const gid_t[]){0}, 1, 993, 0));
}

/* A message as the reader sees it, from what the writer wrote. */
static struct msg_in
deliver(const struct msg_out *m, enum role peer, enum role self)
{
	struct msg_in in;
	struct err e = {0};

	assert_false(m->bad);
	assert_int_equal(msg_in_init(&in, slice_of(m->bytes, m->size), peer, self, -1, &e), 0);
	return in;
}

static void
put_container(struct msg_out *m, const char *name, enum container_state container_state)
{
	assert_int_equal(msg_out_init(m, MSG_CONTAINER, ROLE_CONTROL), 0);
	msg_put_str(m, name);
	msg_put_u8(m, (uint8_t)container_state);
	msg_put_u8(m, 1);
	msg_put_u64(m, 1700000000000);
	msg_put_u32(m, 4242);
	msg_put_u32(m, 3);
	msg_put_str(m, "10.0.3.101");
	msg_put_str(m, "");
	msg_put_str(m, "00:16:3e:01:02:03");
	msg_put_str(m, "veth1");
	msg_put_str(m, "");
	msg_put_str(m, "memory is not enforced\nneeds restart");
	/* The parent relays it as lxc sent it. */
	m->bytes[2] = ROLE_LXC;
}

static int
setup(void **state)
{
	static struct control_state s;
	static struct conf_errors errs;
	struct conf_input in = {.name = "test", .text = SLICE_LIT(CONF)};

	assert_int_equal(control_state_init(&s), 0);
	assert_int_equal(conf_parse(&in, &s.conf, NULL, &errs), 0);
	s.generation = 5;
	s.text = strdup(CONF);
	*state = &s;
	return 0;
}

static int
teardown(void **state)
{
	control_state_clear(*state);
	return 0;
}

static void
add_container(struct control_state *s, const char *name, enum container_state container_state)
{
	const struct control_container *c = NULL;
	struct msg_out m;
	struct msg_in in;

	put_container(&m, name, container_state);
	in = deliver(&m, ROLE_PARENT, ROLE_CONTROL);
	assert_int_equal(control_state_container(s, &in, &c), 0);
	assert_string_equal(c->name, name);
	msg_out_clear(&m);
}

static const char *
text_of(const json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));

	return s ? s : "(none)";
}

static void
a_container_before_lxc_has_spoken(void **state)
{
	json_t *object = control_json_container(*state, SLICE_LIT("jenkins"));

	assert_string_equal(text_of(object, "name"), "jenkins");
	assert_string_equal(text_of(object, "state"), "stopped");
	assert_string_equal(text_of(object, "address"), "10.0.3.101");
	assert_true(json_is_true(json_object_get(object, "managed")));
	json_decref(object);
	assert_null(control_json_container(*state, SLICE_LIT("nobody")));
}

static void
a_container_as_lxc_tells_it(void **state)
{
	json_t *object;

	add_container(*state, "jenkins", CONTAINER_FROZEN);
	object = control_json_container(*state, SLICE_LIT("jenkins"));
	assert_string_equal(text_of(object, "state"), "frozen");
	assert_int_equal(json_integer_value(json_object_get(object, "pid")), 4242);
	assert_int_equal(json_integer_value(json_object_get(object, "restarts")), 3);
	assert_int_equal(json_array_size(json_object_get(object, "notes")), 2);
	json_decref(object);
	control_state_container_gone(*state, SLICE_LIT("jenkins"));
	assert_null(control_state_find(*state, SLICE_LIT("jenkins")));
}

static void
others_come_behind_those_of_the_file(void **state)
{
	json_t *array;

	add_container(*state, "zoo", CONTAINER_RUNNING);
	add_container(*state, "ape", CONTAINER_RUNNING);
	array = control_json_containers(*state);
	assert_int_equal(json_array_size(array), 3);
	assert_string_equal(text_of(json_array_get(array, 0), "name"), "jenkins");
	assert_string_equal(text_of(json_array_get(array, 1), "name"), "ape");
	assert_string_equal(text_of(json_array_get(array, 2), "name"), "zoo");
	json_decref(array);
}

static void
routes_say_where_they_lead(void **state)
{
	json_t *array;
	const json_t *route;

	add_container(*state, "jenkins", CONTAINER_RUNNING);
	array = control_json_routes(*state, NULL);
	assert_int_equal(json_array_size(array), 2);
	route = json_array_get(array, 0);
	assert_int_equal(json_array_size(json_object_get(route, "hosts")), 2);
	assert_string_equal(text_of(route, "path"), "/jenkins/");
	assert_string_equal(text_of(route, "target"), "jenkins:8080/jenkins/");
	assert_string_equal(text_of(route, "state"), "running");
	assert_true(json_is_true(json_object_get(json_array_get(array, 1), "exact")));
	json_decref(array);
}

static void
forwards_say_where_they_lead(void **state)
{
	json_t *array = control_json_forwards(*state);
	const json_t *forward = json_array_get(array, 0);

	assert_int_equal(json_array_size(array), 1);
	assert_string_equal(text_of(forward, "protocol"), "tcp");
	assert_string_equal(text_of(forward, "port"), "6000-6010");
	assert_string_equal(text_of(forward, "container"), "jenkins");
	assert_string_equal(text_of(forward, "address"), "10.0.3.101");
	assert_string_equal(text_of(forward, "state"), "stopped");
	assert_string_equal(json_string_value(json_array_get(json_object_get(forward, "from"), 0)),
		"198.51.100.0/24");
	json_decref(array);
}

static void
the_status(void **state)
{
	struct control_state *s = *state;
	json_t *counters = json_pack("{s:i}", "requests", 7), *usage, *status;
	const json_t *certificates;
	struct msg_out m;
	struct msg_in in;

	assert_int_equal(msg_out_init(&m, MSG_PROCESS, ROLE_CONTROL), 0);
	msg_put_str(&m, "parent");
	msg_put_u32(&m, 77);
	msg_put_u32(&m, 0);
	msg_put_u64(&m, 1700000000000);
	msg_put_str(&m, "");
	m.bytes[2] = ROLE_PARENT;
	in = deliver(&m, ROLE_PARENT, ROLE_CONTROL);
	assert_int_equal(control_state_process(s, &in), 0);
	msg_out_clear(&m);
	for (uint32_t i = 0; i < 4; i++) { /* the last two begin a list anew */
		assert_int_equal(msg_out_init(&m, MSG_CERTIFICATE_STATE, ROLE_CONTROL), 0);
		msg_put_u32(&m, i % 2);
		msg_put_str(&m, i % 2 ? "wildcard" : "default");
		msg_put_str(&m, "ECDSA");
		msg_put_u64(&m, 1800000000000);
		msg_put_str(&m, i % 2 ? "expires soon\ndoes not name a.example" : "");
		msg_put_str(&m, "stapled");
		msg_put_u64(&m, 1750000000000);
		msg_put_str(&m, "");
		m.bytes[2] = ROLE_PROXY;
		in = deliver(&m, ROLE_PROXY, ROLE_CONTROL);
		assert_int_equal(control_state_certificate(s, &in), 0);
		msg_out_clear(&m);
	}
	assert_true(control_state_runs(s, "parent"));
	assert_false(control_state_runs(s, "lxc"));
	usage = json_pack("{s:o, s:[], s:[]}", "counters", counters, "threads", "limits");
	status = control_json_status(s, usage);
	assert_int_equal(json_integer_value(json_object_get(status, "pid")), 77);
	assert_int_equal(json_integer_value(json_object_get(status, "generation")), 5);
	assert_int_equal(json_integer_value(
				 json_object_get(json_object_get(status, "counters"), "requests")),
		7);
	certificates = json_object_get(status, "certificates");
	assert_int_equal(json_array_size(certificates), 2);
	assert_string_equal(text_of(json_array_get(certificates, 1), "name"), "wildcard");
	assert_int_equal(
		json_array_size(json_object_get(json_array_get(certificates, 1), "notes")), 2);
	assert_string_equal(text_of(json_array_get(certificates, 0), "ocsp"), "stapled");
	assert_int_equal(
		json_integer_value(json_object_get(json_array_get(certificates, 0), "ocsp_until")),
		1750000000000);
	json_decref(status);
	json_decref(usage);
}

static void
an_outcome_has_its_errors_one_by_one(void **state)
{
	json_t *object = control_json_outcome(false, 4, SLICE_LIT("a:1:2: x\nb:3:4: y\n"));
	const json_t *errors = json_object_get(object, "errors");

	(void)state;
	assert_true(json_is_false(json_object_get(object, "ok")));
	assert_int_equal(json_array_size(errors), 2);
	assert_string_equal(json_string_value(json_array_get(errors, 1)), "b:3:4: y");
	json_decref(object);
}

static void
an_event_with_keys_and_values(void **state)
{
	struct msg_out m;
	struct msg_in in;
	json_t *object;

	(void)state;
	assert_int_equal(msg_out_init(&m, MSG_EVENT, ROLE_CONTROL), 0);
	msg_put_str(&m, "reloaded");
	msg_put_str(&m, "generation");
	msg_put_str(&m, "8");
	m.bytes[2] = ROLE_PARENT;
	in = deliver(&m, ROLE_PARENT, ROLE_CONTROL);
	object = control_json_event(&in, 1700000000000);
	assert_string_equal(text_of(object, "event"), "reloaded");
	assert_string_equal(text_of(object, "generation"), "8");
	assert_int_equal(json_integer_value(json_object_get(object, "time")), 1700000000000);
	json_decref(object);
	msg_out_clear(&m);
}

static void
text_that_is_not_utf8_breaks_nothing(void **state)
{
	json_t *object = control_json_error("\xff\xfe");

	(void)state;
	assert_string_equal(text_of(object, "error"), "");
	json_decref(object);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_of_the_api),
		cmocka_unit_test(a_path_tells_name_and_verb),
		cmocka_unit_test(who_may_use_the_socket),
		TEST(a_container_before_lxc_has_spoken),
		TEST(a_container_as_lxc_tells_it),
		TEST(others_come_behind_those_of_the_file),
		TEST(routes_say_where_they_lead),
		TEST(forwards_say_where_they_lead),
		TEST(the_status),
		cmocka_unit_test(an_outcome_has_its_errors_one_by_one),
		cmocka_unit_test(an_event_with_keys_and_values),
		cmocka_unit_test(text_that_is_not_utf8_breaks_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
