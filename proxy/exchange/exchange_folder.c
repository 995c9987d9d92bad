/*
 * Folders: a plain, safe file server. A name is looked up below the route's folder and nowhere
 * else, whatever links say (openat2 with RESOLVE_BENEATH); only regular files are sent; names that
 * begin with a dot do not exist, but for .well-known (RFC 8615).
 *
 * What is looked for, in this order: the file that was asked for, or the index of the folder; a
 * list of what is in the folder; the files of `try`. The first that is there is the answer.
 */
#include "proxy/exchange/exchange.h"

#include "core/own.h"
#include "proxy/http/answer.h"
#include "proxy/file/file_listing.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define LISTING_LOOK_MAX 4000 /* names that are looked at for one page */

/* Names are built in worker.text: the one that was asked for, NUL, and behind it the one that is
 * looked up at the moment, NUL. */
struct search {
	struct exchange *x;
	const struct conf_files *files;
	struct file_place place;
	size_t asked_n; /* bytes of the one */
	size_t name_at; /* where the other begins */
	bool folder;    /* the path ends in '/' */
};

/* What a name was. */
enum found { FOUND_NOTHING, FOUND_FOLDER, FOUND_ANSWER };

/* A segment that begins with a dot, other than .well-known. */
static bool
name_is_hidden(struct slice name)
{
	while (name.n > 0) {
		struct slice segment = slice_head(name, slice_index(name, '/'));

		if (segment.n > 0 && segment.p[0] == '.' && !slice_eq_str(segment, ".well-known"))
			return true;
		name = slice_skip(name, segment.n + 1);
	}
	return false;
}

/* What is not ENOENT and the like ends the search. */
static enum found
search_failed(struct exchange *x, int error)
{
	switch (error) {
	case EACCES:
	case EPERM:
		exchange_answer(x, 403, NULL, "file may not be read");
		return FOUND_ANSWER;
	case EMFILE:
	case ENFILE:
	case ENOMEM:
		exchange_answer(x, 503, NULL, "no descriptor for the file");
		return FOUND_ANSWER;
	default: /* ENOENT, ENOTDIR, EXDEV (a link out of the folder), ELOOP, ENAMETOOLONG … */
		return FOUND_NOTHING;
	}
}

static void
search_redirect(struct exchange *x)
{
	const struct http_request *r = &x->request;
	struct buf *text = &x->worker->text;

	buf_reset(text);
	if (http_path_folder_location(
		    &x->path, r->has_query, http_request_slice(r, r->query), text) < 0)
		exchange_answer(x, 500, NULL, "location too long");
	else
		exchange_redirect(x, answer_redirect_status(r->method), buf_slice(text));
}

/* --- one name -------------------------------------------------------------------------------- */

/* A file that is there: in the cache, or opened. */
struct opened {
	struct file_entry *entry;
	int fd;
	struct stat st; /* of an opened one */
};

static void
opened_clear(struct opened *o)
{
	file_entry_unref(&o->entry);
	o->fd = close_fd(o->fd);
}

/* 0, or an errno. The name is place.name. */
static int
search_open(struct search *s, struct opened *o)
{
	struct exchange *x = s->x;

	o->fd = -1;
	o->entry = file_cache_find(&x->worker->files, &s->place, x->began_ms);
	if (o->entry)
		return 0;
	o->fd = file_open_beneath(s->place.root->fd, s->place.name, 0, 0);
	return o->fd < 0 || fstat(o->fd, &o->st) < 0 ? errno : 0;
}

/* The file is the answer. The cache may take it in now. */
static enum found
search_start(struct search *s, struct opened *o)
{
	struct exchange *x = s->x;
	struct file_facts facts;

	x->entry = steal_ptr(&o->entry);
	if (!x->entry) {
		x->entry = file_cache_add(&x->worker->files, &s->place, o->fd, &o->st, x->began_ms);
		if (x->entry)
			o->fd = -1;
	}
	if (x->entry) {
		exchange_start_file(x, &x->entry->facts);
		return FOUND_ANSWER;
	}
	x->file = steal_fd(&o->fd);
	file_place_facts(&s->place, &o->st, &facts);
	exchange_start_file(x, &facts);
	return FOUND_ANSWER;
}

/* Whether a is older than b. */
static bool
opened_is_older(const struct opened *a, const struct opened *b)
{
	int64_t s_a = a->entry ? a->entry->facts.mtime : a->st.st_mtim.tv_sec;
	int64_t s_b = b->entry ? b->entry->facts.mtime : b->st.st_mtim.tv_sec;
	int64_t ns_a = a->entry ? a->entry->facts.mtime_ns : a->st.st_mtim.tv_nsec;
	int64_t ns_b = b->entry ? b->entry->facts.mtime_ns : b->st.st_mtim.tv_nsec;

	return s_a < s_b || (s_a == s_b && ns_a < ns_b);
}

