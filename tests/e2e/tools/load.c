/*
 * The independent client: N keep-alive connections, each a thread that asks, compares the whole
 * answer with what was expected, and asks again. Nothing is retried: a connection that ends, an
 * answer that is late or differs by a byte is counted. A test program, apart from all our code.
 *
 *	load ADDRESS PORT [--tls NAME] [--host H] [--path P] [--text BODY] [--connections N]
 *	     [--seconds S] [--per-connection K] [--timeout S]
 *
 * Prints "ready" when every connection has had its first answer, and at the end one line of JSON.
 * With --per-connection K a connection is given up on purpose after K answers and made again.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_MAX 65536
#define EXAMPLES_MAX 5

/* What may go wrong; one counter each. */
enum fault { REFUSED, HANDSHAKE, CLOSED_IDLE, CLOSED_INSIDE, LATE, WRONG, FAULT_COUNT };
static const char *const fault_names[] = {
	"refused", "handshake", "closed_idle", "closed_inside", "late", "wrong"};

static struct {
	const char *address, *tls, *host, *path, *text;
	int port, connections, seconds, per_connection, timeout;
	SSL_CTX *ctx;
	char request[4096];
	size_t request_len;
	uint64_t end_ms;
	atomic_ullong answers, connects, slowest_ms, faults[FAULT_COUNT];
	atomic_int first_answers, examples;
	atomic_bool stop;
} load = {.host = "a.example",
	.path = "/",
	.text = "",
	.connections = 1,
	.seconds = 1,
	.timeout = 40};

struct connection {
	int fd;
	SSL *ssl;
	bool answered; /* had its first answer */
	char data[ANSWER_MAX + 1];
	size_t n;
};

static uint64_t
now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void
fault(enum fault what, const char *detail)
{
	atomic_fetch_add(&load.faults[what], 1);
	if (atomic_fetch_add(&load.examples, 1) < EXAMPLES_MAX)
		fprintf(stderr, "load: %s: %.300s\n", fault_names[what], detail);
}

static void
connection_close(struct connection *c)
{
	if (c->ssl)
		SSL_free(c->ssl);
	if (c->fd >= 0)
		close(c->fd);
	c->ssl = NULL;
	c->fd = -1;
	c->n = 0;
}

static bool
connection_open(struct connection *c)
{
	struct sockaddr_storage ss = {0};
	struct sockaddr_in *v4 = (struct sockaddr_in *)&ss;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&ss;
	if (inet_pton(AF_INET, load.address, &v4->sin_addr) == 1)
		v4->sin_family = AF_INET, v4->sin_port = htons((uint16_t)load.port);
	else if (inet_pton(AF_INET6, load.address, &v6->sin6_addr) == 1)
		v6->sin6_family = AF_INET6, v6->sin6_port = htons((uint16_t)load.port);
	c->fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct timeval t = {.tv_sec = load.timeout};
	int one = 1;
	setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (connect(c->fd, (struct sockaddr *)&ss, sizeof ss)) {
		fault(REFUSED, strerror(errno));
		return false;
	}
	atomic_fetch_add(&load.connects, 1);
	if (!load.tls)
		return true;
	c->ssl = SSL_new(load.ctx);
	SSL_set_fd(c->ssl, c->fd);
	SSL_set_tlsext_host_name(c->ssl, load.tls);
	if (SSL_connect(c->ssl) != 1) {
		fault(HANDSHAKE, strerror(errno));
		return false;
	}
	return true;
}

/* >0 bytes, 0 closed, -1 late. */
static int
connection_read(struct connection *c)
{
	size_t room = ANSWER_MAX - c->n;
	errno = 0;
	ssize_t r = c->ssl ? SSL_read(c->ssl, c->data + c->n, (int)room)
			   : recv(c->fd, c->data + c->n, room, 0);
	if (r > 0) {
		c->n += (size_t)r;
		c->data[c->n] = '\0';
		return 1;
	}
	return errno == EAGAIN ? -1 : 0;
}

/* 1 the answer is whole, 0 not yet, -1 it is not what it should be. */
static int
answer_check(struct connection *c)
{
	char *end = strstr(c->data, "\r\n\r\n");
	if (!end)
		return c->n >= ANSWER_MAX ? -1 : 0;
	if (strncmp(c->data, "HTTP/1.1 200", 12) != 0)
		return -1;
	*end = '\0';
	char *field = strcasestr(c->data, "\r\ncontent-length:");
	unsigned long length = field ? strtoul(field + 17, NULL, 10) : 0;
	*end = '\r';
	if (!field || length != strlen(load.text))
		return -1;
	size_t have = c->n - (size_t)(end + 4 - c->data);
	if (have < length)
		return 0;
	return have == length && memcmp(end + 4, load.text, length) == 0 ? 1 : -1;
}

