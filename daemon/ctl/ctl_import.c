/*
 * Reads what is to be imported: a file or standard input, or the files of lxc-net and of LXC's
 * containers below a folder. Containers' configs also give the names for addresses in rules.
 */
#include "daemon/ctl/ctl_import.h"

#include "core/file.h"
#include "core/own.h"
#include "daemon/ctl/ctl_ask.h"
#include "daemon/import/import.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_SIZE 4096
#define READ_SIZE 65536
#define NET_FILE "etc/default/lxc-net"
#define LXC_FOLDER "var/lib/lxc"
#define LEASES "var/lib/misc/dnsmasq.%s.leases"

typedef void take_fn(struct import *i, struct slice name, struct slice text);

/* A pipe, a terminal or a file. */
static int
read_stdin(struct buf *text, struct err *e)
{
	for (;;) {
		char *at = buf_reserve(text, READ_SIZE);
		ssize_t n = at ? read(STDIN_FILENO, at, READ_SIZE) : 0;

		if (!at)
			return err_set(e, "standard input: more than %zu bytes", text->max);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(e, errno, "standard input");
		if (n == 0)
			return 0;
		buf_commit(text, (size_t)n);
	}
}

static int
read_input(const char *path, struct buf *text, struct err *e)
{
	return path && strcmp(path, "-") != 0 ? file_read(path, text, e) : read_stdin(text, e);
}

static int
by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* Every container's config below the root; that there is none is no error. */
static void
each_config(struct import *i, const char *root, take_fn *take)
{
	char path[PATH_SIZE];
	struct dirent **entries = NULL;
	int n;

	(void)snprintf(path, sizeof(path), "%s/" LXC_FOLDER, root);
	n = scandir(path, &entries, NULL, by_name);
	for (int k = 0; k < n; k++) {
		struct buf text;
		int length = snprintf(path, sizeof(path), "%s/" LXC_FOLDER "/%s/config", root,
			entries[k]->d_name);

		buf_init(&text, IMPORT_TEXT_MAX);
		if (entries[k]->d_name[0] != '.' && length < (int)sizeof(path) &&
			file_read(path, &text, NULL) == 0)
			take(i, slice_str(entries[k]->d_name), buf_slice(&text));
		buf_clear(&text);
		free(entries[k]);
	}
	free(entries);
}

/* A file of lxc-net's DHCP server, if it is there. */
static void
read_dhcp(struct import *i, const char *path, void (*take)(struct import *i, struct slice text))
{
	struct buf text;

	buf_init(&text, IMPORT_TEXT_MAX);
	if (file_read(path, &text, NULL) == 0)
		take(i, buf_slice(&text));
	buf_clear(&text);
}

static void
import_dhcp(struct import *i, const char *root)
{
	char path[PATH_SIZE];

	(void)snprintf(path, sizeof(path), "%s%s", root, i->dhcp_file);
	if (i->dhcp_file[0] == '/')
		read_dhcp(i, path, import_dhcp_hosts);
	(void)snprintf(path, sizeof(path), "%s/" LEASES, root, i->bridge[0] ? i->bridge : "lxcbr0");
	read_dhcp(i, path, import_dhcp_leases);
}

static int
import_lxc(struct import *i, const char *root, struct err *e)
{
	char path[PATH_SIZE];
	struct buf text;
	int rc;

	(void)snprintf(path, sizeof(path), "%s/" NET_FILE, root);
	buf_init(&text, IMPORT_TEXT_MAX);
	rc = file_read(path, &text, e);
	if (rc == 0)
		import_lxc_net(i, buf_slice(&text));
	buf_clear(&text);
	if (rc < 0)
		return -1;
	each_config(i, root, import_lxc_container);
	import_dhcp(i, root);
	return 0;
}

static int
import_rules(struct import *i, const char *kind, const char *path, struct err *e)
{
	struct buf text;
	int rc;

	each_config(i, "", import_lxc_name);
	buf_init(&text, IMPORT_TEXT_MAX);
	rc = read_input(path, &text, e);
	if (rc == 0 && strcmp(kind, "nft") == 0)
		import_nft(i, buf_slice(&text));
	else if (rc == 0)
		import_iptables(i, buf_slice(&text));
	buf_clear(&text);
	return rc;
}

static int
import_kind(struct import *i, const struct ctl_line *line, struct err *e)
{
	const char *kind = line->args[0], *path = line->n_args > 1 ? line->args[1] : NULL;

	if (strcmp(kind, "lxc-net") == 0)
		return import_lxc(i, path ? path : "", e);
	return import_rules(i, kind, path, e);
}

int
ctl_import(const struct ctl_line *line)
{
	const char *kind = line->args[0];
	struct import i;
	struct err e = {0};
	struct buf out;
	int rc;

	if (strcmp(kind, "iptables") != 0 && strcmp(kind, "nft") != 0 &&
		strcmp(kind, "lxc-net") != 0) {
		(void)fprintf(stderr, "sluice: usage: sluice import iptables|nft|lxc-net [FILE]\n");
		return CTL_USAGE;
	}
	if (import_init(&i) < 0) {
		err_set(&e, "out of memory");
		return ctl_complain(CTL_FAILED, &e);
	}
	buf_init(&out, IMPORT_OUTPUT_MAX);
	if (import_kind(&i, line, &e) < 0 || import_print(&i, &out, &e) < 0)
		rc = ctl_complain(CTL_FAILED, &e);
	else
		rc = ctl_print(buf_slice(&out));
	buf_clear(&out);
	import_clear(&i);
	return rc;
}
