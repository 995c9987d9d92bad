/* The busybox template's DHCP script; see busybox.h. */
#include "lxc/busybox.h"

#include "core/buf.h"
#include "core/file.h"
#include "core/own.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define SCRIPT_MAX ((size_t)64 * 1024)
#define FLUSH "ip addr flush dev"
#define FLUSH_V4 "ip -4 addr flush dev"

static int
mend_script(const char *path, mode_t mode, struct err *e)
{
	_cleanup_(buf_clear) struct buf text = {0}, mended = {0};
	struct slice rest;
	const char *at;

	buf_init(&text, SCRIPT_MAX);
	buf_init(&mended, SCRIPT_MAX);
	if (file_read(path, &text, e) < 0)
		return -1;
	rest = buf_slice(&text);
	at = memmem(rest.p, rest.n, FLUSH, sizeof(FLUSH) - 1);
	if (!at)
		return 0;
	if (buf_append_slice(&mended, slice_head(rest, (size_t)(at - rest.p))) < 0 ||
		buf_append_str(&mended, FLUSH_V4) < 0 ||
		buf_append_slice(
			&mended, slice_skip(rest, (size_t)(at - rest.p) + sizeof(FLUSH) - 1)) < 0)
		return err_set(e, "%s is too large", path);
	return file_write_atomic(path, buf_slice(&mended), mode, e);
}

int
busybox_mend(const char *rootfs, struct err *e)
{
	/* As busybox was built: Debian's, and upstream's. */
	static const char *const places[] = {
		"etc/udhcpc/default.script", "usr/share/udhcpc/default.script"};

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		char path[PATH_MAX];
		struct stat st;

		(void)snprintf(path, sizeof(path), "%s/%s", rootfs, places[i]);
		if (lstat(path, &st) == 0 && S_ISREG(st.st_mode) &&
			mend_script(path, st.st_mode & 0777, e) < 0)
			return -1;
	}
	return 0;
}
