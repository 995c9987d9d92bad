/* conf/diff.c: what a reload keeps, makes and drops. */
#include "tests/unit/conf/unit.h"

#include "conf/diff.h"

static const char before[] =
	"listen 80\nlisten 443 tls\nlisten 10.0.0.1:8080 plain\n"
	"certificate default /c /k\ncertificate old /c /k\n"
	"bridge br0 10.0.3.1/24\n"
	"site a { route / -> dir /srv/a; route /b -> dir /srv/b; route /c -> dir /srv/a }\n"
	"container one { address 10.0.3.2 }\ncontainer two { memory 1M }\n"
	"forward tcp 1000 -> one:1000\nforward udp 2000-2010 -> one:2000\n";
static const char after[] = "listen 0.0.0.0:80\nlisten 443 tls\nlisten 10.0.0.1:8080 tls\n"
			    "certificate default /c2 /k\ncertificate new /c /k\n"
			    "bridge br0 10.0.3.1/24\n"
			    "site a { route /x -> dir /srv/b; route / -> dir /srv/new }\n"
			    "container two { memory 2M }\ncontainer one { address 10.0.3.2 }\n"
			    "forward tcp 1000 -> one:1001\nforward udp 2000 -> one:2000\n";

static struct conf_diff *
diff_texts(const char *old_text, const char *new_text)
{
	struct conf *old = old_text ? unit_parse(old_text) : NULL;
	struct conf *new = unit_parse(new_text);
	struct conf_diff *d = conf_diff_new(old, new);

	conf_unref(&old);
	conf_unref(&new);
	assert_non_null(d);
	return d;
}

static const struct conf_diff_item *
item(const struct conf_diff *d, enum conf_diff_kind kind, const char *key)
{
	for (size_t i = 0; i < d->n; i++)
		if (d->items[i].kind == kind && strcmp(d->items[i].key, key) == 0)
			return &d->items[i];
	fail_msg("no item \"%s\"", key);
	return NULL;
}

static void
expect(const struct conf_diff *d, enum conf_diff_kind kind, const char *key,
	enum conf_verdict verdict, bool changed)
{
	const struct conf_diff_item *found = item(d, kind, key);

	assert_int_equal(found->verdict, verdict);
	assert_int_equal(found->changed, changed);
}

static void
everything_is_new_at_the_start(void **state)
{
	struct conf_diff *d = diff_texts(NULL, before);

	(void)state;
	assert_int_equal(conf_diff_count(d, CONF_DIFF_LISTEN, CONF_NEW), 5);
	assert_int_equal(conf_diff_count(d, CONF_DIFF_ROOT, CONF_NEW), 2);
	assert_int_equal(conf_diff_count(d, CONF_DIFF_LISTEN, CONF_KEEP), 0);
	assert_int_equal(conf_diff_count(d, CONF_DIFF_LISTEN, CONF_DROP), 0);
	conf_diff_free(&d);
	assert_null(d);
	conf_diff_free(&d);
}

static void
nothing_changes_between_equal_configurations(void **state)
{
	struct conf_diff *d = diff_texts(before, before);

	(void)state;
	for (size_t i = 0; i < d->n; i++) {
		assert_int_equal(d->items[i].verdict, CONF_KEEP);
		assert_false(d->items[i].changed);
		assert_int_equal(d->items[i].old_index, d->items[i].new_index);
	}
	conf_diff_free(&d);
}

static void
listeners_are_compared_socket_by_socket(void **state)
{
	struct conf_diff *d = diff_texts(before, after);

	(void)state;
	expect(d, CONF_DIFF_LISTEN, "0.0.0.0:80", CONF_KEEP, false);
	expect(d, CONF_DIFF_LISTEN, "[::]:80", CONF_DROP, false);
	expect(d, CONF_DIFF_LISTEN, "[::]:443", CONF_KEEP, false);
	expect(d, CONF_DIFF_LISTEN, "10.0.0.1:8080", CONF_KEEP, true);
	assert_int_equal(item(d, CONF_DIFF_LISTEN, "[::]:80")->addr.family, AF_INET6);
	conf_diff_free(&d);
}

static void
named_parts_are_compared_by_name(void **state)
{
	struct conf_diff *d = diff_texts(before, after);

	(void)state;
	expect(d, CONF_DIFF_CERTIFICATE, "default", CONF_KEEP, true);
	expect(d, CONF_DIFF_CERTIFICATE, "old", CONF_DROP, false);
	expect(d, CONF_DIFF_CERTIFICATE, "new", CONF_NEW, false);
	expect(d, CONF_DIFF_CONTAINER, "one", CONF_KEEP, false);
	expect(d, CONF_DIFF_CONTAINER, "two", CONF_KEEP, true);
	assert_int_equal(item(d, CONF_DIFF_CONTAINER, "two")->old_index, 1);
	assert_int_equal(item(d, CONF_DIFF_CONTAINER, "two")->new_index, 0);
	conf_diff_free(&d);
}

static void
folders_and_forwards(void **state)
{
	struct conf_diff *d = diff_texts(before, after);

	(void)state;
	expect(d, CONF_DIFF_ROOT, "/srv/a", CONF_DROP, false);
	expect(d, CONF_DIFF_ROOT, "/srv/b", CONF_KEEP, false);
	expect(d, CONF_DIFF_ROOT, "/srv/new", CONF_NEW, false);
	expect(d, CONF_DIFF_FORWARD, "tcp 1000", CONF_KEEP, true);
	expect(d, CONF_DIFF_FORWARD, "udp 2000-2010", CONF_DROP, false);
	expect(d, CONF_DIFF_FORWARD, "udp 2000", CONF_NEW, false);
	conf_diff_free(&d);
}

static void
expect_summary(const char *old_text, const char *new_text, const char *summary)
{
	struct conf_diff *d = diff_texts(old_text, new_text);
	struct buf out;

	buf_init(&out, 200);
	assert_int_equal(conf_diff_print(d, &out), 0);
	assert_int_equal(buf_append_byte(&out, '\0'), 0);
	assert_string_equal(buf_slice(&out).p, summary);
	buf_clear(&out);
	for (size_t max = 1; max < strlen(summary); max++) {
		buf_init(&out, max);
		assert_int_equal(conf_diff_print(d, &out), -1);
		buf_clear(&out);
	}
	conf_diff_free(&d);
}

static void
a_summary_names_what_is_not_as_it_was(void **state)
{
	(void)state;
	expect_summary(before, before, "nothing");
	expect_summary(before, after,
		"listen 1 changed 1 dropped, certificate 1 new 1 changed 1 dropped, dir 1 new 1 "
		"dropped, "
		"container 1 changed, forward 1 new 1 changed 1 dropped");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_is_new_at_the_start),
		cmocka_unit_test(nothing_changes_between_equal_configurations),
		cmocka_unit_test(listeners_are_compared_socket_by_socket),
		cmocka_unit_test(named_parts_are_compared_by_name),
		cmocka_unit_test(folders_and_forwards),
		cmocka_unit_test(a_summary_names_what_is_not_as_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
