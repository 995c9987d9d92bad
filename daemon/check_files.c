/*
 * The checks that need the machine. Each error names its directive by ordinal; the caller turns
 * that into a place. Keys are wiped from memory after use.
 */
#include "daemon/check_files.h"

#include "conf/htpasswd.h"
#include "core/file.h"
#include "core/own.h"
#include "daemon/load.h"

#include <errno.h>
#include <grp.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void
fail(struct conf_errors *errs, uint32_t ordinal, const struct err *why)
{
	struct err e;

	err_ordinal(&e, ordinal, "%s", why->msg);
	load_add_error(errs, &e);
}

static void
buf_wipe(struct buf *b)
{
	if (b->data)
		explicit_bzero(b->data, b->cap);
	buf_clear(b);
}

static bool
holds(const struct buf *b, const char *what)
{
	return buf_len(b) > 0 && memmem(buf_slice(b).p, buf_len(b), what, strlen(what));
}

/* What often goes wrong with two files that look alike. */
static void
explain_certificate(const struct buf *chain, const struct buf *key, struct err *e)
{
	struct err why = *e;

	if (!holds(chain, "BEGIN CERTIFICATE") && holds(chain, "PRIVATE KEY") &&
		holds(key, "BEGIN CERTIFICATE"))
		err_set(e, "%s; the two files are swapped: the chain comes first", why.msg);
}

static void
check_certificate(const struct conf *c, size_t index, check_certificate_fn *check,
	char ret_type[CHECK_KEY_TYPE_MAX], struct conf_errors *errs)
{
	const struct conf_certificate *of = &c->certificates[index];
	struct buf chain, key;
	struct err e = {0};
	int rc;

	buf_init(&chain, CHECK_CERTIFICATE_MAX);
	buf_init(&key, CHECK_CERTIFICATE_MAX);
	if (file_read(of->chain_file, &chain, &e) < 0)
		rc = err_prefix(&e, "cannot read the certificate's chain");
	else if (file_read(of->key_file, &key, &e) < 0)
		rc = err_prefix(&e, "cannot read the certificate's key");
	else
		rc = !check ? 0
			    : check(c, index, (struct slice[]){buf_slice(&chain), buf_slice(&key)},
				      ret_type, &e);
	if (rc < 0)
		explain_certificate(&chain, &key, &e);
	if (rc < 0)
		fail(errs, of->ordinal, &e);
	buf_wipe(&key);
	buf_clear(&chain);
}

/* The types are compared when the second of a name is read, which stands behind the first. */
static void
check_certificates(const struct conf *c, check_certificate_fn *check, struct conf_errors *errs)
{
	_free_ char(*types)[CHECK_KEY_TYPE_MAX] = calloc(c->n_certificates + 1, sizeof(*types));
	struct err e = {0};

	if (!types) {
		err_set(&e, "out of memory");
		load_add_error(errs, &e);
		return;
	}
	for (size_t i = 0; i < c->n_certificates; i++)
		check_certificate(c, i, check, types[i], errs);
	for (size_t i = 0; i < c->n_certificates; i++) {
		int32_t second = c->certificates[i].second;

		if (second < 0 || types[i][0] == '\0' || strcmp(types[i], types[second]) != 0)
			continue;
		err_set(&e, "both certificates \"%s\" have an %s key", c->certificates[i].name,
			types[i]);
		fail(errs, c->certificates[second].ordinal, &e);
	}
}

const char *
check_authority_file(const struct conf_authority *a, struct err *e)
{
	/* Debian and its kin; Fedora and its kin; Alpine, the BSDs. */
	static const char *const known[] = {"/etc/ssl/certs/ca-certificates.crt",
		"/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"};

	if (a->file)
		return a->file;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (access(known[i], R_OK) == 0)
			return known[i];
	err_set(e, "the system has no certificate authorities; install ca-certificates, or write: "
		   "upstream-ca FILE");
	return NULL;
}

static void
check_authority(
	const struct conf_authority *a, const struct check_tls *tls, struct conf_errors *errs)
{
	struct err e = {0};
	const char *file = check_authority_file(a, &e);
	struct buf pem;

	buf_init(&pem, CHECK_CERTIFICATE_MAX);
	if (!file || file_read(file, &pem, &e) < 0 ||
		(tls && tls->authorities(buf_slice(&pem), &e) < 0))
		fail(errs, a->ordinal, &e);
	buf_clear(&pem);
}

static void
check_page(const struct conf_page *page, struct conf_errors *errs)
{
	struct err e = {0};
	struct buf b;

	buf_init(&b, CONF_PAGE_SIZE);
	if (file_read(page->file, &b, &e) < 0)
		fail(errs, page->ordinal, &e);
	buf_clear(&b);
}

