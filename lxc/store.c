/* The files of STATE/containers/, and the ranges of ids; see store.h. */
#include "lxc/store.h"

#include "core/file.h"
#include "core/num.h"
#include "core/own.h"
#include "lxc/config_edit.h"
#include "lxc/idmap.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SUBIDS_RECORD ".subids"
#define LOCK_TRIES 50
#define LOCK_WAIT_MS 20

static const char *const subid_files[] = {"/etc/subuid", "/etc/subgid"};

static int
store_path(const char *state, const char *name, const char *file, char ret[static PATH_MAX])
{
	int n = snprintf(ret, PATH_MAX, "%s/containers/%s%s%s", state, name, file ? "/" : "",
		file ? file : "");

	return n > 0 && n < PATH_MAX ? 0 : -1;
}

int
store_read(const char *state, const char *name, const char *file, struct buf *out)
{
	char path[PATH_MAX];

	if (store_path(state, name, file, path) < 0)
		return -1;
	return file_read(path, out, NULL);
}

int
store_write(const char *state, const char *name, const char *file, struct slice text, struct err *e)
{
	char path[PATH_MAX];

	if (store_path(state, name, NULL, path) < 0)
		return err_set(e, "%s: path too long", state);
	if (file_mkdirs(path, 0700, e) < 0)
		return -1;
	if (store_path(state, name, file, path) < 0)
		return err_set(e, "%s: path too long", state);
	return file_write_atomic(path, text, 0600, e);
}

void
store_remove(const char *state, const char *name, const char *file)
{
	char path[PATH_MAX];

	if (store_path(state, name, file, path) == 0)
		(void)unlink(path);
}

bool
store_has(const char *state, const char *name, const char *file)
{
	char path[PATH_MAX];

	return store_path(state, name, file, path) == 0 && access(path, F_OK) == 0;
}

/* The recorded first id. 0 or -1. */
static int
read_idmap(const char *state, const char *name, uint32_t *ret)
{
	struct buf text;
	uint64_t start;
	int found;

	buf_init(&text, STORE_TEXT_MAX);
	found = store_read(state, name, "idmap", &text);
	if (found == 0) {
		struct slice s = buf_slice(&text);

		found = num_parse(slice_head(s, slice_index(s, '\n')), 1, IDMAP_LAST, &start);
	}
	buf_clear(&text);
	if (found == 0)
		*ret = (uint32_t)start;
	return found;
}

/* Calls add for FOLDER/NAME/FILE of every name; folders that are not there count for nothing. */
static int
each_file(const char *folder, const char *file, struct id_ranges *taken,
	int (*add)(struct id_ranges *, struct slice))
{
	DIR *d = opendir(folder);
	int ret = 0;

	/* NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is our own. */
	for (struct dirent *entry; d && ret == 0 && (entry = readdir(d));) {
		char path[PATH_MAX];
		struct buf text;

		if (entry->d_name[0] == '.' || snprintf(path, sizeof(path), "%s/%s/%s", folder,
						       entry->d_name, file) >= (int)sizeof(path))
			continue;
		buf_init(&text, CONFIG_TEXT_MAX);
		if (file_read(path, &text, NULL) == 0)
			ret = add(taken, buf_slice(&text));
		buf_clear(&text);
	}
	if (d)
		closedir(d);
	return ret;
}

static int
add_record(struct id_ranges *taken, struct slice text)
{
	uint64_t start;

	if (num_parse(slice_head(text, slice_index(text, '\n')), 1, IDMAP_LAST, &start) < 0)
		return 0;
	return idmap_add(taken, (uint32_t)start, IDMAP_SIZE);
}

/* Every id that is anybody's: by subuid and subgid, by the containers here, by our records. */
static int
collect_taken(const char *state, const char *path, struct id_ranges *taken, struct err *e)
{
	char records[PATH_MAX];
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < ARRAY_SIZE(subid_files); i++) {
		struct buf text;

		buf_init(&text, CONFIG_TEXT_MAX);
		if (file_read(subid_files[i], &text, NULL) == 0)
			ret = idmap_add_subids(taken, buf_slice(&text));
		buf_clear(&text);
	}
	if (ret == 0)
		ret = each_file(path, "config", taken, idmap_add_config);
	if (ret == 0 &&
		snprintf(records, sizeof(records), "%s/containers", state) < (int)sizeof(records))
		ret = each_file(records, "idmap", taken, add_record);
	return ret < 0 ? err_set(e, "too many id ranges") : 0;
}

static int
choose(const char *state, const char *path, uint32_t *ret, struct err *e)
{
	struct id_ranges taken = {0};
	int found = collect_taken(state, path, &taken, e);

	if (found == 0)
		found = idmap_choose(&taken, ret, e);
	idmap_clear(&taken);
	return found;
}

