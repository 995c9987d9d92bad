/*
 * Builds what an offer carries. Nothing that runs is touched here: NEW things are opened beside
 * the current ones, and freeing a generation closes what is only its own, which is the whole of
 * ABORT and DROP.
 */
#include "daemon/edition.h"

#include "conf/htpasswd.h"
#include "core/file.h"
#include "core/memfd.h"
#include "core/own.h"
#include "daemon/check_files.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ACCESS_LOG_MODE 0640

static uint32_t
count_cores(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return 1;
	return (uint32_t)CPU_COUNT(&set);
}

/* Prints the canonical text, seals it, and parses it back as the children will. */
static int
make_text(struct edition *g, const struct conf *from, struct err *e)
{
	_cleanup_(buf_clear) struct buf text = {0};
	struct conf_input in = {.name = "configuration"};
	_free_ struct conf_errors *errs = calloc(1, sizeof(*errs));

	buf_init(&text, CONF_TEXT_MAX);
	if (!errs)
		return err_set(e, "out of memory");
	if (conf_print(from, &text, &g->source, &g->n_source, e) < 0)
		return -1;
	in.text = buf_slice(&text);
	if (conf_parse(&in, &g->conf, NULL, errs) < 0) {
		*e = errs->errors[0];
		return err_prefix(e, "the canonical text does not parse");
	}
	g->text_fd = memfd_new("configuration", in.text, e);
	return g->text_fd < 0 ? -1 : 0;
}

struct edition *
edition_new_empty(void)
{
	struct edition *g = calloc(1, sizeof(*g));

	if (g)
		g->text_fd = g->access_fd = -1;
	return g;
}

static int
parse_text(struct edition *g, int fd, struct err *e)
{
	_free_ struct conf_errors *errs = calloc(1, sizeof(*errs));
	struct conf_input in = {.name = "the running configuration"};
	struct memfd_map map;
	int rc;

	if (!errs)
		return err_set(e, "out of memory");
	if (memfd_map(fd, CONF_TEXT_MAX, &map, e) < 0)
		return -1;
	in.text = map.bytes;
	rc = conf_parse(&in, &g->conf, &g->places, errs);
	memfd_unmap(&map);
	if (rc < 0)
		*e = errs->errors[0];
	return rc;
}

struct edition *
edition_from_text(int text_fd, uint64_t number, struct err *e)
{
	struct edition *g = edition_new_empty();

	if (!g) {
		err_set(e, "out of memory");
		return NULL;
	}
	g->number = number;
	g->text_fd = fcntl(text_fd, F_DUPFD_CLOEXEC, 0);
	if (parse_text(g, text_fd, e) < 0) {
		edition_free(&g);
		return NULL;
	}
	assert(g->conf);
	g->threads = g->conf->threads ? g->conf->threads : count_cores();
	return g;
}

struct edition *
edition_new(struct load *l, uint64_t number, struct err *e)
{
	struct edition *g = edition_new_empty();

	if (!g) {
		err_set(e, "out of memory");
		return NULL;
	}
	g->number = number;
	if (make_text(g, l->conf, e) < 0) {
		edition_free(&g);
		return NULL;
	}
	g->places = steal_ptr(&l->places);
	conf_unref(&l->conf);
	assert(g->conf);
	g->threads = g->conf->threads ? g->conf->threads : count_cores();
	return g;
}

