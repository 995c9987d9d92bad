/* What a handshake agrees on, seen by a client. */
#include "tests/unit/proxy/handshake.h"

#include "core/msg.h"
#include "proxy/proxy.h"
#include "tests/unit/proxy/make_pem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static struct pem_pair pem, rsa_pem;
static struct tickets *tickets;
static struct tls_thread thread;
static struct tls_certificate certificate, rsa_certificate;

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

/* --- versions, suites, curves ---------------------------------------------------------------- */

/* What a client with these gets: its suite, or NULL. */
static const char *
suite_of(enum conf_tls_profile profile, int version, const char *suites, const char *groups)
{
	const char *name = NULL;
	struct handshake h;

	handshake_init(&h);
	thread.profile = profile;
	SSL_CTX_set_security_level(h.ctx, 0);
	SSL_CTX_set_min_proto_version(h.ctx, version);
	SSL_CTX_set_max_proto_version(h.ctx, version);
	if (suites)
		assert_int_equal(SSL_CTX_set_cipher_list(h.ctx, suites), 1);
	if (groups)
		assert_int_equal(SSL_CTX_set1_groups_list(h.ctx, groups), 1);
	handshake_begin(&h, tls_thread_accept(&thread, false), "one.example");
	if (handshake_run(&h))
		name = SSL_CIPHER_get_name(SSL_get_current_cipher(h.client));
	handshake_clear(&h);
	thread.profile = CONF_TLS_MODERN;
	return name;
}

static void
nothing_older_than_1_2_is_spoken(void **state)
{
	(void)state;
	for (int p = 0; p < CONF_TLS_PROFILE_COUNT; p++) {
		assert_null(suite_of(p, TLS1_VERSION, NULL, NULL));
		assert_null(suite_of(p, TLS1_1_VERSION, NULL, NULL));
		assert_non_null(suite_of(p, TLS1_2_VERSION, NULL, NULL));
		assert_non_null(suite_of(p, TLS1_3_VERSION, NULL, NULL));
	}
}

static void
cbc_is_for_compat_and_its_last_resort(void **state)
{
	static const char both[] = "ECDHE-ECDSA-AES256-SHA:ECDHE-ECDSA-AES256-GCM-SHA384";

	(void)state;
	assert_null(suite_of(CONF_TLS_MODERN, TLS1_2_VERSION, "ECDHE-ECDSA-AES256-SHA", NULL));
	assert_string_equal(
		suite_of(CONF_TLS_COMPAT, TLS1_2_VERSION, "ECDHE-ECDSA-AES256-SHA", NULL),
		"ECDHE-ECDSA-AES256-SHA");
	assert_string_equal(suite_of(CONF_TLS_COMPAT, TLS1_2_VERSION, both, NULL),
		"ECDHE-ECDSA-AES256-GCM-SHA384");
}

static void
no_suite_without_forward_secrecy(void **state)
{
	static const char *const suites[] = {
		"AES128-GCM-SHA256", "AES256-SHA", "kDHE", "aNULL", "NULL-SHA256", "PSK"};

	(void)state;
	thread.choose_arg = &rsa_certificate;
	for (int p = 0; p < CONF_TLS_PROFILE_COUNT; p++)
		for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++)
			assert_null(suite_of(p, TLS1_2_VERSION, suites[i], NULL));
	thread.choose_arg = &certificate;
}

static void
the_cheapest_suite_is_taken_unless_the_client_has_no_aes(void **state)
{
	(void)state;
	assert_string_equal(
		suite_of(CONF_TLS_MODERN, TLS1_3_VERSION, NULL, NULL), "TLS_AES_128_GCM_SHA256");
	assert_string_equal(
		suite_of(CONF_TLS_MODERN, TLS1_2_VERSION,
			"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256", NULL),
		"ECDHE-ECDSA-CHACHA20-POLY1305");
}

static void
curves(void **state)
{
	(void)state;
	assert_non_null(suite_of(CONF_TLS_MODERN, TLS1_3_VERSION, NULL, "X25519"));
	assert_non_null(suite_of(CONF_TLS_MODERN, TLS1_3_VERSION, NULL, "P-256"));
	assert_null(suite_of(CONF_TLS_MODERN, TLS1_3_VERSION, NULL, "P-384"));
	assert_non_null(suite_of(CONF_TLS_COMPAT, TLS1_3_VERSION, NULL, "P-384"));
	assert_null(suite_of(CONF_TLS_COMPAT, TLS1_3_VERSION, NULL, "X448"));
}

