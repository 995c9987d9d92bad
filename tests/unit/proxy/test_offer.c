/* Offers: their parts arrive as messages, and what is built of them or refused. */
#include "proxy/offer.h"

#include "core/own.h"
#include "tests/unit/proxy/make_pem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <cmocka.h>

#define NUMBER 7

static const char with_all[] = "listen 127.0.0.1:8443 tls\n"
			       "listen 8080 plain\n"
			       "certificate default /c /k\n"
			       "site a.example {\n"
			       "    route /files/ -> dir /tmp\n"
			       "    route / -> status 204\n"
			       "}\n";
static struct pem_pair pair, other;
static struct tls_thread tls;
static struct tls_thread *const threads[] = {&tls};

/* A message as the parent sends it, read as the proxy reads it. */
static void
receive(struct msg_out *m, int fd, struct msg_in *ret)
{
	struct err e = {0};

	m->bytes[2] = ROLE_PARENT;
	if (msg_in_init(ret, slice_of(m->bytes, m->size), ROLE_PARENT, ROLE_PROXY, fd, &e) < 0)
		fail_msg("%s", e.msg);
}

static void
begin(struct msg_out *m, enum msg_type type)
{
	assert_int_equal(msg_out_init(m, type, ROLE_PROXY), 0);
	msg_put_u64(m, NUMBER);
}

static struct offer *
offer_of(const char *text)
{
	struct err e = {0};
	_fd_ int fd = memfd_new("text", slice_str(text), &e);
	struct msg_out m;
	struct msg_in in;
	struct offer *o;

	begin(&m, MSG_OFFER);
	receive(&m, fd, &in);
	o = offer_new(&in);
	msg_out_clear(&m);
	return o;
}

static void
add(struct offer *o, struct msg_out *m, int fd)
{
	struct msg_in in;

	receive(m, fd, &in);
	(void)msg_get_u64(&in);
	offer_add(o, &in);
	if (in.fd >= 0)
		close_fd(in.fd);
	msg_out_clear(m);
}

