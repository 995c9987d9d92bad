/*
 * Paths: what is accepted has no dot segment left in either form, both forms resolve to
 * themselves, and neither a prefix's replacement nor a file's name leaves the root.
 */
#include "tests/fuzz/require.h"

#include "core/own.h"
#include "proxy/http/http_path.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require_no_dot_segments(struct slice path)
{
	for (struct slice rest = path; rest.n;) {
		struct slice segment = slice_head(rest, slice_index(rest, '/'));

		REQUIRE(!slice_eq_str(segment, ".") && !slice_eq_str(segment, ".."));
		rest = slice_skip(rest, segment.n + 1);
	}
}

static void
require_stable(const struct http_path *p, struct arena *arena)
{
	struct http_path again;

	REQUIRE(http_path_resolve(p->raw, arena, &again) == HTTP_REASON_NONE);
	REQUIRE(slice_eq(again.raw, p->raw) && slice_eq(again.match, p->match));
	REQUIRE(http_path_resolve(p->match, arena, &again) == HTTP_REASON_NONE);
	REQUIRE(slice_eq(again.raw, p->match) && slice_eq(again.match, p->match));
}

static void
require_offsets(const struct http_path *p)
{
	size_t end = http_path_raw_offset(p, p->match.n);

	REQUIRE(end <= p->raw.n);
	/* What is left can only be more of a final run of '/'. */
	for (size_t i = end; i < p->raw.n; i++)
		REQUIRE(p->raw.p[i] == '/');
}

static void
require_forwarded(const struct http_path *p, struct buf *out)
{
	size_t matched = 1;

	while (matched < p->match.n && p->match.p[matched - 1] != '/')
		matched++;
	buf_reset(out);
	REQUIRE(http_path_forward(p, matched, SLICE_LIT("/base/"), out) == 0);
	REQUIRE(slice_starts(buf_slice(out), SLICE_LIT("/base/")));
	buf_reset(out);
	REQUIRE(http_path_forward(p, matched, SLICE_LIT("/base"), out) == 0);
	REQUIRE(slice_eq_str(buf_slice(out), "/base") ||
		slice_starts(buf_slice(out), SLICE_LIT("/base/")));
	buf_reset(out);
	REQUIRE(http_path_folder_location(p, false, SLICE_LIT(""), out) == 0);
	REQUIRE(out->data[out->start] == '/');
	REQUIRE(buf_len(out) == 1 || out->data[out->start + 1] != '\\');
	REQUIRE(buf_len(out) == 1 || out->data[out->start + 1] != '/');
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice path = slice_of(data, size);
	struct arena *arena = arena_new(1024, 16 << 20);
	struct http_path p;
	struct buf out;

	REQUIRE(arena);
	buf_init(&out, 16 << 20);
	if (size && data[0] == '/' && memchr(data, 0, size) == NULL &&
		http_path_resolve(path, arena, &p) == HTTP_REASON_NONE) {
		REQUIRE(p.raw.n && p.raw.p[0] == '/' && p.raw.n <= path.n);
		REQUIRE(p.match.n && p.match.p[0] == '/' && p.match.n <= p.raw.n);
		require_no_dot_segments(p.raw);
		require_no_dot_segments(p.match);
		require_stable(&p, arena);
		require_offsets(&p);
		require_forwarded(&p, &out);
		buf_reset(&out);
		if (http_path_file(&p, 1, &out) == 0) {
			require_no_dot_segments(buf_slice(&out));
			REQUIRE(!memchr(buf_slice(&out).p, 0, buf_len(&out)));
		}
	}
	buf_clear(&out);
	arena_free(&arena);
	return 0;
}