/* --- two certificates of one name ------------------------------------------------------------ */

/* The type of the certificate that a client with these signature algorithms gets; 0: refused. */
static int
key_type_for(int version, const char *signatures)
{
	struct handshake h;
	X509 *x = NULL;
	int type = 0;

	handshake_init(&h);
	SSL_CTX_set_max_proto_version(h.ctx, version);
	if (signatures)
		assert_int_equal(SSL_CTX_set1_sigalgs_list(h.ctx, signatures), 1);
	handshake_begin(&h, tls_thread_accept(&thread, false), "one.example");
	if (handshake_run(&h))
		x = SSL_get0_peer_certificate(h.client);
	if (x)
		type = EVP_PKEY_get_base_id(X509_get0_pubkey(x));
	handshake_clear(&h);
	return type;
}

static void
each_client_gets_the_certificate_that_it_can_verify(void **state)
{
	(void)state;
	certificate.second = &rsa_certificate;
	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
		assert_int_equal(key_type_for(version, "ECDSA+SHA256"), EVP_PKEY_EC);
		assert_int_equal(key_type_for(version, "rsa_pss_rsae_sha256"), EVP_PKEY_RSA);
		assert_int_equal(key_type_for(version, NULL), EVP_PKEY_EC);
		assert_int_equal(
			key_type_for(version, "rsa_pss_rsae_sha256:ECDSA+SHA256"), EVP_PKEY_EC);
	}
	certificate.second = NULL;
	assert_int_equal(key_type_for(TLS1_3_VERSION, "rsa_pss_rsae_sha256"), 0);
}

/* --- client certificates --------------------------------------------------------------------- */

static struct pem_pair staff_ca, guests_ca, staff, guest, own;
static struct tls_demand demands[3]; /* staff required, staff optional, guests required */
enum { STAFF, STAFF_OPTIONAL, GUESTS };

/* The site "one.example" demands nothing, "staff.example" … what its name says. */
static const struct tls_demand *
find_demand(SSL *ssl, struct slice name, void *arg)
{
	(void)ssl;
	(void)arg;
	if (slice_eq_str(name, "staff.example"))
		return &demands[STAFF];
	if (slice_eq_str(name, "optional.example"))
		return &demands[STAFF_OPTIONAL];
	return slice_eq_str(name, "guests.example") ? &demands[GUESTS] : NULL;
}

static void
show(struct handshake *h, int version, const struct pem_pair *pair)
{
	handshake_init(h);
	SSL_CTX_set_max_proto_version(h->ctx, version);
	if (pair) {
		X509 *x = pem_read_certificate(pair);
		EVP_PKEY *key = pem_read_key(pair);

		assert_int_equal(SSL_CTX_use_certificate(h->ctx, x), 1);
		assert_int_equal(SSL_CTX_use_PrivateKey(h->ctx, key), 1);
		X509_free(x);
		EVP_PKEY_free(key);
	}
}

/* Whether a client that has this certificate (NULL: none) gets through the handshake; then it has
 * met that demand and no other. */
static bool
enters(int version, const struct pem_pair *pair, const char *name)
{
	const struct tls_demand *wanted = find_demand(NULL, slice_str(name), NULL);
	struct handshake h;
	bool done;

	show(&h, version, pair);
	handshake_begin(&h, tls_thread_accept(&thread, false), name);
	/* In TLS 1.3 a client is done before the server has judged its certificate. */
	done = handshake_run(&h) && h.alert == 0;
	for (size_t i = 0; done && i < sizeof(demands) / sizeof(demands[0]); i++)
		assert_int_equal(tls_demand_is_met(h.server, &demands[i]), wanted == &demands[i]);
	if (done)
		assert_int_equal(tls_demand_is_met(h.server, NULL), wanted == NULL);
	handshake_clear(&h);
	return done;
}