static void
add_listener(struct offer *o, const char *address, uint16_t port, uint16_t thread)
{
	struct msg_out m;

	begin(&m, MSG_LISTENER);
	msg_put_str(&m, address);
	msg_put_u16(&m, port);
	msg_put_u16(&m, thread);
	add(o, &m, socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

static void
add_pem(struct offer *o, enum msg_type type, uint32_t ordinal, const char *pem)
{
	struct err e = {0};
	struct msg_out m;

	begin(&m, type);
	msg_put_u32(&m, ordinal);
	add(o, &m, memfd_new("pem", slice_str(pem), &e));
}

static void
add_root(struct offer *o, uint32_t ordinal, const char *path)
{
	struct msg_out m;

	begin(&m, MSG_ROOT);
	msg_put_u32(&m, ordinal);
	msg_put_str(&m, path);
	add(o, &m, -1);
}

static uint32_t
root_ordinal(const struct offer *o)
{
	return o->conf->sites[0].routes[0].ordinal;
}

static uint32_t
certificate_ordinal(const struct offer *o)
{
	return o->conf->certificates[0].ordinal;
}

static struct offer *
complete_offer(const char *key)
{
	struct offer *o = offer_of(with_all);

	assert_false(o->failed);
	add_listener(o, "127.0.0.1", 8443, 0);
	add_listener(o, "0.0.0.0", 8080, 0);
	add_listener(o, "::", 8080, 0);
	add_pem(o, MSG_CERTIFICATE, certificate_ordinal(o), pair.chain);
	add_pem(o, MSG_PRIVATE_KEY, certificate_ordinal(o), key);
	add_root(o, root_ordinal(o), "/tmp");
	return o;
}

static void
expect_refused(struct offer *o, const char *why)
{
	assert_null(offer_build(o, threads, 1, NULL, NULL));
	assert_true(o->failed);
	if (!strstr(o->err.msg, why))
		fail_msg("\"%s\" does not say \"%s\"", o->err.msg, why);
	offer_free(&o);
}

static void
a_complete_offer_becomes_a_generation(void **state)
{
	struct offer *o = complete_offer(pair.key);
	struct addr any6 = {.family = AF_INET6};
	struct addr local = {.family = AF_INET, .bytes = {127, 0, 0, 1}};
	struct generation *g, *second;

	(void)state;
	assert_int_equal(offer_threads(o), 1);
	g = offer_build(o, threads, 1, NULL, NULL);
	assert_non_null(g);
	assert_int_equal(g->number, NUMBER);
	assert_int_equal(generation_listen(g, &local, 8443)->mode, CONF_LISTEN_TLS);
	assert_int_equal(generation_listen(g, &any6, 8080)->mode, CONF_LISTEN_PLAIN);
	assert_null(generation_listen(g, &local, 1));
	assert_non_null(generation_certificate(g, 0, SLICE_LIT("x.example")));
	assert_non_null(generation_root(g, root_ordinal(o)));
	assert_null(generation_root(g, 9999));
	offer_free(&o);
	second = generation_ref(g);
	generation_unref(&g);
	assert_null(g);
	assert_int_equal(second->conf->n_sites, 1);
	generation_unref(&second);
}

static void
the_highest_thread_says_how_many_there_are(void **state)
{
	struct offer *o = offer_of(with_all);

	(void)state;
	assert_int_equal(offer_threads(o), 1);
	add_listener(o, "127.0.0.1", 8443, 2);
	assert_int_equal(offer_threads(o), 3);
	offer_free(&o);
	assert_null(o);
}

static void
a_key_that_does_not_fit_names_the_certificate(void **state)
{
	struct offer *o = complete_offer(other.key);
	uint32_t ordinal = certificate_ordinal(o);

	(void)state;
	assert_null(offer_build(o, threads, 1, NULL, NULL));
	assert_int_equal(o->err.ordinal, ordinal);
	assert_non_null(strstr(o->err.msg, "certificate default"));
	assert_non_null(strstr(o->err.msg, "does not match"));
	offer_free(&o);
}

static void
a_text_that_does_not_parse_is_refused(void **state)
{
	(void)state;
	expect_refused(offer_of("listn 80\n"), "listn");
}

static void
a_part_that_is_missing_is_noticed(void **state)
{
	struct offer *o = offer_of(with_all);

	(void)state;
	add_root(o, root_ordinal(o), "/tmp");
	expect_refused(o, "certificate default");
	o = offer_of(with_all);
	add_pem(o, MSG_CERTIFICATE, certificate_ordinal(o), pair.chain);
	add_pem(o, MSG_PRIVATE_KEY, certificate_ordinal(o), pair.key);
	expect_refused(o, "folder");
}

static void
a_part_of_something_else_is_refused(void **state)
{
	struct offer *o = offer_of(with_all);

	(void)state;
	add_pem(o, MSG_CERTIFICATE, certificate_ordinal(o) + 1, pair.chain);
	expect_refused(o, "does not name");
	o = complete_offer(pair.key);
	add_listener(o, "127.0.0.1", 9, 0);
	expect_refused(o, "listener");
	o = offer_of(with_all);
	add_listener(o, "localhost", 8443, 0);
	expect_refused(o, "LISTENER");
	o = complete_offer(pair.key);
	add_root(o, 999, "/nonexistent/folder");
	expect_refused(o, "/nonexistent/folder");
}

static void
a_page_is_taken_once_and_bounded(void **state)
{
	static const char text[] = "listen 127.0.0.1:80 plain\nerror-page 404 /a.html\n";
	struct offer *o = offer_of(text);
	static char large[CONF_PAGE_SIZE + 2];

	(void)state;
	expect_refused(o, "page was not offered");
	o = offer_of(text);
	add_pem(o, MSG_ERROR_PAGE, o->conf->all_pages[0]->ordinal, "page");
	assert_false(o->failed);
	add_pem(o, MSG_ERROR_PAGE, o->conf->all_pages[0]->ordinal, "again");
	expect_refused(o, "does not name");
	o = offer_of(text);
	add_pem(o, MSG_ERROR_PAGE, 1, "of the listener");
	expect_refused(o, "does not name");
	o = offer_of(text);
	memset(large, 'x', sizeof(large) - 1);
	add_pem(o, MSG_ERROR_PAGE, o->conf->all_pages[0]->ordinal, large);
	expect_refused(o, "65536 are allowed");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_complete_offer_becomes_a_generation),
		cmocka_unit_test(the_highest_thread_says_how_many_there_are),
		cmocka_unit_test(a_key_that_does_not_fit_names_the_certificate),
		cmocka_unit_test(a_text_that_does_not_parse_is_refused),
		cmocka_unit_test(a_part_that_is_missing_is_noticed),
		cmocka_unit_test(a_part_of_something_else_is_refused),
		cmocka_unit_test(a_page_is_taken_once_and_bounded),
	};
	struct err e = {0};
	int failed;

	pem_make(&pair, "a.example", 0);
	pem_make(&other, "b.example", 0);
	if (tls_thread_init(&tls, NULL, &e) < 0)
		return EXIT_FAILURE;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	tls_thread_clear(&tls);
	return failed;
}
