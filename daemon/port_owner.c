/*
 * Finds the process behind a port: its socket's inode in /proc/net/tcp and its like, then the
 * process that holds a descriptor "socket:[inode]". For messages only.
 */
#include "daemon/port_owner.h"

#include "core/num.h"
#include "core/own.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define STATE_ESTABLISHED 0x01 /* TCP_ESTABLISHED */
#define STATE_LISTEN 0x0A      /* TCP_LISTEN in /proc/net/tcp */
#define STATE_UNCONNECTED 0x07 /* TCP_CLOSE, which a UDP socket without a peer has */

/* Which words of a line of /proc/net/tcp matter: "sl local remote state tx:rx tr:when retrnsmt
 * uid timeout inode …". */
enum { WORD_LOCAL = 1, WORD_STATE = 3, WORD_INODE = 9, WORDS };

/* Splits a line at blanks; the number of words found, at most WORDS. */
static size_t
split_words(struct slice line, struct slice words[static WORDS])
{
	size_t n = 0;

	for (line = slice_trim(line); line.n > 0 && n < WORDS; n++) {
		words[n] = slice_head(line, slice_index(line, ' '));
		line = slice_trim(slice_skip(line, words[n].n));
	}
	return n;
}

/* "0100007F:1F90": the address four bytes at a time, each in the host's byte order. */
static int
parse_local(struct slice s, struct addr *ret_addr, uint64_t *ret_port)
{
	size_t digits = slice_index(s, ':');

	if (num_parse_hex(slice_skip(s, digits + 1), ret_port) < 0 || (digits != 8 && digits != 32))
		return -1;
	*ret_addr = (struct addr){.family = digits == 8 ? AF_INET : AF_INET6};
	for (size_t i = 0; i < digits / 8; i++) {
		uint64_t word;
		uint32_t bytes;

		if (num_parse_hex(slice_head(slice_skip(s, 8 * i), 8), &word) < 0)
			return -1;
		bytes = (uint32_t)word;
		memcpy(ret_addr->bytes + 4 * i, &bytes, sizeof(bytes));
	}
	return 0;
}

/* 0 for a line of a socket in this state. */
static int
parse_line(const char *line, uint64_t wanted, struct port_socket *ret)
{
	struct slice words[WORDS];
	struct port_socket s;
	uint64_t state, port;

	if (split_words(slice_str(line), words) < WORDS ||
		num_parse_hex(words[WORD_STATE], &state) < 0 || state != wanted ||
		num_parse(words[WORD_INODE], 1, UINT64_MAX, &s.inode) < 0 ||
		parse_local(words[WORD_LOCAL], &s.addr, &port) < 0)
		return -1;
	s.port = (uint16_t)port;
	*ret = s;
	return 0;
}

bool
port_owner_collides(const struct addr *theirs, const struct addr *ours)
{
	static const uint8_t zero[16];

	if (addr_eq(theirs, ours))
		return true;
	/* A dual-stack wildcard holds the IPv4 port as well. */
	return memcmp(theirs->bytes, zero, 16) == 0 ||
	       (theirs->family == ours->family && memcmp(ours->bytes, zero, 16) == 0);
}

static size_t
list_file(const char *file, uint64_t state, struct port_socket *ret, size_t max)
{
	FILE *f = fopen(file, "re");
	char line[256];
	size_t n = 0;

	while (f && n < max && fgets(line, sizeof(line), f))
		if (parse_line(line, state, &ret[n]) == 0)
			n++;
	if (f)
		(void)fclose(f);
	return n;
}

size_t
port_owner_list(bool udp, struct port_socket *ret, size_t max)
{
	uint64_t state = udp ? STATE_UNCONNECTED : STATE_LISTEN;
	size_t n = list_file(udp ? "/proc/net/udp" : "/proc/net/tcp", state, ret, max);

	return n + list_file(udp ? "/proc/net/udp6" : "/proc/net/tcp6", state, ret + n, max - n);
}

size_t
port_owner_list_talking(struct port_socket *ret, size_t max)
{
	size_t n = list_file("/proc/net/tcp", STATE_ESTABLISHED, ret, max);

	return n + list_file("/proc/net/tcp6", STATE_ESTABLISHED, ret + n, max - n);
}

static bool
holds(const char *pid, const char *wanted)
{
	char path[300], target[64];
	const struct dirent *d;
	bool found = false;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "/proc/%.16s/fd", pid);
	dir = opendir(path);
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
	while (dir && !found && (d = readdir(dir))) {
		ssize_t n = readlinkat(dirfd(dir), d->d_name, target, sizeof(target) - 1);

		if (n > 0) {
			target[n] = '\0';
			found = strcmp(target, wanted) == 0;
		}
	}
	if (dir)
		closedir(dir);
	return found;
}

/* The first line of /proc/PID/NAME, or the first word of its command line. */
static void
read_line(const char *pid, const char *name, char *out, int size)
{
	char path[64];
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%.16s/%.16s", pid, name);
	f = fopen(path, "re");
	if (f && fgets(out, size, f))
		out[strcspn(out, "\n")] = '\0';
	if (f)
		(void)fclose(f);
}

/* "0::/system.slice/nginx.service" -> "nginx.service". */
static void
find_unit(const char *pid, char out[static PORT_OWNER_MAX])
{
	char line[PORT_CGROUP_MAX] = "";
	const char *name;

	read_line(pid, "cgroup", line, sizeof(line));
	name = strrchr(line, '/');
	if (name && slice_ends(slice_str(name), SLICE_LIT(".service")) &&
		strlen(name + 1) < PORT_OWNER_MAX)
		(void)snprintf(out, PORT_OWNER_MAX, "%s", name + 1);
}

static void
describe(const char *pid, struct port_owner *ret)
{
	uint64_t number = 0;

	(void)num_parse(slice_str(pid), 1, INT32_MAX, &number);
	*ret = (struct port_owner){.pid = (int)number, .name = "a program"};
	read_line(pid, "comm", ret->name, sizeof(ret->name));
	read_line(pid, "cmdline", ret->command, sizeof(ret->command));
	find_unit(pid, ret->unit);
}

bool
port_owner_of(uint64_t inode, struct port_owner *ret)
{
	const struct dirent *d;
	char wanted[64];
	bool found = false;
	DIR *proc = opendir("/proc");

	(void)snprintf(wanted, sizeof(wanted), "socket:[%" PRIu64 "]", inode);
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
	while (proc && !found && (d = readdir(proc))) {
		found = d->d_name[0] >= '1' && d->d_name[0] <= '9' && holds(d->d_name, wanted);
		if (found)
			describe(d->d_name, ret);
	}
	if (proc)
		closedir(proc);
	return found;
}

void
port_owner(const struct addr *addr, uint16_t port, char out[static PORT_OWNER_MAX])
{
	_free_ struct port_socket *sockets = calloc(PORT_SOCKETS_MAX, sizeof(*sockets));
	size_t n = sockets ? port_owner_list(false, sockets, PORT_SOCKETS_MAX) : 0;
	struct port_owner owner;

	out[0] = '\0';
	for (size_t i = 0; i < n && !out[0]; i++)
		if (sockets[i].port == port && port_owner_collides(&sockets[i].addr, addr) &&
			port_owner_of(sockets[i].inode, &owner))
			(void)snprintf(
				out, PORT_OWNER_MAX, "%.31s (pid %d)", owner.name, owner.pid);
}
