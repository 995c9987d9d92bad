/* Commands about the cache: each is one request. */
#include "daemon/ctl/ctl_cache.h"

#include "core/own.h"
#include "daemon/ctl/ctl_ask.h"
#include "daemon/ctl/ctl_table.h"

#include <stdio.h>
#include <string.h>

#define PATH_MAX_LEN (64 * 1024) /* an encoded URL takes three times its length */

/* The value of a query, percent-encoded but for what needs no care (RFC 3986 section 2.3). */
static int
append_encoded(const char *s, struct buf *out)
{
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;
		bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
			     (c >= 'A' && c <= 'Z') || strchr("-._~", (char)c);

		if ((plain ? buf_append_byte(out, (char)c) : buf_printf(out, "%%%02X", c)) < 0)
			return -1;
	}
	return 0;
}

/* Asks METHOD PATH?KEY=VALUE; key NULL: without a query. */
struct question {
	const char *method, *path, *key, *value;
};

static int
show(const struct ctl_line *line, const struct question *q, ctl_show_fn *print)
{
	struct err e = {0};
	struct buf path;
	int rc;

	buf_init(&path, PATH_MAX_LEN);
	if (buf_append_str(&path, q->path) < 0 ||
		(q->key && (buf_printf(&path, "?%s=", q->key) < 0 ||
				   append_encoded(q->value, &path) < 0)) ||
		buf_append_byte(&path, '\0') < 0) {
		err_set(&e, "\"%.40s…\" is too long", q->value ? q->value : "");
		rc = ctl_complain(CTL_USAGE, &e);
	} else {
		rc = ctl_show(line, q->method, path.data, print);
	}
	buf_clear(&path);
	return rc;
}

static bool
counts_bytes(const char *key)
{
	static const char *const keys[] = {
		"limit", "disk_limit", "bytes", "memory", "disk_bytes", "disk_index"};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (strcmp(key, keys[i]) == 0)
			return true;
	return false;
}

static int
print_status(const json_t *answer, struct buf *out)
{
	char text[CTL_BYTES_MAX];
	const char *key;
	json_t *value;

	if (buf_printf(out, "%-16s %.1f%%\n", "hit ratio",
		    100 * json_real_value(json_object_get(answer, "hit_ratio"))) < 0)
		return -1;
	json_object_foreach((json_t *)(uintptr_t)answer, key, value)
	{
		if (json_is_string(value) &&
			buf_printf(out, "%-16s %s\n", key, json_string_value(value)) < 0)
			return -1;
		if (!json_is_integer(value))
			continue;
		if (buf_printf(out, "%-16s %lld", key, (long long)json_integer_value(value)) < 0 ||
			(counts_bytes(key) && json_integer_value(value) >= 1024 &&
				buf_printf(out, " (%s)",
					ctl_bytes_print(json_integer_value(value), text)) < 0) ||
			buf_append_byte(out, '\n') < 0)
			return -1;
	}
	return 0;
}

int
ctl_cache_status(const struct ctl_line *line)
{
	return show(line, &(struct question){.method = "GET", .path = "/v1/cache"}, print_status);
}

static int
print_list(const json_t *answer, struct buf *out)
{
	static const struct ctl_column columns[] = {{"STATUS", "status"}, {"SIZE", "size"},
		{"AGE", "age"}, {"TTL", "ttl"}, {"TIER", "tier"}, {"TYPE", "type"},
		{"VARY", "vary"}, {"TAGS", "tags"}, {"URL", "url"}};

	return ctl_table_print(columns, ARRAY_SIZE(columns), answer, out);
}

/* URLs are compared whole, so that one without its beginning is none of what is stored. A prefix
 * may end inside of it. */
static int
check_url(const char *url, bool prefix)
{
	static const char *const schemes[] = {"https://", "http://"};
	size_t n = strlen(url);

	for (size_t i = 0; i < ARRAY_SIZE(schemes); i++)
		if (strncmp(url, schemes[i], strlen(schemes[i])) == 0 ||
			(prefix && strncmp(url, schemes[i], n) == 0))
			return CTL_OK;
	(void)fprintf(stderr,
		"sluice: \"%.200s\" is no URL; it is written whole, as in https://HOST/PATH\n",
		url);
	return CTL_USAGE;
}

int
ctl_cache_ls(const struct ctl_line *line)
{
	const struct question q = {.method = "GET",
		.path = "/v1/cache/objects",
		.key = line->n_args ? "prefix" : NULL,
		.value = line->args[0]};

	if (line->n_args && check_url(line->args[0], true) != CTL_OK)
		return CTL_USAGE;
	return show(line, &q, print_list);
}

/* Each answer's head, and what is known of it. */
static int
print_heads(const json_t *answer, struct buf *out)
{
	for (size_t i = 0; i < json_array_size(answer); i++) {
		const json_t *o = json_array_get(answer, i);
		const char *head = json_string_value(json_object_get(o, "head"));

		if (buf_printf(out, "%s# %lld bytes, age %llds, fresh for %llds\n", i ? "\n" : "",
			    (long long)json_integer_value(json_object_get(o, "size")),
			    (long long)json_integer_value(json_object_get(o, "age")),
			    (long long)json_integer_value(json_object_get(o, "ttl"))) < 0)
			return -1;
		for (; head && *head; head++)
			if (*head != '\r' && buf_append_byte(out, *head) < 0)
				return -1;
	}
	return json_array_size(answer) ? 0 : buf_append_str(out, "nothing is stored for it\n");
}

int
ctl_cache_show(const struct ctl_line *line)
{
	const struct question q = {
		.method = "GET", .path = "/v1/cache/objects", .key = "url", .value = line->args[0]};

	if (check_url(line->args[0], false) != CTL_OK)
		return CTL_USAGE;
	return show(line, &q, print_heads);
}

static int
print_purged(const json_t *answer, struct buf *out)
{
	return buf_printf(out, "%lld purged\n",
		(long long)json_integer_value(json_object_get(answer, "purged")));
}

int
ctl_cache_purge(const struct ctl_line *line)
{
	struct question q = {.method = "POST", .path = "/v1/cache/purge", .key = "url"};

	if (line->command == CTL_CACHE_CLEAR) {
		q.path = "/v1/cache/clear";
		q.key = NULL;
		return show(line, &q, print_purged);
	}
	if (line->n_args == 1 && line->args[0][0] != '-') {
		q.value = line->args[0];
	} else if (line->n_args == 2 && strcmp(line->args[0], "--prefix") == 0) {
		q.key = "prefix";
		q.value = line->args[1];
	} else if (line->n_args == 2 && strcmp(line->args[0], "--tag") == 0) {
		q.key = "tag";
		q.value = line->args[1];
	} else {
		(void)fprintf(stderr,
			"sluice: usage: sluice cache purge URL | --prefix URL | --tag TAG\n");
		return CTL_USAGE;
	}
	if (strcmp(q.key, "tag") != 0 && check_url(q.value, strcmp(q.key, "prefix") == 0) != CTL_OK)
		return CTL_USAGE;
	return show(line, &q, print_purged);
}