void
edition_free(struct edition **gp)
{
	struct edition *g = *gp;

	if (!g)
		return;
	listening_set_clear(&g->listeners);
	roots_clear(&g->roots);
	for (size_t i = 0; i < g->n_certificates; i++) {
		close_fd(g->certificates[i].chain_fd);
		close_fd(g->certificates[i].key_fd);
	}
	free(g->certificates);
	for (size_t i = 0; i < g->n_pages; i++)
		close_fd(g->page_fds[i]);
	free(g->page_fds);
	for (size_t i = 0; i < g->n_passwords; i++)
		close_fd(g->passwords[i].fd);
	free(g->passwords);
	for (size_t i = 0; i < g->n_block_lists; i++)
		close_fd(g->block_list_fds[i]);
	free(g->block_list_fds);
	for (size_t i = 0; i < g->n_client_cas; i++)
		close_fd(g->client_cas[i].fd);
	free(g->client_cas);
	for (size_t i = 0; i < g->n_authorities; i++)
		close_fd(g->authority_fds[i]);
	free(g->authority_fds);
	for (size_t i = 0; i < g->n_files; i++) {
		close_fd(g->files[i].fd);
		free(g->files[i].path);
	}
	free(g->files);
	close_fd(g->text_fd);
	close_fd(g->access_fd);
	free(g->source);
	conf_places_free(&g->places);
	conf_unref(&g->conf);
	free(g);
	*gp = NULL;
}

void
edition_place(const struct edition *g, struct err *e)
{
	if (e->ordinal != 0 && e->line == 0)
		conf_places_apply(g->places, g->source, g->n_source, e);
}

/* The descriptor under which the program before us had this file; -1: it did not. */
static int
find_sealed(const struct edition *have, const char *path)
{
	for (size_t i = 0; have && i < have->n_files; i++)
		if (strcmp(have->files[i].path, path) == 0)
			return fcntl(have->files[i].fd, F_DUPFD_CLOEXEC, 0);
	return -1;
}

/* For the program that may take our place. Without memory for it that one reads the file. */
static void
remember_sealed(struct edition *g, const char *path, int fd)
{
	struct edition_file *grown =
		reallocarray(g->files, g->n_files + 1, sizeof(struct edition_file));
	struct edition_file f = {.path = strdup(path), .fd = fcntl(fd, F_DUPFD_CLOEXEC, 0)};

	if (grown)
		g->files = grown;
	if (grown && f.path && f.fd >= 0) {
		grown[g->n_files++] = f;
		return;
	}
	free(f.path);
	close_fd(f.fd);
}

static int
read_sealed(const char *path, const char *name, size_t max, struct err *e)
{
	struct buf b;
	int fd = -1;

	buf_init(&b, max);
	if (file_read(path, &b, e) == 0)
		fd = memfd_new(name, buf_slice(&b), e);
	if (b.data)
		explicit_bzero(b.data, b.cap);
	buf_clear(&b);
	return fd;
}

/* What was handed over counts, whatever has become of the file. */
static int
seal_file(struct edition *g, const char *path, const char *name, size_t max, struct err *e)
{
	int fd = find_sealed(g->handed, path);

	if (fd < 0)
		fd = read_sealed(path, name, max, e);
	if (fd >= 0)
		remember_sealed(g, path, fd);
	return fd;
}

static int
read_certificates(struct edition *g, struct err *e)
{
	const struct conf *c = g->conf;

	g->certificates = calloc(c->n_certificates + 1, sizeof(*g->certificates));
	if (!g->certificates)
		return err_set(e, "out of memory");
	for (size_t i = 0; i < c->n_certificates; i++) {
		struct edition_certificate *to = &g->certificates[i];

		to->ordinal = c->certificates[i].ordinal;
		to->chain_fd = seal_file(
			g, c->certificates[i].chain_file, "certificate", CHECK_CERTIFICATE_MAX, e);
		to->key_fd = to->chain_fd < 0 ? -1
					      : seal_file(g, c->certificates[i].key_file, "key",
							CHECK_CERTIFICATE_MAX, e);
		g->n_certificates = i + 1;
		if (to->key_fd < 0) {
			e->ordinal = c->certificates[i].ordinal;
			return -1;
		}
	}
	return 0;
}