/* Puts an ending behind the name; NULL: takes it away again. 0 or -1. */
static int
search_set_ending(struct search *s, size_t name_end, const char *ending)
{
	struct buf *text = &s->x->worker->text;

	text->end = text->start + name_end;
	if ((ending && buf_append_str(text, ending) < 0) || buf_append_byte(text, '\0') < 0)
		return -1;
	s->place.name = buf_slice(text).p + s->name_at;
	return 0;
}

/* The neighbour with this ending, unless it is missing, no file, or older than the file. */
static bool
search_neighbour(struct search *s, struct opened *file, enum coding coding, const char *ending)
{
	size_t name_end = buf_len(&s->x->worker->text) - 1;
	struct opened o = {.fd = -1};

	s->place.coding = coding;
	if (search_set_ending(s, name_end, ending) == 0 && search_open(s, &o) == 0 &&
		(o.entry || S_ISREG(o.st.st_mode)) && !opened_is_older(&o, file)) {
		opened_clear(file);
		*file = o;
		return true;
	}
	opened_clear(&o);
	s->place.coding = CODING_NONE;
	if (search_set_ending(s, name_end, NULL) < 0)
		abort(); /* it stood there before */
	return false;
}

/* Takes the best neighbour in place of the file, if there is one. */
static void
search_neighbours(struct search *s, struct opened *file)
{
	static const struct {
		enum coding coding;
		const char *ending;
	} kinds[CONF_NEIGHBOURS] = {
		[CONF_NEIGHBOUR_BR] = {CODING_BROTLI, ".br"},
		[CONF_NEIGHBOUR_ZST] = {CODING_ZSTD, ".zst"},
		[CONF_NEIGHBOUR_GZ] = {CODING_GZIP, ".gz"},
	};
	struct coding_accept accept = {0};
	unsigned left = s->files->neighbours;

	exchange_read_accept(s->x, &accept);
	while (left) {
		uint16_t best_q = 0;
		int best = -1;

		for (int i = 0; i < CONF_NEIGHBOURS; i++) {
			uint16_t q = coding_weight(&accept, kinds[i].coding);

			if ((left & 1U << i) && q > best_q) {
				best_q = q;
				best = i;
			}
		}
		if (best < 0 || search_neighbour(s, file, kinds[best].coding, kinds[best].ending))
			return;
		left &= ~(1U << best);
	}
}

/* Looks up place.name. */
static enum found
search_name(struct search *s)
{
	struct opened o = {.fd = -1};
	int error = search_open(s, &o);
	enum found found = FOUND_NOTHING;

	if (error) {
		found = search_failed(s->x, error);
	} else if (!o.entry && S_ISDIR(o.st.st_mode)) {
		found = FOUND_FOLDER;
	} else if (o.entry || S_ISREG(o.st.st_mode)) {
		if (s->files->neighbours)
			search_neighbours(s, &o);
		found = search_start(s, &o);
	}
	opened_clear(&o);
	return found;
}

/* Builds the name that is looked up: so many bytes of the one that was asked for, and two texts. 0,
 * or -1: it is none that is served. */
static int
search_build(struct search *s, size_t asked_n, struct slice second, const char *third)
{
	struct buf *text = &s->x->worker->text;
	size_t at = s->asked_n + 1;
	struct slice name;

	text->end = text->start + at;
	/* The memory moves here, if it does. */
	if (!buf_reserve(text, asked_n + second.n + strlen(third) + 2) ||
		buf_append(text, buf_slice(text).p, asked_n) < 0 ||
		buf_append_slice(text, second) < 0 || buf_append_str(text, third) < 0)
		return -1;
	name = slice_skip(buf_slice(text), at);
	if (name_is_hidden(name))
		return -1;
	while (name.n > 0 && name.p[0] == '/') {
		at++;
		name = slice_skip(name, 1);
	}
	if ((name.n == 0 && buf_append_byte(text, '.') < 0) || buf_append_byte(text, '\0') < 0)
		return -1;
	s->name_at = at;
	s->place.coding = CODING_NONE;
	s->place.name = buf_slice(text).p + at;
	return 0;
}

/* A file, or the index of the folder that the two parts name together. */
static enum found
search_parts(struct search *s, size_t asked_n, struct slice second, bool folder)
{
	enum found found = FOUND_NOTHING;
	const char *last = folder ? conf_files_index(s->files, 0) : "";

	for (size_t i = 1; last && found != FOUND_ANSWER; i++) {
		found = FOUND_NOTHING;
		if (search_build(s, asked_n, second, last) == 0)
			found = search_name(s);
		last = folder ? conf_files_index(s->files, i) : NULL;
	}
	return found;
}

/* --- a folder's list ------------------------------------------------------------------------- */

