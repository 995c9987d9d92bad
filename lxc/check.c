/* Checks of an offered configuration; see check.h. */
#include "lxc/check.h"

#include "core/file.h"
#include "core/own.h"
#include "lxc/limits.h"
#include "lxc/setup.h"
#include "lxc/store.h"
#include "lxc/text.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CPUS_ONLINE "/sys/devices/system/cpu/online"

static int
fail(struct err *e, uint32_t ordinal)
{
	e->ordinal = ordinal;
	return -1;
}

/* Each existing folder on the way must let the containers' mapped root pass. */
static int
check_passage(const char *path, struct err *e)
{
	char part[PATH_MAX];

	for (const char *p = path; *p; p++) {
		struct stat st;

		if (p[1] != '/' && p[1] != '\0')
			continue;
		(void)text_copy(part, sizeof(part), slice_of(path, (size_t)(p - path + 1)));
		if (stat(part, &st) < 0)
			return errno == ENOENT ? 0 : err_errno(e, errno, "%s", part);
		if (!S_ISDIR(st.st_mode))
			return err_set(e, "%s is not a folder", part);
		if (!(st.st_mode & S_IXOTH))
			return err_set(e,
				"unprivileged containers cannot pass %s (mode %04o): chmod o+x, or "
				"another lxc-path",
				part, (unsigned)(st.st_mode & 07777));
	}
	return 0;
}

static bool
has_unprivileged(const struct conf *conf)
{
	for (size_t i = 0; i < conf->n_containers; i++) {
		if (!conf->containers[i].privileged)
			return true;
	}
	return false;
}

static int
check_path(const struct conf *conf, struct err *e)
{
	struct stat st;

	if (stat(conf->lxc_path, &st) == 0 && !S_ISDIR(st.st_mode))
		return err_set(e, "lxc-path: %s is not a folder", conf->lxc_path);
	if (has_unprivileged(conf) && check_passage(conf->lxc_path, e) < 0)
		return err_prefix(e, "lxc-path");
	return store_idmap_possible(conf->state_path, conf->lxc_path, e);
}

static bool
exists(const struct conf *conf, const struct conf_container *c)
{
	char path[PATH_MAX];

	return text_print(path, sizeof(path), "%s/%s/config", conf->lxc_path, c->name) == 0 &&
	       access(path, F_OK) == 0;
}

/* Only of those that are still to be created: a container that runs must not stop a reload because
 * its template was removed. */
static int
check_image(const struct conf *conf, const struct conf_container *c, struct err *e)
{
	struct buf template;
	int ret;

	if (exists(conf, c))
		return 0;
	if (c->image == CONF_IMAGE_NONE) {
		err_set(e, "container %s does not exist in %s and has no image to create it from",
			c->name, conf->lxc_path);
		return fail(e, c->ordinal);
	}
	buf_init(&template, PATH_MAX);
	ret = setup_template(c, &template, e);
	buf_clear(&template);
	return ret < 0 ? fail(e, c->image_ordinal) : 0;
}

static int
check_cpus(const struct conf_container *c, struct err *e)
{
	struct buf online;
	bool ok = true;

	if (!c->cpus)
		return 0;
	buf_init(&online, LIMIT_VALUE_MAX);
	if (file_read(CPUS_ONLINE, &online, NULL) == 0)
		ok = limits_cpus_exist(slice_str(c->cpus), buf_slice(&online));
	if (!ok)
		err_set(e, "cpus %s: this host has %.*s", c->cpus,
			SLICE_ARG(slice_head(
				buf_slice(&online), slice_index(buf_slice(&online), '\n'))));
	buf_clear(&online);
	return ok ? 0 : fail(e, c->cpus_ordinal);
}

int
check_conf(const struct conf *conf, struct err *e)
{
	if (conf->n_containers == 0)
		return 0;
	if (check_path(conf, e) < 0)
		return fail(e, conf->lxc_path_ordinal);
	for (size_t i = 0; i < conf->n_containers; i++) {
		if (check_image(conf, &conf->containers[i], e) < 0 ||
			check_cpus(&conf->containers[i], e) < 0)
			return -1;
	}
	return 0;
}