static int
read_client_cas(struct edition *g, struct err *e)
{
	const struct conf *c = g->conf;

	g->client_cas = calloc(c->n_sites + 1, sizeof(*g->client_cas));
	if (!g->client_cas)
		return err_set(e, "out of memory");
	for (size_t i = 0; i < c->n_sites; i++) {
		const struct conf_client *client = &c->sites[i].client;
		int fd;

		if (client->demand == CONF_CLIENT_NONE)
			continue;
		fd = seal_file(g, client->ca_file, "client-ca", CHECK_CERTIFICATE_MAX, e);
		if (fd < 0) {
			e->ordinal = client->ordinal;
			return -1;
		}
		g->client_cas[g->n_client_cas++] =
			(struct edition_client_ca){.ordinal = client->ordinal, .fd = fd};
	}
	return 0;
}

static int
read_pages(struct edition *g, struct err *e)
{
	const struct conf *c = g->conf;

	g->page_fds = calloc(c->n_all_pages + 1, sizeof(*g->page_fds));
	if (!g->page_fds)
		return err_set(e, "out of memory");
	for (; g->n_pages < c->n_all_pages; g->n_pages++) {
		const struct conf_page *page = c->all_pages[g->n_pages];
		int fd = seal_file(g, page->file, "page", CONF_PAGE_SIZE, e);

		if (fd < 0) {
			e->ordinal = page->ordinal;
			return -1;
		}
		g->page_fds[g->n_pages] = fd;
	}
	return 0;
}

static int
read_authorities(struct edition *g, struct err *e)
{
	const struct conf *c = g->conf;

	g->authority_fds = calloc(c->n_authorities + 1, sizeof(int));
	if (!g->authority_fds)
		return err_set(e, "out of memory");
	for (size_t i = 0; i < c->n_authorities; i++) {
		const char *file = check_authority_file(&c->authorities[i], e);
		int fd = file ? seal_file(g, file, "authorities", CHECK_CERTIFICATE_MAX, e) : -1;

		if (fd < 0) {
			e->ordinal = c->authorities[i].ordinal;
			return -1;
		}
		g->authority_fds[g->n_authorities++] = fd;
	}
	return 0;
}

static int
seal_passwords(const char *path, struct err *e)
{
	struct htpasswd users = {0};
	struct buf b;
	int fd = -1;

	buf_init(&b, HTPASSWD_SIZE_MAX);
	if (file_read(path, &b, e) == 0 && htpasswd_parse(buf_slice(&b), path, &users, e) == 0)
		fd = memfd_new("passwords", buf_slice(&b), e);
	htpasswd_clear(&users);
	if (b.data)
		explicit_bzero(b.data, b.cap);
	buf_clear(&b);
	return fd;
}

static int
read_passwords(struct edition *g, struct err *e)
{
	const struct conf *c = g->conf;

	g->passwords = calloc(c->n_password_files + 1, sizeof(*g->passwords));
	if (!g->passwords)
		return err_set(e, "out of memory");
	for (size_t i = 0; i < c->n_password_files; i++) {
		const struct conf_password_file *file = &c->password_files[i];
		int fd = seal_passwords(file->path, e);

		if (fd < 0) {
			e->ordinal = file->ordinal;
			return -1;
		}
		g->passwords[g->n_passwords++] =
			(struct edition_passwords){.ordinal = file->ordinal, .fd = fd};
	}
	return 0;
}

/* What is sealed has been looked at: the file may have changed since it was checked. */
static int
check_block_list(int fd, const struct conf_block_list *list, struct err *e)
{
	struct memfd_map map;
	int ret;

	if (memfd_map(fd, CONF_BLOCK_LIST_SIZE, &map, e) < 0)
		return -1;
	ret = block_list_check(map.bytes, list, e);
	memfd_unmap(&map);
	return ret;
}

