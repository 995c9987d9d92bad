/* What a handshake agrees on, seen by a client. */
#include "tests/unit/proxy/handshake.h"

#include "tests/unit/proxy/make_pem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static struct pem_pair pem;
static struct tickets *tickets;
static struct tls_thread thread;
static struct tls_certificate certificate;

static const struct tls_certificate *
choose(SSL *ssl, struct slice name, void *arg)
{
	(void)ssl;
	(void)name;
	return arg;
}

/* --- ALPN ------------------------------------------------------------------------------------ */

/* What is agreed on when the client offers this, "" when nothing is; NULL: refused. */
static const char *
agree(const char *offer, bool http2)
{
	static char name[32];
	const unsigned char *picked = NULL;
	unsigned n = 0;
	struct handshake h;
	bool done;

	handshake_init(&h);
	if (offer)
		SSL_CTX_set_alpn_protos(
			h.ctx, (const unsigned char *)offer, (unsigned)strlen(offer));
	handshake_begin(&h, tls_thread_accept(&thread, http2), "one.example");
	done = handshake_run(&h);
	SSL_get0_alpn_selected(h.client, &picked, &n);
	assert_true(n < sizeof(name));
	memcpy(name, picked ? (const char *)picked : "", n);
	name[n] = '\0';
	if (done)
		assert_int_equal(tls_is_h2(h.server), strcmp(name, "h2") == 0);
	else
		assert_int_equal(h.alert, SSL_AD_NO_APPLICATION_PROTOCOL);
	handshake_clear(&h);
	return done ? name : NULL;
}

static void
the_server_prefers_h2(void **state)
{
	(void)state;
	assert_string_equal(agree("\x02h2\x08http/1.1", true), "h2");
	assert_string_equal(agree("\x08http/1.1\x02h2", true), "h2");
	assert_string_equal(agree("\x08http/1.1", true), "http/1.1");
	assert_string_equal(agree("\x02h2", true), "h2");
}

static void
without_http2_only_http_1_1_is_spoken(void **state)
{
	(void)state;
	assert_string_equal(agree("\x02h2\x08http/1.1", false), "http/1.1");
	assert_null(agree("\x02h2", false));
}

static void
nothing_in_common_ends_the_handshake(void **state)
{
	(void)state;
	assert_null(agree("\x08http/1.0\x06spdy/3", true));
	assert_null(agree("\x08http/1.0", false));
	assert_null(agree("\x03h2c", true));
}

static void
a_client_without_alpn_is_served(void **state)
{
	(void)state;
	assert_string_equal(agree(NULL, true), "");
	assert_string_equal(agree(NULL, false), "");
}

static int
set_up(void **state)
{
	struct err e = {0};

	(void)state;
	pem_make(&pem, "one.example", 0);
	tickets = tickets_new();
	if (!tickets || tls_process_init(&e) < 0 || tls_thread_init(&thread, tickets, &e) < 0)
		return -1;
	thread.choose = choose;
	thread.choose_arg = &certificate;
	return tls_certificate_load(
		&thread, slice_str(pem.chain), slice_str(pem.key), &certificate, &e);
}

static int
tear_down(void **state)
{
	(void)state;
	tls_certificate_clear(&certificate);
	tls_thread_clear(&thread);
	tickets_free(&tickets);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_server_prefers_h2),
		cmocka_unit_test(without_http2_only_http_1_1_is_spoken),
		cmocka_unit_test(nothing_in_common_ends_the_handshake),
		cmocka_unit_test(a_client_without_alpn_is_served),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
