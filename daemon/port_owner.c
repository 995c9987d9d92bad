/*
 * Finds the process behind a listening TCP port: its socket's inode in /proc/net/tcp or tcp6,
 * then the process that holds a descriptor "socket:[inode]". Used for one error message only.
 */
#include "daemon/port_owner.h"

#include "core/num.h"
#include "core/own.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define STATE_LISTEN 0x0A /* TCP_LISTEN in /proc/net/tcp */

/* A line of /proc/net/tcp: "sl: ADDRESS:PORT REMOTE:PORT STATE … uid timeout inode …", with the
 * address in the host's byte order, four bytes at a time. */
static int
parse_line(const char *line, struct addr *ret_addr, unsigned *ret_port, uint64_t *ret_inode)
{
	char local[33];
	unsigned port, state;
	uint64_t inode;
	size_t words;

	if (sscanf(line,
		    "%*d: %32[0-9A-F]:%X %*[0-9A-F]:%*X %X %*X:%*X %*X:%*X %*X %*u %*u "
		    "%" SCNu64,
		    local, &port, &state, &inode) != 4 ||
		state != STATE_LISTEN)
		return -1;
	words = strlen(local) / 8;
	*ret_addr = (struct addr){.family = words == 1 ? AF_INET : AF_INET6};
	for (size_t i = 0; i < words && i < 4; i++) {
		uint64_t word;
		uint32_t bytes;

		if (num_parse_hex(slice_of(local + 8 * i, 8), &word) < 0)
			return -1;
		bytes = (uint32_t)word;
		memcpy(ret_addr->bytes + 4 * i, &bytes, sizeof(bytes));
	}
	*ret_port = port;
	*ret_inode = inode;
	return 0;
}

static bool
collides(const struct addr *theirs, const struct addr *ours)
{
	static const uint8_t zero[16];

	if (addr_eq(theirs, ours))
		return true;
	/* A dual-stack wildcard holds the IPv4 port as well. */
	return memcmp(theirs->bytes, zero, 16) == 0 ||
	       (theirs->family == ours->family && memcmp(ours->bytes, zero, 16) == 0);
}

static uint64_t
find_inode(const char *file, const struct addr *addr, uint16_t port)
{
	FILE *f = fopen(file, "re");
	char line[256];
	uint64_t found = 0;

	while (f && !found && fgets(line, sizeof(line), f)) {
		struct addr theirs;
		unsigned their_port;
		uint64_t inode;

		if (parse_line(line, &theirs, &their_port, &inode) == 0 && their_port == port &&
			collides(&theirs, addr))
			found = inode;
	}
	if (f)
		fclose(f);
	return found;
}

static bool
holds(const char *pid, const char *wanted)
{
	char path[300], target[64];
	const struct dirent *d;
	bool found = false;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%.16s/fd", pid);
	dir = opendir(path);
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

static void
describe(const char *pid, char out[static PORT_OWNER_MAX])
{
	char path[64], name[32] = "a program";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%.16s/comm", pid);
	f = fopen(path, "re");
	if (f && fgets(name, sizeof(name), f))
		name[strcspn(name, "\n")] = '\0';
	if (f)
		fclose(f);
	snprintf(out, PORT_OWNER_MAX, "%.31s (pid %.16s)", name, pid);
}

void
port_owner(const struct addr *addr, uint16_t port, char out[static PORT_OWNER_MAX])
{
	uint64_t inode = find_inode(
		addr->family == AF_INET ? "/proc/net/tcp" : "/proc/net/tcp6", addr, port);
	const struct dirent *d;
	char wanted[64];
	DIR *proc;

	out[0] = '\0';
	if (!inode && addr->family == AF_INET)
		inode = find_inode("/proc/net/tcp6", addr, port);
	proc = inode ? opendir("/proc") : NULL;
	snprintf(wanted, sizeof(wanted), "socket:[%" PRIu64 "]", inode);
	while (proc && !out[0] && (d = readdir(proc)))
		if (d->d_name[0] >= '1' && d->d_name[0] <= '9' && holds(d->d_name, wanted))
			describe(d->d_name, out);
	if (proc)
		closedir(proc);
}
