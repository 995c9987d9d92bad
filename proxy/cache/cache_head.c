/* Lines of stored heads. */
#include "proxy/cache/cache_head.h"

#include "core/own.h"
#include "proxy/cache/cache_object.h"
#include "proxy/http/http_date.h"

void
cache_head_skip_status(struct slice *rest)
{
	*rest = slice_skip(*rest, slice_index(*rest, '\n') + 1);
}

bool
cache_head_next(struct slice *rest, struct cache_line *ret)
{
	size_t n = slice_index(*rest, '\n') + 1;
	size_t colon;

	if (rest->n < 3 || n > rest->n || rest->p[0] == '\r')
		return false;
	ret->line = slice_head(*rest, n);
	colon = slice_index(ret->line, ':');
	ret->name = slice_head(ret->line, colon);
	ret->value = slice_trim(slice_head(slice_skip(ret->line, colon + 1), n - colon - 3));
	*rest = slice_skip(*rest, n);
	return true;
}

static bool
is_one_of(struct slice name, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (slice_ieq(name, slice_str(names[i])))
			return true;
	return false;
}

/* RFC 9111 section 3.1, and our own framing. */
static bool
is_kept(struct slice name, const struct cache_control *control)
{
	static const char *const dropped[] = {"connection", "content-length", "transfer-encoding",
		"age", "keep-alive", "proxy-authenticate", "proxy-authentication-info",
		"proxy-connection", "te", "trailer", "upgrade"};

	return !is_one_of(name, dropped, ARRAY_SIZE(dropped)) &&
	       !cache_control_lists(control, name);
}

int
cache_head_keep(struct slice head, const struct cache_control *control, struct buf *out)
{
	struct slice rest = head;
	struct cache_line l;

	cache_head_skip_status(&rest);
	if (buf_append(out, head.p, head.n - rest.n) < 0)
		return -1;
	while (cache_head_next(&rest, &l))
		if (is_kept(l.name, control) && buf_append_slice(out, l.line) < 0)
			return -1;
	return 0;
}

/* RFC 9111 section 3.2: those stay that are about the content as it is stored. */
static bool
is_updated(struct slice name, const struct cache_control *control, bool coded)
{
	static const char *const content[] = {"content-encoding", "content-type", "content-range"};

	if (is_one_of(name, content, ARRAY_SIZE(content)) ||
		(coded && slice_ieq(name, SLICE_LIT("etag"))))
		return false;
	/* Vary belongs to the key that the object is found by. */
	return !slice_ieq(name, SLICE_LIT("vary")) && is_kept(name, control);
}

static bool
has_field(struct slice head, struct slice name)
{
	struct cache_line l;

	cache_head_skip_status(&head);
	while (cache_head_next(&head, &l))
		if (slice_ieq(l.name, name))
			return true;
	return false;
}

int
cache_head_merge(struct slice stored, struct slice fresh, const struct cache_control *control,
	bool coded, struct buf *out)
{
	struct slice rest = stored, added = fresh;
	struct cache_line l;

	cache_head_skip_status(&rest);
	if (buf_append(out, stored.p, stored.n - rest.n) < 0)
		return -1;
	while (cache_head_next(&rest, &l)) {
		if (cache_control_lists(control, l.name) ||
			(is_updated(l.name, control, coded) && has_field(fresh, l.name)))
			continue;
		if (buf_append_slice(out, l.line) < 0)
			return -1;
	}
	cache_head_skip_status(&added);
	while (cache_head_next(&added, &l))
		if (is_updated(l.name, control, coded) && buf_append_slice(out, l.line) < 0)
			return -1;
	return 0;
}

/* Cache-Tag has commas, Surrogate-Key blanks; neither has the other's in a tag. */
static void
append_tags(struct slice value, size_t max, struct buf *out)
{
	while (value.n > 0) {
		size_t n = 0;

		while (n < value.n && !strchr(", \t", value.p[n]))
			n++;
		if (n > 0 && buf_len(out) + n + 1 <= max) {
			if ((buf_len(out) && buf_append_byte(out, ' ') < 0) ||
				buf_append(out, value.p, n) < 0)
				return;
		}
		value = slice_skip(value, n + 1);
	}
}

void
cache_head_tags(struct slice head, size_t max, struct buf *out)
{
	struct cache_line l;

	cache_head_skip_status(&head);
	while (cache_head_next(&head, &l))
		if (slice_ieq(l.name, SLICE_LIT("cache-tag")) ||
			slice_ieq(l.name, SLICE_LIT("surrogate-key")))
			append_tags(l.value, max, out);
}

void
cache_head_index(struct cache_object *o)
{
	struct slice rest = o->head;
	struct cache_line l;

	cache_head_skip_status(&rest);
	while (cache_head_next(&rest, &l)) {
		if (slice_ieq(l.name, SLICE_LIT("etag")) && o->etag.n == 0)
			o->etag = l.value;
		else if (slice_ieq(l.name, SLICE_LIT("content-type")) && o->type.n == 0)
			o->type = l.value;
		else if (slice_ieq(l.name, SLICE_LIT("last-modified")) && o->modified_text.n == 0)
			o->modified_text = l.value;
	}
	o->has_modified =
		o->modified_text.n > 0 && http_date_parse(o->modified_text, &o->modified) == 0;
}
