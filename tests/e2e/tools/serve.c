/*
 * The server that tests run inside containers: static, so that it runs on any root file system.
 * It answers HTTP on a TCP port and text on a UDP port with the address it sees, so that a test
 * can tell what the client looks like from inside. A test program: it trusts its test.
 *
 *	serve --tcp 8080 [--udp 5353] [--detach]
 *
 * GET /bytes/N: N bytes of the pattern that tests know (byte i is i * 31 + i / 256, modulo 256).
 * GET /text/T: T. Other GET: JSON with peer, path, head. POST, PUT: JSON with the body's length and
 *SHA-256.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEAD_MAX 65536

struct client {
	int fd;
	char peer[INET6_ADDRSTRLEN];
	unsigned peer_port;
	char data[HEAD_MAX + 1]; /* what was read and not yet used */
	size_t n;
};

static void
die(const char *what)
{
	perror(what);
	exit(1);
}

static bool
send_all(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t r = send(fd, p, n, MSG_NOSIGNAL);
		if (r <= 0)
			return false;
		p += r;
		n -= (size_t)r;
	}
	return true;
}

/* The peer as text; a mapped IPv4 address in its own form. */
static void
peer_text(const struct sockaddr_in6 *a, char out[INET6_ADDRSTRLEN])
{
	if (IN6_IS_ADDR_V4MAPPED(&a->sin6_addr))
		inet_ntop(AF_INET, &a->sin6_addr.s6_addr[12], out, INET6_ADDRSTRLEN);
	else
		inet_ntop(AF_INET6, &a->sin6_addr, out, INET6_ADDRSTRLEN);
}

/* Head and body leave in one call: a server that is killed has answered whole or not at all. */
static bool
answer(struct client *c, const char *type, const char *body, size_t n)
{
	static _Thread_local char text[3 * HEAD_MAX + 256];
	int head = snprintf(text, sizeof text,
		"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n", type, n);
	memcpy(text + head, body, n);
	return send_all(c->fd, text, (size_t)head + n);
}

static bool
answer_bytes(struct client *c, uint64_t n)
{
	char head[256], block[65536];
	int len = snprintf(head, sizeof head,
		"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n"
		"Content-Length: %llu\r\n\r\n",
		(unsigned long long)n);
	if (!send_all(c->fd, head, (size_t)len))
		return false;
	for (size_t i = 0; i < sizeof block; i++)
		block[i] = (char)(i * 31 + i / 256);
	for (uint64_t sent = 0; sent < n;) {
		size_t part = n - sent < sizeof block ? (size_t)(n - sent) : sizeof block;
		if (!send_all(c->fd, block, part))
			return false;
		sent += part;
	}
	return true;
}

/* The head as a JSON string. */
static size_t
quote(char *out, const char *text)
{
	char *o = out;
	for (; *text; text++) {
		unsigned char ch = (unsigned char)*text;
		if (ch == '"' || ch == '\\')
			*o++ = '\\', *o++ = (char)ch;
		else if (ch == '\n')
			*o++ = '\\', *o++ = 'n';
		else if (ch >= ' ' && ch < 127)
			*o++ = (char)ch;
	}
	*o = '\0';
	return (size_t)(o - out);
}

static bool
answer_json(struct client *c, const char *head, const char *path)
{
	static _Thread_local char body[3 * HEAD_MAX], quoted[2 * HEAD_MAX];
	quote(quoted, head);
	int n = snprintf(body, sizeof body,
		"{\"peer\": \"%s\", \"peer_port\": %u, \"path\": \"%s\", \"head\": \"%s\"}\n",
		c->peer, c->peer_port, path, quoted);
	return answer(c, "application/json", body, (size_t)n);
}

static bool
answer_upload(struct client *c, uint64_t length)
{
	EVP_MD_CTX *sum = EVP_MD_CTX_new();
	EVP_DigestInit_ex(sum, EVP_sha256(), NULL);
	bool whole = false;
	for (uint64_t seen = 0;;) {
		size_t n = c->n < length - seen ? c->n : (size_t)(length - seen);
		EVP_DigestUpdate(sum, c->data, n);
		seen += n;
		memmove(c->data, c->data + n, c->n - n);
		c->n -= n;
		if ((whole = seen == length))
			break;
		ssize_t r = recv(c->fd, c->data, HEAD_MAX, 0);
		if (r <= 0)
			break;
		c->n = (size_t)r;
	}
	unsigned char digest[EVP_MAX_MD_SIZE];
	char hex[2 * EVP_MAX_MD_SIZE + 1], body[256];
	unsigned size;
	EVP_DigestFinal_ex(sum, digest, &size);
	EVP_MD_CTX_free(sum);
	for (unsigned i = 0; i < size; i++)
		sprintf(hex + 2 * (size_t)i, "%02x", digest[i]);
	int n = snprintf(body, sizeof body, "{\"length\": %llu, \"sha256\": \"%s\"}\n",
		(unsigned long long)length, hex);
	return whole && answer(c, "application/json", body, (size_t)n);
}

