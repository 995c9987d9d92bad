/* Password files: lines to users, and which hashes are good enough. */
#include "conf/htpasswd.h"

#include "core/own.h"

#include <stdlib.h>

#define BCRYPT_LEN 60
#define MAKE_AGAIN "; make it again: htpasswd -B FILE NAME, or mkpasswd -m yescrypt"

/* The line at hand. */
struct line {
	const char *file;
	unsigned number;
};

/* X(how it begins, NULL or what is wrong with it). The first that matches decides; "" does. */
static const struct {
	const char *prefix, *why;
} kinds[] = {
	{"$2y$", NULL},
	{"$2b$", NULL},
	{"$2a$", NULL}, /* bcrypt */
	{"$y$", NULL},  /* yescrypt */
	{"$gy$", NULL}, /* the same with another hash inside */
	{"$7$", NULL},  /* scrypt */
	{"$6$", NULL},
	{"$5$", NULL}, /* SHA-512, SHA-256, in rounds */
	{"$1$", "hashed with MD5, which is guessed fast" MAKE_AGAIN},
	{"$apr1$", "hashed with MD5 (apr1), which is guessed fast" MAKE_AGAIN},
	{"{SHA}", "hashed with SHA-1 once, which is guessed fast" MAKE_AGAIN},
	{"{SSHA}", "hashed with SHA-1 once, which is guessed fast" MAKE_AGAIN},
	{"", "neither bcrypt, yescrypt, scrypt, SHA-512 nor SHA-256 (DES, or no hash at "
	     "all)" MAKE_AGAIN},
};

static int
line_error(const struct line *l, struct slice name, const char *why, struct err *e)
{
	return err_set(e, "%s:%u: the password of \"%.*s\" is %s", l->file, l->number,
		SLICE_ARG(slice_head(name, 64)), why);
}

static bool
is_hash_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("./$=,+-", c));
}

static int
check_hash(const struct line *l, struct slice name, struct slice hash, struct err *e)
{
	size_t kind = 0;

	if (hash.n == 0)
		return line_error(l, name, "missing" MAKE_AGAIN, e);
	while (!slice_starts(hash, slice_str(kinds[kind].prefix)))
		kind++;
	if (kinds[kind].why)
		return line_error(l, name, kinds[kind].why, e);
	for (size_t i = 0; i < hash.n; i++)
		if (!is_hash_byte(hash.p[i]))
			return line_error(l, name, "no hash that crypt(3) knows" MAKE_AGAIN, e);
	if (hash.n > HTPASSWD_HASH_MAX ||
		(slice_starts(hash, SLICE_LIT("$2")) && hash.n != BCRYPT_LEN))
		return line_error(l, name, "cut off or too long" MAKE_AGAIN, e);
	return 0;
}

static int
check_name(const struct line *l, struct slice name, struct err *e)
{
	if (name.n == 0 || name.n > HTPASSWD_NAME_MAX)
		return err_set(e, "%s:%u: a user's name has 1 to %d bytes", l->file, l->number,
			HTPASSWD_NAME_MAX);
	for (size_t i = 0; i < name.n; i++)
		if ((unsigned char)name.p[i] < ' ' || name.p[i] == 0x7f)
			return err_set(e, "%s:%u: a user's name holds a control character", l->file,
				l->number);
	return 0;
}

/* Takes NAME:HASH, the rest of the line left out. Writes NULs into the text, which is ours. */
static int
parse_line(const struct line *l, char *text, size_t n, struct htpasswd *h, struct err *e)
{
	struct slice line = slice_of(text, n);
	size_t colon = slice_index(line, ':');
	struct slice name = slice_head(line, colon), hash = slice_skip(line, colon + 1);

	if (colon == n)
		return err_set(e, "%s:%u: not NAME:HASH", l->file, l->number);
	hash = slice_head(hash, slice_index(hash, ':'));
	if (check_name(l, name, e) < 0 || check_hash(l, name, hash, e) < 0)
		return -1;
	if (h->n == HTPASSWD_USERS_MAX)
		return err_set(
			e, "%s:%u: more than %d users", l->file, l->number, HTPASSWD_USERS_MAX);
	text[colon] = '\0';
	text[colon + 1 + hash.n] = '\0';
	h->users[h->n++] = (struct htpasswd_user){.name = text, .hash = text + colon + 1};
	return 0;
}

static int
parse_lines(const char *file, struct htpasswd *h, struct err *e)
{
	struct line l = {.file = file};

	for (size_t at = 0; at < h->size;) {
		struct slice rest = slice_of(h->text + at, h->size - at);
		size_t end = slice_index(rest, '\n'), n = end;

		l.number++;
		if (n > 0 && rest.p[n - 1] == '\r')
			n--;
		if (n > 0 && rest.p[0] != '#' && parse_line(&l, h->text + at, n, h, e) < 0)
			return -1;
		at += end + 1;
	}
	return 0;
}

static int
compare_users(const void *a, const void *b)
{
	return strcmp(
		((const struct htpasswd_user *)a)->name, ((const struct htpasswd_user *)b)->name);
}

/* Sorts the users, of whom there must be one, and each once. */
static int
take_order(const char *file, struct htpasswd *h, struct err *e)
{
	if (h->n == 0)
		return err_set(e,
			"%s: names no user; write NAME:HASH, as htpasswd -B FILE NAME does", file);
	h->first_hash = h->users[0].hash;
	qsort(h->users, h->n, sizeof(*h->users), compare_users);
	for (size_t i = 1; i < h->n; i++)
		if (strcmp(h->users[i - 1].name, h->users[i].name) == 0)
			return err_set(e, "%s: the user \"%.64s\" stands there twice", file,
				h->users[i].name);
	return 0;
}

/* As many users as lines, at most. */
static size_t
count_lines(struct slice text)
{
	size_t n = 1;

	for (size_t i = 0; i < text.n; i++)
		n += text.p[i] == '\n';
	return n < HTPASSWD_USERS_MAX ? n : HTPASSWD_USERS_MAX;
}

int
htpasswd_parse(struct slice text, const char *file, struct htpasswd *ret, struct err *e)
{
	struct htpasswd h = {.size = text.n};

	if (text.n > HTPASSWD_SIZE_MAX)
		return err_set(e, "%s: larger than %zu bytes", file, HTPASSWD_SIZE_MAX);
	h.text = slice_dup(text);
	h.users = calloc(count_lines(text), sizeof(*h.users));
	if (!h.text || !h.users)
		err_set(e, "out of memory");
	else if (memchr(h.text, '\0', h.size))
		err_set(e, "%s: holds a NUL byte", file);
	else if (parse_lines(file, &h, e) == 0 && take_order(file, &h, e) == 0) {
		*ret = h;
		return 0;
	}
	htpasswd_clear(&h);
	return -1;
}

void
htpasswd_clear(struct htpasswd *h)
{
	if (h->text)
		explicit_bzero(h->text, h->size);
	free(h->text);
	free(h->users);
	*h = (struct htpasswd){0};
}

const char *
htpasswd_find(const struct htpasswd *h, struct slice name)
{
	size_t low = 0, high = h->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const char *at = h->users[middle].name;
		size_t n = strlen(at), shorter = n < name.n ? n : name.n;
		int order = shorter ? memcmp(name.p, at, shorter) : 0;

		if (order == 0)
			order = (name.n > n) - (name.n < n);
		if (order == 0)
			return h->users[middle].hash;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}