static void
check_passwords(const struct conf_password_file *file, struct conf_errors *errs)
{
	struct htpasswd users = {0};
	struct err e = {0};
	struct buf b;

	buf_init(&b, HTPASSWD_SIZE_MAX);
	if (file_read(file->path, &b, &e) < 0) {
		if (access(file->path, F_OK) < 0 && errno == ENOENT)
			err_set(&e,
				"%s: No such file or directory; make it: htpasswd -B -c %s NAME",
				file->path, file->path);
		fail(errs, file->ordinal, &e);
	} else if (htpasswd_parse(buf_slice(&b), file->path, &users, &e) < 0) {
		fail(errs, file->ordinal, &e);
	}
	htpasswd_clear(&users);
	buf_wipe(&b);
}

static void
check_block_list(const struct conf_block_list *list, struct conf_errors *errs)
{
	struct err e = {0};
	struct buf b;

	buf_init(&b, CONF_BLOCK_LIST_SIZE);
	if (file_read(list->path, &b, &e) < 0 || block_list_check(buf_slice(&b), list, &e) < 0) {
		/* What is wrong in the list stands in the list. */
		if (e.line)
			load_add_error(errs, &e);
		else
			fail(errs, list->ordinal, &e);
	}
	buf_clear(&b);
}

static void
check_folder(const char *path, uint32_t ordinal, struct conf_errors *errs)
{
	struct err e = {0};
	struct stat st;

	if (stat(path, &st) < 0 && errno == ENOENT)
		err_set(&e, "cannot serve %s: No such file or directory; make it: mkdir -p %s",
			path, path);
	else if (stat(path, &st) < 0)
		err_errno(&e, errno, "cannot serve %s", path);
	else if (!S_ISDIR(st.st_mode))
		err_set(&e, "cannot serve %s: not a folder", path);
	else
		return;
	fail(errs, ordinal, &e);
}

static void
check_client_ca(
	const struct conf_client *client, check_client_ca_fn *check, struct conf_errors *errs)
{
	struct buf pem;
	struct err e = {0};

	if (client->demand == CONF_CLIENT_NONE)
		return;
	buf_init(&pem, CHECK_CERTIFICATE_MAX);
	if (file_read(client->ca_file, &pem, &e) < 0 || (check && check(buf_slice(&pem), &e) < 0))
		fail(errs, client->ordinal, &e);
	buf_clear(&pem);
}

static void
check_site(const struct conf_site *s, const struct check_tls *tls, struct conf_errors *errs)
{
	check_client_ca(&s->client, tls ? tls->client_ca : NULL, errs);
	for (size_t i = 0; i < s->n_routes; i++)
		if (s->routes[i].target.type == CONF_TARGET_DIR)
			check_folder(s->routes[i].target.path, s->routes[i].ordinal, errs);
}

static void
check_access_log(const struct conf *c, struct conf_errors *errs)
{
	const char *slash = c->access_log ? strrchr(c->access_log, '/') : NULL;
	_free_ char *folder = NULL;
	struct err e = {0};

	if (!slash || slash == c->access_log)
		return;
	folder = strndup(c->access_log, (size_t)(slash - c->access_log));
	if (!folder || access(folder, F_OK) == 0)
		return;
	if (errno == ENOENT)
		err_set(&e,
			"cannot write %s: No such file or directory; make its folder: mkdir -p %s",
			c->access_log, folder);
	else
		err_errno(&e, errno, "cannot write %s", c->access_log);
	fail(errs, c->access_ordinal, &e);
}

int
check_control_group(const struct conf *c, gid_t *ret, struct err *e)
{
	const struct group *g;

	*ret = CHECK_NO_GROUP;
	if (!c->control_group)
		return 0;
	g = getgrnam(c->control_group); /* NOLINT(concurrency-mt-unsafe): one thread */
	if (!g)
		return err_ordinal(
			e, c->control_ordinal, "there is no group \"%s\"", c->control_group);
	*ret = g->gr_gid;
	return 0;
}

int
check_files(const struct conf *c, const struct check_tls *tls, struct conf_errors *errs)
{
	struct err e = {0};
	size_t before = errs->n;
	gid_t gid;

	check_certificates(c, tls ? tls->certificate : NULL, errs);
	for (size_t i = 0; i < c->n_all_pages; i++)
		check_page(c->all_pages[i], errs);
	for (size_t i = 0; i < c->n_authorities; i++)
		check_authority(&c->authorities[i], tls, errs);
	for (size_t i = 0; i < c->n_password_files; i++)
		check_passwords(&c->password_files[i], errs);
	for (size_t i = 0; i < c->blocks.n_lists; i++)
		check_block_list(&c->blocks.lists[i], errs);
	for (size_t i = 0; i < c->n_sites; i++)
		check_site(&c->sites[i], tls, errs);
	check_access_log(c, errs);
	if (check_control_group(c, &gid, &e) < 0)
		load_add_error(errs, &e);
	return errs->n > before || errs->too_many ? -1 : 0;
}