static int
read_block_lists(struct edition *g, struct err *e)
{
	const struct conf_blocks *blocks = &g->conf->blocks;

	g->block_list_fds = calloc(blocks->n_lists + 1, sizeof(int));
	if (!g->block_list_fds)
		return err_set(e, "out of memory");
	for (size_t i = 0; i < blocks->n_lists; i++) {
		const struct conf_block_list *list = &blocks->lists[i];
		int fd = seal_file(g, list->path, "block-list", CONF_BLOCK_LIST_SIZE, e);

		if (fd < 0) {
			e->ordinal = list->ordinal;
			return -1;
		}
		g->block_list_fds[g->n_block_lists++] = fd;
		if (check_block_list(fd, list, e) < 0)
			return -1;
	}
	return 0;
}

int
edition_open_access_log(struct edition *g, struct err *e)
{
	_fd_ int fd = -1;
	struct stat st;

	if (!g->conf->access_log)
		return 0;
	fd = open(g->conf->access_log,
		O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, ACCESS_LOG_MODE);
	if (fd < 0 || fstat(fd, &st) < 0) {
		err_errno(e, errno, "cannot write %s", g->conf->access_log);
		e->ordinal = g->conf->access_ordinal;
		return -1;
	}
	close_fd(g->access_fd);
	g->access_fd = steal_fd(&fd);
	return 0;
}

static int
prepare_parts(
	struct edition *g, const struct edition *current, const char *roots_folder, struct err *e)
{
	if (read_certificates(g, e) < 0 || read_client_cas(g, e) < 0 || read_pages(g, e) < 0 ||
		read_authorities(g, e) < 0 || read_passwords(g, e) < 0 ||
		read_block_lists(g, e) < 0 || edition_open_access_log(g, e) < 0 ||
		roots_prepare(
			g->conf, roots_folder, current ? &current->roots : NULL, &g->roots, e) < 0)
		return -1;
	return listening_open(
		g->conf, g->threads, current ? &current->listeners : NULL, &g->listeners, e);
}

int
edition_prepare(
	struct edition *g, const struct edition *current, const char *roots_folder, struct err *e)
{
	int rc;

	g->handed = current && current->is_handed ? current : NULL;
	rc = prepare_parts(g, current, roots_folder, e);
	g->handed = NULL;
	if (rc == 0)
		return 0;
	edition_place(g, e);
	return -1;
}

int
edition_check_user(const struct edition *g, struct err *e)
{
	const struct conf *c = g->conf;

	if (c->bridge)
		err_ordinal(e, c->bridge->ordinal, "a bridge needs root");
	else if (c->n_forwards > 0)
		err_ordinal(e, c->forwards[0].ordinal, "a forward needs root");
	else if (c->ban.ordinal || c->ban.n_never)
		err_ordinal(e, c->ban.ordinal ? c->ban.ordinal : c->ban.never[0].ordinal,
			"a ban needs root");
	else if (c->opens.n > 0)
		err_ordinal(e, c->opens.v[0].ordinal, "open needs root");
	else if (c->n_containers > 0)
		err_ordinal(e, c->containers[0].ordinal, "a container needs root");
	else
		return 0;
	edition_place(g, e);
	return -1;
}

static int
refuse_change(const struct edition *to, uint32_t ordinal, const char *what, struct err *e)
{
	err_ordinal(e, ordinal, "%s can't change while running; restart sluiced", what);
	edition_place(to, e);
	return -1;
}

static bool
same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

int
edition_check_change(const struct edition *from, const struct edition *to, struct err *e)
{
	const struct conf *a = from->conf, *b = to->conf;

	if (!same_text(a->state_path, b->state_path))
		return refuse_change(to, b->state_ordinal, "`state`", e);
	if (!same_text(a->lxc_path, b->lxc_path))
		return refuse_change(to, b->lxc_path_ordinal, "`lxc-path`", e);
	if (a->threads != b->threads)
		return refuse_change(to, b->threads_ordinal, "`threads`", e);
	if (!same_text(a->control_path, b->control_path) ||
		!same_text(a->control_group, b->control_group))
		return refuse_change(to, b->control_ordinal, "`control`", e);
	return 0;
}