/* Adds a name, when it would be served. */
static int
list_name(struct listing *l, int folder, const struct dirent *d)
{
	_fd_ int fd = -1;
	struct stat st;

	if (name_is_hidden(slice_str(d->d_name)))
		return 0;
	/* A link counts as what it leads to. One that leaves this folder is left out, though it may
	 * stay below that of the route. */
	if (d->d_type == DT_LNK) {
		fd = file_open_beneath(folder, d->d_name, O_PATH, 0);
		if (fd < 0 || fstat(fd, &st) < 0)
			return 0;
	} else if (fstatat(folder, d->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		return 0;
	}
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return 0;
	return listing_add(l, slice_str(d->d_name), S_ISDIR(st.st_mode), (uint64_t)st.st_size,
		st.st_mtim.tv_sec);
}

/* Takes the descriptor over. */
static int
list_folder(struct listing *l, int fd)
{
	DIR *dir = fdopendir(fd);
	const struct dirent *d;
	int result = 0;

	if (!dir) {
		close_fd(fd);
		return -1;
	}
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): this stream is this thread's alone. */
	for (size_t i = 0; result == 0 && !l->cut && (d = readdir(dir)) != NULL; i++) {
		l->cut = i == LISTING_LOOK_MAX;
		result = list_name(l, dirfd(dir), d);
	}
	(void)closedir(dir);
	return result;
}

static struct file_entry *
list_page(const struct search *s, struct listing *l)
{
	struct file_entry *page = NULL;
	struct buf out;

	buf_init(&out, LISTING_BYTES_MAX);
	if (listing_print(l, s->x->path.match, s->asked_n > 0, &out) == 0 && out.start == 0)
		page = file_entry_page(out.data, buf_len(&out));
	if (!page)
		buf_clear(&out);
	return page;
}

/* The folder that was asked for. NOTHING: it is none. */
static enum found
search_list(struct search *s)
{
	struct exchange *x = s->x;
	struct listing l;
	int fd;

	if (search_build(s, s->asked_n, SLICE_LIT(""), "") < 0)
		return FOUND_NOTHING;
	fd = file_open_beneath(s->place.root->fd, s->place.name, O_DIRECTORY, 0);
	if (fd < 0)
		return search_failed(x, errno);
	listing_init(&l);
	if (list_folder(&l, fd) == 0)
		x->entry = list_page(s, &l);
	listing_clear(&l);
	if (x->entry)
		exchange_start_file(x, &x->entry->facts);
	else
		exchange_answer(x, 503, NULL, "out of memory for the list of a folder");
	return FOUND_ANSWER;
}

/* --- all of it ------------------------------------------------------------------------------- */

/* "$path" is the asked name without '/' at its end. */
static enum found
search_try(struct search *s, const char *name)
{
	struct slice rest = slice_str(name);
	const char *asked = buf_slice(&s->x->worker->text).p;
	bool folder = slice_ends(rest, SLICE_LIT("/"));
	size_t n = 0;

	if (slice_starts(rest, SLICE_LIT("$path"))) {
		for (n = s->asked_n; n > 0 && asked[n - 1] == '/';)
			n--;
		rest = slice_skip(rest, sizeof("$path") - 1);
	}
	return search_parts(s, n, rest, folder);
}

static enum found
search_all(struct search *s)
{
	enum found found = search_parts(s, s->asked_n, SLICE_LIT(""), s->folder);

	if (found == FOUND_FOLDER && !s->folder) {
		search_redirect(s->x);
		return FOUND_ANSWER;
	}
	if (found != FOUND_ANSWER && s->folder && s->files->listing)
		found = search_list(s);
	for (size_t i = 0; found != FOUND_ANSWER && i < s->files->n_tries; i++)
		found = search_try(s, s->files->tries[i]);
	return found;
}

void
exchange_open_file(struct exchange *x)
{
	struct buf *text = &x->worker->text;
	struct search s = {.x = x,
		.files = &x->route->files,
		.folder = slice_ends(x->path.match, SLICE_LIT("/")),
		.place = {.generation = x->generation->number,
			.root = generation_root(x->generation, x->route->ordinal),
			.coding = CODING_NONE,
			.varies = x->route->files.neighbours != 0}};

	buf_reset(text);
	if (x->request.method != HTTP_METHOD_GET && x->request.method != HTTP_METHOD_HEAD) {
		exchange_answer(x, 405, NULL, NULL);
		return;
	}
	if (http_path_file(&x->path, x->matched, text) < 0 || name_is_hidden(buf_slice(text))) {
		exchange_answer(x, 404, NULL, NULL);
		return;
	}
	s.asked_n = buf_len(text);
	if (buf_append_byte(text, '\0') < 0 || search_all(&s) != FOUND_ANSWER)
		exchange_answer(x, 404, NULL, NULL);
}