static void
a_demand_is_met_by_what_its_authority_issued(void **state)
{
	(void)state;
	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
		assert_true(enters(version, NULL, "one.example"));
		assert_true(enters(version, &guest, "one.example"));
		assert_true(enters(version, &staff, "staff.example"));
		assert_false(enters(version, NULL, "staff.example"));
		assert_false(enters(version, &guest, "staff.example"));
		assert_false(enters(version, &own, "staff.example"));
		assert_true(enters(version, NULL, "optional.example"));
		assert_true(enters(version, &staff, "optional.example"));
		assert_false(enters(version, &guest, "optional.example"));
		assert_true(enters(version, &guest, "guests.example"));
	}
}

/* Opens a session under one name and offers it under another; whether it is resumed. */
static bool
resumes(int version, const struct pem_pair *pair, const char *first, const char *then)
{
	struct handshake h;
	SSL_SESSION *session;
	bool reused;

	show(&h, version, pair);
	handshake_begin(&h, tls_thread_accept(&thread, false), first);
	assert_true(handshake_run(&h));
	session = SSL_get1_session(h.client);
	assert_int_equal(SSL_SESSION_get_ticket_lifetime_hint(session),
		find_demand(NULL, slice_str(first), NULL) ? TLS_CLIENT_LIFE_S : TLS_TICKET_LIFE_S);
	handshake_begin(&h, tls_thread_accept(&thread, false), then);
	SSL_set_session(h.client, session);
	reused = handshake_run(&h) && SSL_session_reused(h.server);
	if (reused)
		assert_true(tls_demand_is_met(h.server, find_demand(NULL, slice_str(then), NULL)));
	SSL_SESSION_free(session);
	handshake_clear(&h);
	return reused;
}

static void
a_session_is_not_resumed_where_another_client_is_demanded(void **state)
{
	(void)state;
	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
		assert_true(resumes(version, NULL, "one.example", "one.example"));
		assert_true(resumes(version, &staff, "staff.example", "staff.example"));
		assert_false(resumes(version, NULL, "one.example", "staff.example"));
		assert_false(resumes(version, NULL, "one.example", "optional.example"));
		assert_false(resumes(version, NULL, "optional.example", "staff.example"));
		assert_false(resumes(version, &staff, "staff.example", "one.example"));
		assert_false(resumes(version, &guest, "guests.example", "staff.example"));
	}
}

static void
facts_outlive_a_resumption(void **state)
{
	char before[TLS_FINGERPRINT_SIZE], after[TLS_FINGERPRINT_SIZE];
	struct handshake h;
	SSL_SESSION *session;
	struct buf subject;

	(void)state;
	buf_init(&subject, 256);
	show(&h, TLS1_3_VERSION, &staff);
	handshake_begin(&h, tls_thread_accept(&thread, false), "staff.example");
	assert_true(handshake_run(&h));
	tls_client_fingerprint(h.server, before);
	assert_int_equal(SSL_SESSION_get_ticket_lifetime_hint(SSL_get0_session(h.client)),
		TLS_CLIENT_LIFE_S);
	assert_int_equal(strlen(before), 64);
	session = SSL_get1_session(h.client);
	handshake_begin(&h, tls_thread_accept(&thread, false), "staff.example");
	SSL_set_session(h.client, session);
	assert_true(handshake_run(&h));
	assert_int_equal(SSL_session_reused(h.server), 1);
	assert_string_equal(tls_client_verify(h.server), "SUCCESS");
	assert_int_equal(tls_client_subject(h.server, &subject), 0);
	assert_true(slice_eq_str(buf_slice(&subject), "CN=Jo\\, of staff"));
	tls_client_fingerprint(h.server, after);
	assert_string_equal(before, after);
	SSL_SESSION_free(session);
	handshake_clear(&h);
	buf_clear(&subject);
}

static void
without_a_certificate_there_are_no_facts(void **state)
{
	char fingerprint[TLS_FINGERPRINT_SIZE];
	struct handshake h;
	struct buf subject;

	(void)state;
	buf_init(&subject, 256);
	show(&h, TLS1_3_VERSION, NULL);
	handshake_begin(&h, tls_thread_accept(&thread, false), "optional.example");
	assert_true(handshake_run(&h));
	assert_string_equal(tls_client_verify(h.server), "NONE");
	assert_int_equal(tls_client_subject(h.server, &subject), 0);
	assert_int_equal(buf_len(&subject), 0);
	tls_client_fingerprint(h.server, fingerprint);
	assert_string_equal(fingerprint, "");
	handshake_clear(&h);
	buf_clear(&subject);
}

