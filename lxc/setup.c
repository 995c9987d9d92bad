/* Files of managed containers; see setup.h. */
#include "lxc/setup.h"

#include "core/file.h"
#include "core/log.h"
#include "core/own.h"
#include "lxc/config_edit.h"
#include "lxc/config_plan.h"
#include "lxc/guest.h"
#include "lxc/store.h"
#include "lxc/text.h"
#include "lxc/world.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#define BACKUP_NAME "config.before-sluice"

static void
guest_path(const struct guest *g, const char *file, char ret[static PATH_MAX])
{
	(void)snprintf(
		ret, PATH_MAX, "%s/%s%s%s", lxc_path(g->lxc), g->name, file[0] ? "/" : "", file);
}

static const char *
state_of(const struct guest *g)
{
	return g->lxc->conf->state_path;
}

bool
setup_exists(const struct guest *g)
{
	char config[PATH_MAX], partial[PATH_MAX];

	guest_path(g, "config", config);
	guest_path(g, "partial", partial);
	return access(config, R_OK) == 0 && access(partial, F_OK) < 0;
}

int
setup_template(const struct conf_container *c, struct buf *out, struct err *e)
{
	const char *name = c->image == CONF_IMAGE_BUSYBOX ? "busybox"
			   : c->image == CONF_IMAGE_DIST  ? "download"
							  : c->image_name;
	size_t start = buf_len(out);
	char path[PATH_MAX];

	if (buf_printf(out, "%s/lxc-%s", SETUP_TEMPLATES, name) < 0)
		return err_set(e, "the template's name is too long");
	(void)text_copy(path, sizeof(path), slice_skip(buf_slice(out), start));
	if (access(path, X_OK) < 0)
		return err_set(e,
			"there is no template \"%s\": %s is not there (packages lxc and "
			"lxc-templates)",
			name, path);
	return 0;
}

/* The name that images are published under. */
static const char *
architecture(void)
{
	static const char *const names[][2] = {
		{"x86_64", "amd64"},
		{"aarch64", "arm64"},
		{"armv7l", "armhf"},
		{"i686", "i386"},
		{"ppc64le", "ppc64el"},
	};
	static struct utsname host;

	if (uname(&host) < 0)
		return "amd64";
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (!strcmp(host.machine, names[i][0]))
			return names[i][1];
	}
	return host.machine; /* riscv64, s390x */
}

static int
put_image(const struct conf_container *c, struct buf *args)
{
	int ret = 0;

	if (c->image == CONF_IMAGE_DIST) {
		struct slice name = slice_str(c->image_name);
		size_t slash = slice_index(name, '/');

		ret |= job_put(args, "arg", SLICE_LIT("-d"));
		ret |= job_put(args, "arg", slice_head(name, slash));
		ret |= job_put(args, "arg", SLICE_LIT("-r"));
		ret |= job_put(args, "arg", slice_skip(name, slash + 1));
		ret |= job_put(args, "arg", SLICE_LIT("-a"));
		ret |= job_put(args, "arg", slice_str(architecture()));
	}
	for (size_t i = 0; i < c->n_image_args; i++)
		ret |= job_put(args, "arg", slice_str(c->image_args[i]));
	return ret;
}

static int
put_args(const struct conf_container *c, uint32_t idmap, struct buf *args, struct err *e)
{
	struct buf template;
	int ret;

	buf_init(&template, PATH_MAX);
	ret = setup_template(c, &template, e);
	if (ret == 0) {
		ret = job_put(args, "template", buf_slice(&template));
		ret |= put_image(c, args);
		ret |= idmap ? buf_printf(args, "idmap %u\n", idmap) : 0;
		if (ret < 0)
			err_set(e, "the image's arguments are too long");
	}
	buf_clear(&template);
	return ret;
}

int
setup_create_args(struct guest *g, struct buf *args, struct err *e)
{
	char folder[PATH_MAX];
	uint32_t idmap = 0;

	if (g->conf->image == CONF_IMAGE_NONE)
		return err_set(e, "it does not exist in %s and has no image to create it from",
			lxc_path(g->lxc));
	guest_path(g, "", folder);
	if (access(folder, F_OK) == 0)
		return err_set(e,
			"%s is there, but no finished container: another program creates it, or an "
			"attempt failed (remove it with lxc-destroy)",
			folder);
	if (file_mkdirs(lxc_path(g->lxc), 0755, e) < 0)
		return -1;
	if (!g->conf->privileged &&
		store_idmap(state_of(g), lxc_path(g->lxc), g->name, &idmap, e) < 0)
		return -1;
	return put_args(g->conf, idmap, args, e);
}

