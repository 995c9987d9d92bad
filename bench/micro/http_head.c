/*
 * What the hot path's pure code costs: parsing a browser's request head, resolving its path,
 * finding its route's head to forward, parsing an application's response head and rewriting it.
 * Prints nanoseconds a turn.
 *
 *	cmake --build --preset release --target bench_http_head &&
 *build/release/bench/bench_http_head
 */
#include "proxy/http/forward_head.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define TURNS 2000000u

static const char request_head[] =
	"GET /jenkins/static/4f0f7d0c/images/svgs/logo.svg?v=12 HTTP/1.1\r\n"
	"Host: www.savjee.example\r\n"
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
	"Accept: image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5\r\n"
	"Accept-Language: en-US,en;q=0.5\r\n"
	"Accept-Encoding: gzip, deflate, br, zstd\r\n"
	"Referer: https://www.savjee.example/jenkins/job/build/\r\n"
	"Connection: keep-alive\r\n"
	"Cookie: JSESSIONID.4f0f7d0c=node01f0qj2l3x8v0c1m5w6zq7k8r9p0.node0; screen=1920\r\n"
	"Sec-Fetch-Dest: image\r\n"
	"Sec-Fetch-Mode: no-cors\r\n"
	"\r\n";

static const char response_head[] = "HTTP/1.1 200 OK\r\n"
				    "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
				    "Server: Jetty(10.0.20)\r\n"
				    "X-Content-Type-Options: nosniff\r\n"
				    "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
				    "Expires: Mon, 06 Nov 1995 08:49:37 GMT\r\n"
				    "Cache-Control: public, max-age=31536000, immutable\r\n"
				    "Content-Type: image/svg+xml\r\n"
				    "Content-Length: 1024\r\n"
				    "\r\n";

struct bench {
	struct http_request request;
	struct http_response response;
	struct http_path path;
	struct arena *arena;
	struct buf out;
};

static void
parse_request(struct bench *b)
{
	http_request_init(&b->request);
	if (http_parse_request(&b->request, request_head, sizeof(request_head) - 1) != HTTP_DONE)
		abort();
}

static void
resolve_path(struct bench *b)
{
	struct slice path = http_request_slice(&b->request, b->request.path);

	if (http_path_resolve(path, b->arena, &b->path) != HTTP_REASON_NONE)
		abort();
}

static void
forward_request(struct bench *b)
{
	struct forward_request f = {.request = &b->request,
		.path = &b->path,
		.matched = 9,
		.replacement = SLICE_LIT("/"),
		.client = SLICE_LIT("192.0.2.7"),
		.peer = SLICE_LIT("192.0.2.7"),
		.tls = true,
		.port = 443};

	buf_reset(&b->out);
	if (forward_request_head(&f, &b->out) < 0)
		abort();
}

static void
parse_response(struct bench *b)
{
	http_response_init(&b->response, HTTP_METHOD_GET);
	if (http_parse_response(&b->response, response_head, sizeof(response_head) - 1) !=
		HTTP_DONE)
		abort();
}

static void
forward_response(struct bench *b)
{
	struct forward_response f = {
		.response = &b->response, .body = HTTP_BODY_LENGTH, .keep_alive = true, .minor = 1};

	buf_reset(&b->out);
	if (forward_response_head(&f, &b->out) < 0)
		abort();
}

static void
measure(const char *name, void (*turn)(struct bench *b), struct bench *b)
{
	struct timespec from, to;
	double ns;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
	for (unsigned i = 0; i < TURNS; i++)
		turn(b);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
	ns = (double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec);
	printf("%-18s %7.1f ns\n", name, ns / TURNS);
}

int
main(void)
{
	struct bench b = {.arena = arena_new(4096, 65536)};

	buf_init(&b.out, FORWARD_RESPONSE_HEAD_MAX);
	measure("parse request", parse_request, &b);
	measure("resolve path", resolve_path, &b);
	measure("forward request", forward_request, &b);
	measure("parse response", parse_response, &b);
	measure("forward response", forward_response, &b);
	buf_clear(&b.out);
	arena_free(&b.arena);
	return 0;
}