/* Whether the answer says that it is the last one on its connection. */
static bool
is_last(struct connection *c)
{
	char *end = strstr(c->data, "\r\n\r\n");
	*end = '\0';
	bool last = strcasestr(c->data, "\r\nconnection: close") != NULL;
	*end = '\r';
	return last;
}

static bool
exchange(struct connection *c)
{
	uint64_t start = now_ms();
	ssize_t w = c->ssl ? SSL_write(c->ssl, load.request, (int)load.request_len)
			   : send(c->fd, load.request, load.request_len, MSG_NOSIGNAL);
	c->n = 0;
	c->data[0] = '\0';
	for (int state = 0; state == 0;) {
		int r = w > 0 ? connection_read(c) : 0;
		if (r <= 0) {
			fault(r < 0 ? LATE : c->n ? CLOSED_INSIDE : CLOSED_IDLE, c->data);
			return false;
		}
		state = answer_check(c);
		if (state < 0) {
			fault(WRONG, c->data);
			return false;
		}
	}
	uint64_t took = now_ms() - start, slowest = atomic_load(&load.slowest_ms);
	while (took > slowest && !atomic_compare_exchange_weak(&load.slowest_ms, &slowest, took))
		;
	atomic_fetch_add(&load.answers, 1);
	return true;
}

static void *
run_connection(void *arg)
{
	struct connection *c = arg;
	struct timespec pause = {.tv_nsec = 20000000};
	int here = 0;
	c->fd = -1;
	while (now_ms() < load.end_ms && !atomic_load(&load.stop)) {
		if (c->fd < 0 && !connection_open(c)) {
			connection_close(c);
			nanosleep(&pause, NULL);
			continue;
		}
		if (!exchange(c)) {
			connection_close(c);
			here = 0;
			continue;
		}
		if (!c->answered) {
			c->answered = true;
			if (atomic_fetch_add(&load.first_answers, 1) + 1 == load.connections) {
				puts("ready");
				fflush(stdout);
			}
		}
		if (is_last(c) || (load.per_connection && ++here == load.per_connection)) {
			connection_close(c);
			here = 0;
		}
	}
	connection_close(c);
	return NULL;
}

static int
parse(int argc, char **argv)
{
	if (argc < 3)
		return -1;
	load.address = argv[1];
	load.port = atoi(argv[2]);
	for (int i = 3; i + 1 < argc; i += 2) {
		const char *name = argv[i], *value = argv[i + 1];
		if (strcmp(name, "--tls") == 0)
			load.tls = value;
		else if (strcmp(name, "--host") == 0)
			load.host = value;
		else if (strcmp(name, "--path") == 0)
			load.path = value;
		else if (strcmp(name, "--text") == 0)
			load.text = value;
		else if (strcmp(name, "--connections") == 0)
			load.connections = atoi(value);
		else if (strcmp(name, "--seconds") == 0)
			load.seconds = atoi(value);
		else if (strcmp(name, "--per-connection") == 0)
			load.per_connection = atoi(value);
		else if (strcmp(name, "--timeout") == 0)
			load.timeout = atoi(value);
		else
			return -1;
	}
	return 0;
}

static void
print_result(void)
{
	unsigned long long failed = 0;
	printf("{\"answers\": %llu, \"connects\": %llu, \"slowest_ms\": %llu",
		(unsigned long long)load.answers, (unsigned long long)load.connects,
		(unsigned long long)load.slowest_ms);
	for (int i = 0; i < FAULT_COUNT; i++) {
		failed += load.faults[i];
		printf(", \"%s\": %llu", fault_names[i], (unsigned long long)load.faults[i]);
	}
	printf(", \"failed\": %llu}\n", failed);
}

static void
on_term(int number)
{
	(void)number;
	atomic_store(&load.stop, true);
}

int
main(int argc, char **argv)
{
	if (parse(argc, argv))
		return fprintf(stderr, "load: see the head of load.c\n"), 2;
	signal(SIGPIPE, SIG_IGN);
	signal(SIGTERM, on_term);
	load.ctx = SSL_CTX_new(TLS_client_method());
	int n = snprintf(load.request, sizeof load.request, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n",
		load.path, load.host);
	load.request_len = (size_t)n;
	load.end_ms = now_ms() + (uint64_t)load.seconds * 1000;
	struct connection *all = calloc((size_t)load.connections, sizeof *all);
	pthread_t *threads = calloc((size_t)load.connections, sizeof *threads);
	pthread_attr_t attr;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 256 * 1024);
	for (int i = 0; i < load.connections; i++)
		if (!all || !threads || pthread_create(&threads[i], &attr, run_connection, &all[i]))
			return perror("load"), 2;
	for (int i = 0; i < load.connections; i++)
		pthread_join(threads[i], NULL);
	print_result();
	return 0;
}