/* "busybox", "debian/bookworm", "template NAME ARGS…". */
static int
print_image(const struct conf_container *c, struct buf *out)
{
	int ret = buf_append_str(out, c->image == CONF_IMAGE_BUSYBOX    ? "busybox"
				      : c->image == CONF_IMAGE_TEMPLATE ? "template "
									: "");

	if (c->image == CONF_IMAGE_DIST || c->image == CONF_IMAGE_TEMPLATE)
		ret |= buf_append_str(out, c->image_name);
	for (size_t i = 0; i < c->n_image_args; i++)
		ret |= buf_printf(out, " %s", c->image_args[i]);
	return ret;
}

int
setup_record_created(const struct guest *g, struct err *e)
{
	struct buf image;
	int ret;

	buf_init(&image, STORE_TEXT_MAX);
	ret = print_image(g->conf, &image) < 0
		      ? err_set(e, "the image's name is too long")
		      : store_write(state_of(g), g->name, "created", buf_slice(&image), e);
	buf_clear(&image);
	return ret;
}

static bool
is_mac(struct slice s)
{
	if (s.n != JOB_MAC_MAX - 1)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		/* liblxc's placeholder "xx" is no address yet. */
		if (i % 3 == 2 ? s.p[i] != ':' : !isxdigit((unsigned char)s.p[i]))
			return false;
	}
	return true;
}

/* Whether the host's end has a name that is not liblxc's to choose. */
static void
find_port(struct guest *g, struct slice config)
{
	struct slice name;

	g->port_written = config_get(config, "lxc.net.0.veth.pair", &name) && name.n > 0 &&
			  name.n < sizeof(g->port);
	if (!g->port_written || slice_eq_str(name, g->port))
		return;
	(void)text_copy(g->port, sizeof(g->port), name);
	guest_announce(g);
}

/* A name that no interface had before. */
static int
choose_port(char ret[static JOB_IFNAME_MAX], struct err *e)
{
	uint32_t number;

	if (getrandom(&number, sizeof(number), 0) != (ssize_t)sizeof(number))
		return err_errno(e, errno, "getrandom");
	(void)snprintf(ret, JOB_IFNAME_MAX, "veth%08" PRIx32, number);
	return 0;
}

int
setup_start_args(struct guest *g, struct buf *args, struct err *e)
{
	if (!g->lxc->conf->bridge || g->port_written)
		return 0;
	if (choose_port(g->port, e) < 0)
		return -1;
	guest_announce(g);
	return job_put(args, "veth", slice_str(g->port)) < 0
		       ? err_set(e, "the arguments of the start are too long")
		       : 0;
}

static void
find_mac(struct guest *g, struct slice config)
{
	char mac[JOB_MAC_MAX];
	struct slice s;

	config_plan_mac(g->name, mac);
	if (config_get(config, "lxc.net.0.hwaddr", &s) && is_mac(s)) {
		for (size_t i = 0; i < s.n; i++)
			mac[i] = (char)tolower((unsigned char)s.p[i]);
	}
	if (strcmp(mac, g->mac) != 0) {
		memcpy(g->mac, mac, sizeof(mac));
		guest_announce(g);
	}
}

static void
fill_settable(const struct guest *g, struct config_wish *w)
{
	for (unsigned v2 = 0; v2 < 2; v2++) {
		struct conf_container all = {.memory = 1, .swap = 1, .cpus = (char[]){"0"}};
		struct limit limits[LIMITS_MAX];
		size_t n = limits_plan(&all, v2, limits);

		for (size_t i = 0; i < n; i++) {
			const struct cgroup_mount *m =
				cgroup_find(&g->lxc->layout, limits[i].controller);

			/* Keys of the family that this host does not have are passed over by
			 * liblxc, and right when the host gets it. */
			w->settable[v2][limits[i].kind] =
				!m || m->v2 != (v2 == 1) ||
				cgroup_has(&g->lxc->layout, limits[i].controller, limits[i].file);
		}
	}
}

/* The recorded range; 0 when there is none. Never chosen here. */
static uint32_t
recorded_idmap(const struct guest *g)
{
	struct err e;
	uint32_t start = 0;

	if (store_has(state_of(g), g->name, "idmap") &&
		store_idmap(state_of(g), lxc_path(g->lxc), g->name, &start, &e) < 0) {
		log_err("id range", &e);
		return 0;
	}
	return start;
}

