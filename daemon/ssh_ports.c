/* Processes first: those of a name are few, and only their descriptors are looked at. */
#include "daemon/ssh_ports.h"

#include "core/num.h"
#include "core/own.h"
#include "daemon/port_owner.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What of this network namespace may be a server's, or a conversation with one. */
struct sockets {
	struct port_socket listening[PORT_SOCKETS_MAX], talking[PORT_SOCKETS_MAX];
	size_t n_listening, n_talking;
};

static bool
is_loopback(const struct addr *a)
{
	static const struct addr loop6 = {.family = AF_INET6, .bytes = {[15] = 1}};

	return a->family == AF_INET ? a->bytes[0] == 127 : addr_eq(a, &loop6);
}

/* "sshd", and "sshd-session" of newer ones. A process that is not root's may call itself so. */
static bool
serves_ssh(const char *pid)
{
	char path[64], name[32] = "";
	struct stat st;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%.16s/comm", pid);
	f = fopen(path, "re");
	if (!f)
		return false;
	if (!fgets(name, sizeof(name), f))
		name[0] = '\0';
	if (fstat(fileno(f), &st) < 0 || st.st_uid != 0)
		name[0] = '\0';
	(void)fclose(f);
	return strncmp(name, "sshd", 4) == 0 || strcmp(name, "dropbear\n") == 0;
}

static void
add(struct ssh_ports *ret, const struct port_socket *s)
{
	for (size_t i = 0; i < ret->n; i++)
		if (ret->v[i] == s->port)
			return;
	if (ret->n < SSH_PORTS_MAX && !is_loopback(&s->addr))
		ret->v[ret->n++] = s->port;
}

/* One descriptor of such a process. */
static void
take_socket(const struct sockets *all, uint64_t inode, struct ssh_ports *ret)
{
	for (size_t i = 0; i < all->n_listening; i++)
		if (all->listening[i].inode == inode)
			add(ret, &all->listening[i]);
	for (size_t i = 0; i < all->n_talking; i++) {
		if (all->talking[i].inode != inode || is_loopback(&all->talking[i].addr))
			continue;
		for (size_t k = 0; k < all->n_listening; k++)
			if (all->listening[k].port == all->talking[i].port)
				add(ret, &all->listening[k]);
	}
}

static void
take_process(const struct sockets *all, const char *pid, struct ssh_ports *ret)
{
	char path[64], target[64];
	const struct dirent *d;
	uint64_t inode;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "/proc/%.16s/fd", pid);
	dir = opendir(path);
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
	while (dir && (d = readdir(dir))) {
		ssize_t n = readlinkat(dirfd(dir), d->d_name, target, sizeof(target) - 1);
		struct slice link = slice_of(target, n > 0 ? (size_t)n : 0), open;

		open = SLICE_LIT("socket:[");
		if (!slice_starts(link, open) || !slice_ends(link, SLICE_LIT("]")))
			continue;
		link = slice_head(slice_skip(link, open.n), link.n - open.n - 1);
		if (num_parse(link, 1, UINT64_MAX, &inode) == 0)
			take_socket(all, inode, ret);
	}
	if (dir)
		closedir(dir);
}

void
ssh_ports_find(struct ssh_ports *ret)
{
	_free_ struct sockets *all = calloc(1, sizeof(*all));
	const struct dirent *d;
	DIR *proc = all ? opendir("/proc") : NULL;

	*ret = (struct ssh_ports){0};
	if (!proc)
		return;
	all->n_listening = port_owner_list(false, all->listening, PORT_SOCKETS_MAX);
	all->n_talking = port_owner_list_talking(all->talking, PORT_SOCKETS_MAX);
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
	while ((d = readdir(proc)))
		if (d->d_name[0] >= '1' && d->d_name[0] <= '9' && serves_ssh(d->d_name))
			take_process(all, d->d_name, ret);
	closedir(proc);
}