static void
what_issues_nothing_is_no_authority(void **state)
{
	struct err e = {0};

	(void)state;
	assert_int_equal(proxy_check_client_ca(slice_str(staff_ca.chain), &e), 0);
	assert_int_equal(proxy_check_client_ca(slice_str(staff.chain), &e), -1);
	assert_non_null(strstr(e.msg, "certificate 1 of the file is none of an authority"));
	assert_int_equal(proxy_check_client_ca(slice_str("hello"), &e), -1);
	assert_non_null(strstr(e.msg, "no certificate in PEM"));
	assert_int_equal(proxy_check_client_ca(slice_str(""), &e), -1);
	assert_non_null(strstr(e.msg, "empty"));
}

static void
make_clients(void)
{
	const struct pem_wish authority = {
		.extra_name = "basicConstraints", .extra = "critical,CA:TRUE"};
	const struct pem_wish client = {
		.extra_name = "basicConstraints", .extra = "critical,CA:FALSE"};
	struct pem_wish wish = authority;
	struct err e = {0};

	wish.name = "Staff CA";
	pem_make_with(&staff_ca, &wish);
	wish.name = "Guests CA";
	pem_make_with(&guests_ca, &wish);
	wish = client;
	wish.name = "Jo, of staff";
	pem_make_with(&own, &wish);
	wish.issuer = &staff_ca;
	pem_make_with(&staff, &wish);
	wish.issuer = &guests_ca;
	wish.name = "Guest";
	pem_make_with(&guest, &wish);
	for (int i = STAFF; i <= GUESTS; i++)
		if (tls_demand_load(thread.libctx,
			    slice_str(i == GUESTS ? guests_ca.chain : staff_ca.chain),
			    i != STAFF_OPTIONAL, &demands[i], &e) < 0)
			abort();
	thread.demand = find_demand;
}

static int
load(struct pem_pair *from, struct tls_certificate *ret)
{
	struct err e = {0};

	return tls_certificate_load(&thread, slice_str(from->chain), slice_str(from->key), ret, &e);
}

static int
set_up(void **state)
{
	static const unsigned char key[TICKET_KEY_SIZE] = {1};
	struct err e = {0};

	(void)state;
	pem_make(&pem, "one.example", 0);
	tickets = tickets_new();
	if (!tickets || tls_process_init(&e) < 0 || tls_thread_init(&thread, tickets, &e) < 0)
		return -1;
	thread.choose = choose;
	thread.choose_arg = &certificate;
	pem_make(&rsa_pem, "one.example", 2048);
	make_clients();
	if (tickets_set(tickets, slice_of(key, sizeof(key)), &e) < 0)
		return -1;
	return load(&pem, &certificate) < 0 || load(&rsa_pem, &rsa_certificate) < 0 ||
			       tls_thread_prepare(&thread, CONF_TLS_COMPAT, &e) < 0
		       ? -1
		       : 0;
}

static int
tear_down(void **state)
{
	(void)state;
	tls_certificate_clear(&certificate);
	tls_certificate_clear(&rsa_certificate);
	for (int i = STAFF; i <= GUESTS; i++)
		tls_demand_clear(&demands[i]);
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
		cmocka_unit_test(nothing_older_than_1_2_is_spoken),
		cmocka_unit_test(cbc_is_for_compat_and_its_last_resort),
		cmocka_unit_test(no_suite_without_forward_secrecy),
		cmocka_unit_test(the_cheapest_suite_is_taken_unless_the_client_has_no_aes),
		cmocka_unit_test(curves),
		cmocka_unit_test(each_client_gets_the_certificate_that_it_can_verify),
		cmocka_unit_test(a_demand_is_met_by_what_its_authority_issued),
		cmocka_unit_test(a_session_is_not_resumed_where_another_client_is_demanded),
		cmocka_unit_test(facts_outlive_a_resumption),
		cmocka_unit_test(without_a_certificate_there_are_no_facts),
		cmocka_unit_test(what_issues_nothing_is_no_authority),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