static void
fill_wish(struct guest *g, struct config_wish *w, bool *mount_is_file)
{
	const struct conf_container *c = g->conf;

	*w = (struct config_wish){
		.container = c,
		.bridge = g->lxc->conf->bridge,
		.mac = g->mac,
		.created = store_has(state_of(g), g->name, "created"),
		.apparmor = g->lxc->apparmor,
		.userns_include = access(CONFIG_USERNS, R_OK) == 0,
		.mount_is_file = mount_is_file,
	};
	w->idmap = w->created ? recorded_idmap(g) : 0;
	fill_settable(g, w);
	for (size_t i = 0; i < c->n_mounts; i++) {
		struct stat st;

		mount_is_file[i] = stat(c->mounts[i].source, &st) == 0 && !S_ISDIR(st.st_mode);
	}
}

/* Where ours and its own contradict each other, ours cannot be had without creating it anew. */
static void
note_contradictions(struct guest *g, const struct config_wish *w, struct slice config)
{
	struct slice value;
	bool privileged = !config_get(config, "lxc.idmap", &value);
	struct buf was, is;

	buf_init(&was, STORE_TEXT_MAX);
	buf_init(&is, STORE_TEXT_MAX);
	(void)store_read(state_of(g), g->name, "created", &was);
	(void)print_image(g->conf, &is);
	if (privileged != g->conf->privileged)
		guest_note(g, NOTE_CONFIG,
			"it was created %sprivileged and stays so until it is created anew",
			privileged ? "" : "un");
	else if (w->created && !slice_eq(buf_slice(&was), buf_slice(&is)))
		guest_note(g, NOTE_CONFIG,
			"it was created from image %.*s; another image has effect when it is "
			"created anew",
			SLICE_ARG(buf_slice(&was)));
	else
		guest_note(g, NOTE_CONFIG, "%s", "");
	buf_clear(&was);
	buf_clear(&is);
}

/* Keeps what the file said before we ever touched it. */
static int
keep_original(const struct guest *g, struct slice text, struct err *e)
{
	char path[PATH_MAX];

	guest_path(g, BACKUP_NAME, path);
	if (access(path, F_OK) == 0)
		return 0;
	return file_write_atomic(path, text, 0600, e);
}

static int
write_config(const struct guest *g, const struct config_wish *w, struct slice before,
	struct slice after, struct err *e)
{
	char path[PATH_MAX];
	struct stat st;

	guest_path(g, "config", path);
	if (!w->created && keep_original(g, before, e) < 0)
		return -1;
	if (stat(path, &st) < 0)
		return err_errno(e, errno, "%s", path);
	if (file_write_atomic(path, after, st.st_mode & 07777, e) < 0)
		return -1;
	if (chown(path, st.st_uid, st.st_gid) < 0)
		return err_errno(e, errno, "%s", path);
	log_info("container configuration written", kv_s("container", g->name));
	return 0;
}

static bool
has_key(struct slice owned, bool v2, const char *file)
{
	char key[96];

	(void)snprintf(key, sizeof(key), "lxc.cgroup%s.%s", v2 ? "2" : "", file);
	while (owned.n > 0) {
		size_t n = slice_index(owned, '\n');

		if (slice_eq_str(slice_head(owned, n), key))
			return true;
		owned = slice_skip(owned, n + 1);
	}
	return false;
}

/* Limits whose keys were ours and no longer are must be lifted in a running container, too. */
static unsigned
dropped_limits(struct slice before, struct slice after)
{
	struct conf_container all = {.memory = 1, .swap = 1, .cpus = (char[]){"0"}};
	unsigned bits = 0;

	for (unsigned v2 = 0; v2 < 2; v2++) {
		struct limit limits[LIMITS_MAX];
		size_t n = limits_plan(&all, v2, limits);

		for (size_t i = 0; i < n; i++) {
			if (has_key(before, v2, limits[i].file) &&
				!has_key(after, v2, limits[i].file))
				bits |= 1u << limits[i].kind;
		}
	}
	return bits;
}

struct edit {
	struct buf before, text, owned_before, owned;
};

