/*
 * What a full TLS 1.3 handshake costs the server (X25519, ECDSA P-256, one ticket): as
 *proxy/tls/tls.c sets OpenSSL up, and as OpenSSL does it with nothing set but a certificate, which
 *is the floor. Both ends run in memory; only the server's calls are timed, on the thread's CPU
 *clock. The best of several rounds counts, because others use the machine.
 *
 *	cmake --build --preset release --target bench_tls_handshake &&
 *	build/release/bench/bench_tls_handshake [ours|floor] [HANDSHAKES]
 *	valgrind --tool=callgrind --toggle-collect=server_work …
 */
#include "core/msg.h"
#include "proxy/tls/tls.h"

#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROUNDS 9
#define HANDSHAKES 400

enum { OURS, FLOOR, SERVERS };

struct server {
	const char *name;
	struct tls_thread thread; /* OURS */
	struct tls_certificate certificate;
	SSL_CTX *ctx; /* FLOOR */
	SSL_CTX *client;
	uint64_t spent_ns;
};

static uint64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static X509 *
make_certificate(EVP_PKEY *key)
{
	X509 *x = X509_new();
	X509_NAME *name = X509_get_subject_name(x);

	X509_set_version(x, X509_VERSION_3);
	X509_gmtime_adj(X509_getm_notBefore(x), 0);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	X509_NAME_add_entry_by_txt(
		name, "CN", MBSTRING_ASC, (const unsigned char *)"one.example", -1, -1, 0);
	X509_set_issuer_name(x, name);
	X509_set_pubkey(x, key);
	if (X509_sign(x, key, EVP_sha256()) == 0)
		abort();
	return x;
}

static struct slice
bio_bytes(BIO *bio)
{
	char *text = NULL;
	long n = BIO_get_mem_data(bio, &text);

	return slice_of(text, (size_t)n);
}

static const struct tls_certificate *
choose(SSL *ssl, struct slice name, void *arg)
{
	(void)ssl;
	(void)name;
	return arg;
}

static void
make_ours(struct server *s, X509 *x, EVP_PKEY *key)
{
	static const unsigned char ticket_key[TICKET_KEY_SIZE];
	BIO *chain_bio = BIO_new(BIO_s_mem()), *key_bio = BIO_new(BIO_s_mem());
	struct tickets *tickets = tickets_new();
	struct err e = {0};

	if (!tickets || tickets_set(tickets, slice_of(ticket_key, sizeof(ticket_key)), &e) < 0 ||
		tls_thread_init(&s->thread, tickets, &e) < 0 ||
		PEM_write_bio_X509(chain_bio, x) != 1 ||
		PEM_write_bio_PrivateKey(key_bio, key, NULL, NULL, 0, NULL, NULL) != 1 ||
		tls_certificate_load(&s->thread, bio_bytes(chain_bio), bio_bytes(key_bio),
			&s->certificate, &e) < 0)
		abort();
	s->thread.choose = choose;
	s->thread.choose_arg = &s->certificate;
	BIO_free(chain_bio);
	BIO_free(key_bio);
}

static void
make_floor(struct server *s, X509 *x, EVP_PKEY *key)
{
	s->ctx = SSL_CTX_new(TLS_server_method());
	if (!s->ctx || SSL_CTX_use_certificate(s->ctx, x) != 1 ||
		SSL_CTX_use_PrivateKey(s->ctx, key) != 1)
		abort();
	SSL_CTX_set_num_tickets(s->ctx, 1);
	SSL_CTX_set_session_cache_mode(s->ctx, SSL_SESS_CACHE_OFF);
}

/* The server's side alone: makes, drives or frees its SSL. */
__attribute__((noinline)) static SSL *
server_work(struct server *s, SSL *ssl, bool last)
{
	uint64_t start = now_ns();

	if (ssl && last)
		SSL_free(ssl);
	else if (ssl)
		(void)SSL_do_handshake(ssl);
	else if (s->ctx)
		ssl = SSL_new(s->ctx);
	else
		ssl = tls_thread_accept(&s->thread, false);
	s->spent_ns += now_ns() - start;
	return ssl;
}

static void
handshake_once(struct server *s)
{
	SSL *server = server_work(s, NULL, false), *client = SSL_new(s->client);
	BIO *near = NULL, *far = NULL;
	char byte;

	if (!server || !client || BIO_new_bio_pair(&near, 0, &far, 0) != 1)
		abort();
	SSL_set_bio(client, near, near);
	SSL_set_bio(server, far, far);
	SSL_set_connect_state(client);
	SSL_set_accept_state(server);
	(void)SSL_do_handshake(client);
	server_work(s, server, false);
	(void)SSL_do_handshake(client);
	server_work(s, server, false);
	if (!SSL_is_init_finished(server))
		abort();
	(void)SSL_read(client, &byte, 1);
	server_work(s, server, true);
	SSL_free(client);
}

static double
round_us(struct server *s, unsigned n)
{
	s->spent_ns = 0;
	for (unsigned i = 0; i < n; i++)
		handshake_once(s);
	return (double)s->spent_ns / n / 1000;
}

int
main(int argc, char **argv)
{
	static struct server servers[SERVERS] = {{.name = "ours"}, {.name = "floor"}};
	const char *only = argc > 1 ? argv[1] : NULL;
	unsigned n = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : HANDSHAKES;
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = make_certificate(key);
	struct err e = {0};

	if (tls_process_init(&e) < 0)
		abort();
	make_ours(&servers[OURS], x, key);
	make_floor(&servers[FLOOR], x, key);
	for (unsigned k = 0; k < SERVERS; k++) {
		double best = 0;

		servers[k].client = SSL_CTX_new(TLS_client_method());
		for (unsigned i = 0; i < ROUNDS && !(only && strcmp(only, servers[k].name) != 0);
			i++) {
			double us = round_us(&servers[k], n);

			best = i == 0 || us < best ? us : best;
		}
		if (best > 0)
			(void)printf("%-6s %.1f us\n", servers[k].name, best);
	}
	return 0;
}
