/*
 * One datagram a state to the socket that NOTIFY_SOCKET names; a first byte '@' means an abstract
 * one. A failure is no concern of ours: the manager has its own deadline.
 */
#include "daemon/notify.h"

#include "core/clock.h"
#include "core/own.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

struct notifier {
	char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)]; /* as it was given */
	struct sockaddr_un address;
	socklen_t len; /* 0: nobody listens */
};

static struct notifier notifier;

void
notify_init(void)
{
	const char *path = secure_getenv("NOTIFY_SOCKET");
	size_t n = path ? strlen(path) : 0;

	if (n < 2 || n >= sizeof(notifier.address.sun_path) || (path[0] != '/' && path[0] != '@'))
		return;
	memcpy(notifier.path, path, n + 1);
	notifier.address.sun_family = AF_UNIX;
	memcpy(notifier.address.sun_path, path, n);
	if (path[0] == '@')
		notifier.address.sun_path[0] = '\0';
	notifier.len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
	unsetenv("NOTIFY_SOCKET"); /* NOLINT(concurrency-mt-unsafe): one thread */
}

void
notify_put_env(void)
{
	if (notifier.len > 0)
		(void)setenv("NOTIFY_SOCKET", notifier.path, 1); /* NOLINT(concurrency-mt-unsafe) */
}

static void
say(const char *text)
{
	_fd_ int fd = -1;

	if (notifier.len == 0)
		return;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0)
		(void)sendto(fd, text, strlen(text), MSG_NOSIGNAL,
			(const struct sockaddr *)&notifier.address, notifier.len);
}

void
notify_ready(void)
{
	say("READY=1\nSTATUS=Runs\n");
}

void
notify_reloading(void)
{
	char text[96];

	(void)snprintf(text, sizeof(text),
		"RELOADING=1\nMONOTONIC_USEC=%" PRIu64 "\nSTATUS=Reloads\n",
		clock_mono_ms() * 1000);
	say(text);
}

void
notify_stopping(void)
{
	say("STOPPING=1\n");
}