int
store_idmap_possible(const char *state, const char *lxc_path, struct err *e)
{
	uint32_t start;

	return choose(state, lxc_path, &start, e);
}

/* Whether the process that took the lock is gone, as shadow's own tools judge it. */
static bool
is_stale(const char *lock)
{
	struct buf text;
	uint64_t pid;
	bool stale;

	buf_init(&text, NUM_TEXT_MAX);
	stale = file_read(lock, &text, NULL) == 0 &&
		num_parse(buf_slice(&text), 1, INT32_MAX, &pid) == 0 && kill((pid_t)pid, 0) < 0 &&
		errno == ESRCH;
	buf_clear(&text);
	return stale;
}

/* The lock that useradd(8) and usermod(8) take: FILE.lock, holding our pid. The descriptor is of
 * no use; the name is the lock. 0 or -1. */
static int
lock_subids(const char *file, char lock[static PATH_MAX], struct err *e)
{
	const struct timespec pause = {.tv_nsec = LOCK_WAIT_MS * 1000000L};

	(void)snprintf(lock, PATH_MAX, "%s.lock", file);
	for (unsigned i = 0; i < LOCK_TRIES; i++) {
		int fd = open(lock, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

		if (fd >= 0) {
			(void)dprintf(fd, "%d", (int)getpid());
			close_fd(fd);
			return 0;
		}
		if (errno != EEXIST)
			return err_errno(e, errno, "%s", lock);
		if (i == 0 && is_stale(lock))
			(void)unlink(lock);
		else
			(void)nanosleep(&pause, NULL);
	}
	return err_set(e, "%s: another program holds this lock", lock);
}

/* Appends "FILE LINE" to the record of what uninstalling takes out again. */
static int
record_line(const char *state, const char *file, uint32_t start, struct err *e)
{
	char path[PATH_MAX];
	struct buf text;
	int ret;

	if (store_path(state, SUBIDS_RECORD, NULL, path) < 0)
		return err_set(e, "%s: path too long", state);
	buf_init(&text, CONFIG_TEXT_MAX);
	(void)file_read(path, &text, NULL);
	ret = buf_printf(&text, "%s root:%u:%u\n", file, start, IDMAP_SIZE);
	if (ret == 0)
		ret = file_write_atomic(path, buf_slice(&text), 0600, e);
	else
		err_set(e, "%s: too large", path);
	buf_clear(&text);
	return ret;
}

static int
append_line(const char *file, mode_t mode, uint32_t start, struct buf *text, struct err *e)
{
	struct slice s = buf_slice(text);
	bool open_line = s.n > 0 && s.p[s.n - 1] != '\n';

	if (buf_printf(text, "%sroot:%u:%u\n", open_line ? "\n" : "", start, IDMAP_SIZE) < 0)
		return err_set(e, "%s: too large", file);
	return file_write_atomic(file, buf_slice(text), mode, e);
}

/* Adds the line when root does not have the ids already; recorded first, so that a crash leaves
 * no line without its record. */
static int
add_line(const char *state, const char *file, uint32_t start, struct err *e)
{
	struct stat st = {.st_mode = 0644};
	struct buf text;
	int ret = 0;

	buf_init(&text, CONFIG_TEXT_MAX);
	if (stat(file, &st) == 0)
		ret = file_read(file, &text, e);
	if (ret == 0 && !idmap_root_has(buf_slice(&text), start, IDMAP_SIZE)) {
		ret = record_line(state, file, start, e);
		if (ret == 0)
			ret = append_line(file, st.st_mode & 0777, start, &text, e);
	}
	buf_clear(&text);
	return ret;
}

/* newuidmap(1), where it is installed, makes liblxc insist that root owns the range. */
static int
give_to_root(const char *state, uint32_t start, struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(subid_files); i++) {
		char lock[PATH_MAX];
		int ret;

		if (lock_subids(subid_files[i], lock, e) < 0)
			return -1;
		ret = add_line(state, subid_files[i], start, e);
		(void)unlink(lock);
		if (ret < 0)
			return -1;
	}
	return 0;
}

int
store_idmap(const char *state, const char *lxc_path, const char *name, uint32_t *ret_start,
	struct err *e)
{
	char text[NUM_TEXT_MAX];
	uint32_t start = 0;

	if (read_idmap(state, name, &start) < 0) {
		if (choose(state, lxc_path, &start, e) < 0)
			return -1;
		(void)snprintf(text, sizeof(text), "%u\n", start);
		if (store_write(state, name, "idmap", slice_str(text), e) < 0)
			return -1;
	}
	if (give_to_root(state, start, e) < 0)
		return -1;
	*ret_start = start;
	return 0;
}
