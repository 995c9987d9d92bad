/*
 * New connections a second, from one network namespace to another: the client connects to a port
 * of a range, picked anew each time, and resets the connection at once, so that neither side keeps
 * anything. The server accepts and closes. Prints how many connections a second there were.
 *
 *	connect CLIENT-NAMESPACE SERVER-NAMESPACE SERVER-PORT ADDRESS LOW HIGH SECONDS
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ARGUMENTS 8
#define PATH_MAX_BYTES 256
#define BACKLOG 4096

static void
die(const char *what)
{
	perror(what);
	exit(1);
}

static void
enter(const char *name)
{
	char path[PATH_MAX_BYTES];
	int fd;

	if (snprintf(path, sizeof(path), "/run/netns/%s", name) >= (int)sizeof(path))
		die(name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET) < 0)
		die(path);
	close(fd);
}

static void
reset(int fd)
{
	const struct linger now = {.l_onoff = 1};

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
}

static int
listen_at(uint16_t port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
		bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(fd, BACKLOG) < 0)
		die("listen");
	return fd;
}

static void
serve(int fd)
{
	for (;;) {
		int one = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

		if (one >= 0)
			reset(one);
		else if (errno != ECONNABORTED && errno != EINTR)
			die("accept");
	}
}

static double
seconds(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
connect_once(struct sockaddr_in *to)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	/* The server's reset may come before this thread wakes: the connection was made, or the
	 * error would be "refused". */
	if (fd < 0 || (connect(fd, (struct sockaddr *)to, sizeof(*to)) < 0 && errno != ECONNRESET))
		die("connect");
	reset(fd);
}

static double
rate(const char *address, unsigned low, unsigned high, double limit)
{
	struct sockaddr_in to = {.sin_family = AF_INET};
	uint64_t state = 1, n = 0;
	double start = seconds(), now = start;

	if (inet_pton(AF_INET, address, &to.sin_addr) != 1)
		die(address);
	while (now - start < limit) {
		state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		to.sin_port = htons((uint16_t)(low + (uint32_t)(state >> 33) % (high - low + 1)));
		connect_once(&to);
		n++;
		now = seconds();
	}
	return (double)n / (now - start);
}

int
main(int argc, char **argv)
{
	pid_t server;
	int fd;

	if (argc != ARGUMENTS)
		return 2;
	enter(argv[2]);
	fd = listen_at((uint16_t)atoi(argv[3]));
	server = fork();
	if (server < 0)
		die("fork");
	if (server == 0) {
		/* A client that fails leaves no server behind, which would keep its reader waiting.
		 */
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		serve(fd);
	}
	enter(argv[1]);
	printf("%.0f\n",
		rate(argv[4], (unsigned)atoi(argv[5]), (unsigned)atoi(argv[6]), atof(argv[7])));
	(void)kill(server, SIGKILL);
	(void)waitpid(server, NULL, 0);
	return 0;
}
