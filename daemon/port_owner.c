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

/* 0 for a line of a listening socket. */
static int
parse_line(const char *line, struct addr *ret_addr, uint64_t *ret_port, uint64_t *ret_inode)
{
	struct slice words[WORDS];
	uint64_t state;

	if (split_words(slice_str(line), words) < WORDS ||
		num_parse_hex(words[WORD_STATE], &state) < 0 || state != STATE_LISTEN ||
		num_parse(words[WORD_INODE], 1, UINT64_MAX, ret_inode) < 0)
		return -1;
	return parse_local(words[WORD_LOCAL], ret_addr, ret_port);
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
		uint64_t their_port, inode;

		if (parse_line(line, &theirs, &their_port, &inode) == 0 && their_port == port &&
			collides(&theirs, addr))
			found = inode;
	}
	if (f)
		(void)fclose(f);
	return found;
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

static void
describe(const char *pid, char out[static PORT_OWNER_MAX])
{
	char path[64], name[32] = "a program";
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%.16s/comm", pid);
	f = fopen(path, "re");
	if (f && fgets(name, sizeof(name), f))
		name[strcspn(name, "\n")] = '\0';
	if (f)
		(void)fclose(f);
	(void)snprintf(out, PORT_OWNER_MAX, "%.31s (pid %.16s)", name, pid);
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
	(void)snprintf(wanted, sizeof(wanted), "socket:[%" PRIu64 "]", inode);
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
	while (proc && !out[0] && (d = readdir(proc)))
		if (d->d_name[0] >= '1' && d->d_name[0] <= '9' && holds(d->d_name, wanted))
			describe(d->d_name, out);
	if (proc)
		closedir(proc);
}
