/*
 * The backend of the benchmarks: answers every request on a kept connection with SIZE bytes. One
 * thread, epoll, as little work as can be, so that it is never what is measured. It reads requests
 * without bodies only, and waits for whoever does not take an answer.
 *
 *	backend PORT SIZE [SECONDS [MS]]
 *
 * SECONDS: how long a cache may keep the answer; absent: nothing is said of it. MS: it sleeps for
 *so long before it reads what has come. GET /requests is answered with how many others there were.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS 256
#define READ_MAX 65536
#define BODY_MAX (16 * 1024 * 1024)
#define COUNT_PATH "GET /requests "

static char answer[BODY_MAX + 256];
static size_t answer_size;
static unsigned long requests;

static void
answer_make(size_t body, const char *seconds)
{
	int head = snprintf(answer, 256,
		"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: "
		"%zu\r\n%s%.9s%s\r\n",
		body, seconds ? "Cache-Control: max-age=" : "", seconds ? seconds : "",
		seconds ? "\r\n" : "");

	memset(answer + head, 'x', body);
	answer_size = (size_t)head + body;
}

static int
listen_on(unsigned short port)
{
	struct sockaddr_in sin = {.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
		bind(fd, (struct sockaddr *)&sin, sizeof(sin)) < 0 || listen(fd, 1024) < 0) {
		perror("listen");
		exit(1);
	}
	return fd;
}

static void
accept_all(int loop, int listener)
{
	int fd, on = 1;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct epoll_event ev = {.events = EPOLLIN, .data.fd = fd};

		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		if (epoll_ctl(loop, EPOLL_CTL_ADD, fd, &ev) < 0)
			close(fd);
	}
}

static int
write_all(int fd, const char *data, size_t size)
{
	for (size_t at = 0; at < size;) {
		ssize_t n = write(fd, data + at, size - at);

		if (n < 0 && errno == EAGAIN)
			poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, -1);
		else if (n < 0)
			return -1;
		else
			at += (size_t)n;
	}
	return 0;
}

static int
write_count(int fd)
{
	char body[32], all[128];
	int n = snprintf(body, sizeof(body), "%lu\n", requests);

	n = snprintf(all, sizeof(all), "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", n, body);
	return write_all(fd, all, (size_t)n);
}

/* One answer for each blank line that arrives; heads are small and come in one piece. */
static void
serve(int fd)
{
	static char in[READ_MAX];
	ssize_t n = read(fd, in, sizeof(in) - 1);

	if (n <= 0) {
		if (n < 0 && errno == EAGAIN)
			return;
		close(fd);
		return;
	}
	in[n] = '\0';
	if (strncmp(in, COUNT_PATH, strlen(COUNT_PATH)) == 0) {
		if (write_count(fd) < 0)
			close(fd);
		return;
	}
	for (char *p = in; (p = strstr(p, "\r\n\r\n")); p += 4) {
		requests++;
		if (write_all(fd, answer, answer_size) < 0) {
			close(fd);
			return;
		}
	}
}

int
main(int argc, char **argv)
{
	struct epoll_event ev = {.events = EPOLLIN}, events[EVENTS];
	useconds_t delay = argc > 4 ? (useconds_t)strtoul(argv[4], NULL, 10) * 1000 : 0;
	int listener, loop, n;

	if (argc < 3 || argc > 5 || strtoul(argv[2], NULL, 10) > BODY_MAX) {
		fprintf(stderr, "usage: backend PORT SIZE [SECONDS [MS]]\n");
		return 2;
	}
	answer_make(strtoul(argv[2], NULL, 10), argc > 3 ? argv[3] : NULL);
	listener = listen_on((unsigned short)strtoul(argv[1], NULL, 10));
	loop = epoll_create1(EPOLL_CLOEXEC);
	ev.data.fd = listener;
	if (loop < 0 || epoll_ctl(loop, EPOLL_CTL_ADD, listener, &ev) < 0) {
		perror("epoll");
		return 1;
	}
	for (;;) {
		n = epoll_wait(loop, events, EVENTS, -1);
		if (delay)
			usleep(delay);
		for (int i = 0; i < n; i++) {
			if (events[i].data.fd == listener)
				accept_all(loop, listener);
			else
				serve(events[i].data.fd);
		}
	}
}