static int
run_edit(struct guest *g, const struct config_wish *w, struct edit *edit, struct err *e)
{
	if (config_plan(w, buf_slice(&edit->owned_before), &edit->text, &edit->owned, e) < 0)
		return -1;
	note_contradictions(g, w, buf_slice(&edit->text));
	/* Owned first: after a crash in between, too many keys are ours rather than too few. */
	if (!slice_eq(buf_slice(&edit->owned_before), buf_slice(&edit->owned)) &&
		store_write(state_of(g), g->name, "owned", buf_slice(&edit->owned), e) < 0)
		return -1;
	if (!slice_eq(buf_slice(&edit->before), buf_slice(&edit->text)) &&
		write_config(g, w, buf_slice(&edit->before), buf_slice(&edit->text), e) < 0)
		return -1;
	g->dropped_limits |=
		dropped_limits(buf_slice(&edit->owned_before), buf_slice(&edit->owned));
	return 0;
}

static int
read_edit(struct guest *g, struct edit *edit, struct err *e)
{
	char path[PATH_MAX];

	guest_path(g, "config", path);
	if (file_read(path, &edit->before, e) < 0)
		return -1;
	if (buf_append_slice(&edit->text, buf_slice(&edit->before)) < 0)
		return err_set(e, "out of memory");
	(void)store_read(state_of(g), g->name, "owned", &edit->owned_before);
	find_mac(g, buf_slice(&edit->before));
	find_port(g, buf_slice(&edit->before));
	return 0;
}

int
setup_config(struct guest *g, struct err *e)
{
	_free_ bool *mount_is_file = calloc(g->conf->n_mounts + 1, sizeof(bool));
	struct config_wish w;
	struct edit edit;
	int ret;

	if (!mount_is_file)
		return err_set(e, "out of memory");
	buf_init(&edit.before, CONFIG_TEXT_MAX);
	buf_init(&edit.text, CONFIG_TEXT_MAX);
	buf_init(&edit.owned_before, CONFIG_OWNED_MAX);
	buf_init(&edit.owned, CONFIG_OWNED_MAX);
	ret = read_edit(g, &edit, e);
	if (ret == 0) {
		fill_wish(g, &w, mount_is_file);
		ret = run_edit(g, &w, &edit, e);
	}
	buf_clear(&edit.before);
	buf_clear(&edit.text);
	buf_clear(&edit.owned_before);
	buf_clear(&edit.owned);
	return ret;
}

static int
print_fixed(struct guest *g, struct buf *out)
{
	struct config_wish w = {
		.container = g->conf, .bridge = g->lxc->conf->bridge, .mac = g->mac};

	return config_plan_fixed(&w, out);
}

void
setup_record_started(struct guest *g)
{
	struct buf fixed;
	struct err e;

	buf_init(&fixed, STORE_TEXT_MAX);
	if (print_fixed(g, &fixed) < 0 ||
		store_write(state_of(g), g->name, "fixed", buf_slice(&fixed), &e) < 0)
		log_warn("cannot record how a container was started", kv_s("container", g->name));
	buf_clear(&fixed);
	guest_note(g, NOTE_RESTART, "%s", "");
}

void
setup_compare(struct guest *g)
{
	char changes[GUEST_NOTE_MAX / 2] = "", ours[ADDR_TEXT_MAX] = "";
	struct buf before, now;

	buf_init(&before, STORE_TEXT_MAX);
	buf_init(&now, STORE_TEXT_MAX);
	if (store_read(state_of(g), g->name, "fixed", &before) == 0) {
		if (print_fixed(g, &now) == 0)
			config_plan_changes(
				buf_slice(&before), buf_slice(&now), changes, sizeof(changes));
	} else if (g->conf->address.family) {
		/* Somebody else started it: only its address can be asked for. */
		size_t n = strcspn(g->view.address, "/");

		addr_print(&g->conf->address, ours);
		if (n != strlen(ours) || strncmp(ours, g->view.address, n) != 0)
			(void)snprintf(changes, sizeof(changes), "address");
	}
	guest_note(g, NOTE_RESTART, "%s%s", changes[0] ? "needs restart: " : "", changes);
	buf_clear(&before);
	buf_clear(&now);
}

int
setup_mounts_exist(const struct guest *g, struct err *e)
{
	for (size_t i = 0; i < g->conf->n_mounts; i++) {
		const char *source = g->conf->mounts[i].source;

		if (access(source, F_OK) < 0)
			return err_errno(e, errno, "mount source %s", source);
	}
	return 0;
}