static const char *
field(const char *head, const char *name)
{
	size_t n = strlen(name);
	for (const char *p = strstr(head, "\r\n"); p; p = strstr(p + 2, "\r\n"))
		if (strncasecmp(p + 2, name, n) == 0 && p[2 + n] == ':')
			return p + 2 + n + 1 + strspn(p + 2 + n + 1, " ");
	return NULL;
}

static bool
one_request(struct client *c)
{
	char *end;
	for (c->data[c->n] = '\0'; !(end = strstr(c->data, "\r\n\r\n")); c->data[c->n] = '\0') {
		ssize_t r = c->n < HEAD_MAX ? recv(c->fd, c->data + c->n, HEAD_MAX - c->n, 0) : 0;
		if (r <= 0)
			return false;
		c->n += (size_t)r;
	}
	char head[HEAD_MAX + 1], method[16], path[2048];
	size_t n = (size_t)(end - c->data) + 4;
	memcpy(head, c->data, n);
	head[n - 4] = '\0';
	memmove(c->data, c->data + n, c->n - n);
	c->n -= n;
	if (sscanf(head, "%15s %2047s", method, path) != 2)
		return false;
	const char *length = field(head, "content-length");
	if (length)
		return answer_upload(c, strtoull(length, NULL, 10));
	if (strncmp(path, "/bytes/", 7) == 0)
		return answer_bytes(c, strtoull(path + 7, NULL, 10));
	if (strncmp(path, "/text/", 6) == 0)
		return answer(c, "text/plain", path + 6, strlen(path + 6));
	return answer_json(c, head, path);
}

static void *
serve_client(void *arg)
{
	struct client *c = arg;
	while (one_request(c))
		;
	close(c->fd);
	free(c);
	return NULL;
}

static int
open_socket(int type, int port)
{
	struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
	int one = 1, zero = 0, fd = socket(AF_INET6, type | SOCK_CLOEXEC, 0);
	if (fd < 0)
		die("socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero);
	if (bind(fd, (struct sockaddr *)&a, sizeof a))
		die("bind");
	if (type == SOCK_STREAM && listen(fd, 4096))
		die("listen");
	return fd;
}

static void *
serve_udp(void *arg)
{
	int fd = *(int *)arg;
	for (;;) {
		char text[2048], out[2200], peer[INET6_ADDRSTRLEN];
		struct sockaddr_in6 a;
		socklen_t len = sizeof a;
		ssize_t n = recvfrom(fd, text, sizeof text - 1, 0, (struct sockaddr *)&a, &len);
		if (n < 0)
			continue;
		text[n] = '\0';
		peer_text(&a, peer);
		int m = snprintf(out, sizeof out, "%s %u %s", peer, ntohs(a.sin6_port), text);
		sendto(fd, out, (size_t)m, 0, (struct sockaddr *)&a, len);
	}
	return NULL;
}

static void
serve_tcp(int listener)
{
	pthread_attr_t attr;
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, 2 * 1024 * 1024);
	for (;;) {
		struct sockaddr_in6 a;
		socklen_t len = sizeof a;
		int one = 1, fd = accept4(listener, (struct sockaddr *)&a, &len, SOCK_CLOEXEC);
		if (fd < 0)
			continue;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
		struct client *c = calloc(1, sizeof *c);
		if (!c)
			die("calloc");
		c->fd = fd;
		c->peer_port = ntohs(a.sin6_port);
		peer_text(&a, c->peer);
		pthread_t t;
		if (pthread_create(&t, &attr, serve_client, c)) {
			close(fd);
			free(c);
		}
	}
}

int
main(int argc, char **argv)
{
	int tcp = 8080, udp = 0;
	bool detach = false;
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--detach") == 0)
			detach = true;
		else if (i + 1 < argc && strcmp(argv[i], "--tcp") == 0)
			tcp = atoi(argv[++i]);
		else if (i + 1 < argc && strcmp(argv[i], "--udp") == 0)
			udp = atoi(argv[++i]);
		else
			return fprintf(stderr, "serve: what is %s?\n", argv[i]), 2;
	}
	signal(SIGPIPE, SIG_IGN);
	int listener = open_socket(SOCK_STREAM, tcp);
	int datagrams = udp ? open_socket(SOCK_DGRAM, udp) : -1;
	/* The sockets are open before we leave the caller: who started us may connect at once. */
	if (detach && daemon(0, 0))
		die("daemon");
	pthread_t t;
	if (datagrams >= 0 && pthread_create(&t, NULL, serve_udp, &datagrams))
		die("pthread_create");
	serve_tcp(listener);
}
