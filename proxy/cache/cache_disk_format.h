/*
 * What stands in the files of the disk tier. A segment is a file that only grows: a head, records
 * one behind the other, and, once it is sealed, a footer that lists them. A record is an answer
 * (what is known of it, its head, its body), or says that everything before it that matches is void
 * (a purge). Pure: bytes in, values out.
 *
 *	segment   head (64 bytes), records, [footer: entries, tail (32 bytes)]
 *	large     a segment of one record, for whose length in front room was left; always with
 *footer record    head (88 bytes), url, scope, vary, key, tags, answer's head, a sum of each chunk
 *of the body, a sum of all that stands before it; then the body entry     the same head, the
 *record's place, url, scope, vary, key, tags
 *
 * Numbers are little-endian. Sums are SipHash with the segment's own random key: what a backend
 * sends can't look like a record, and bytes of another segment aren't taken for one of this.
 */
#ifndef PROXY_CACHE_DISK_FORMAT_H
#define PROXY_CACHE_DISK_FORMAT_H

#include "core/buf.h"
#include "core/siphash.h"
#include "proxy/cache/cache_policy.h"

#define DISK_SEGMENT_HEAD 64
#define DISK_RECORD_HEAD 88
#define DISK_TAIL 32
#define DISK_SUM 8
#define DISK_CHUNK (128 * 1024)           /* bytes of a body that have one sum */
#define DISK_BODY_MAX (UINT64_C(4) << 30) /* bytes of a body */
#define DISK_TEXT_MAX (64 * 1024)         /* of each of the texts but the head */
#define DISK_ANSWER_HEAD_MAX (32 * 1024)  /* CACHE_HEAD_MAX */
#define DISK_FOOTER_MAX (4 * 1024 * 1024) /* a segment with a longer one is sealed */
#define DISK_META_MAX                                                                              \
	(DISK_RECORD_HEAD + 5 * DISK_TEXT_MAX + DISK_ANSWER_HEAD_MAX +                             \
		((int)(DISK_BODY_MAX / DISK_CHUNK) + 1) * DISK_SUM)

/* X(id, what is void) */
#define DISK_KIND_TABLE(X)                                                                         \
	X(ANSWER, "nothing: it is an answer")                                                      \
	X(KILL_URL, "the answers of this URL")                                                     \
	X(KILL_PREFIX, "those of all URLs that begin so")                                          \
	X(KILL_TAG, "those that bear this tag")

enum disk_kind {
#define DISK_KIND_ENUM(id, what) DISK_##id,
	DISK_KIND_TABLE(DISK_KIND_ENUM)
#undef DISK_KIND_ENUM
		DISK_KIND_COUNT
};

struct disk_segment_head {
	uint64_t number;
	struct siphash_key key;
};

/* Slices point to what was read. Of a kill only kind, serial and url (what is void) count. */
struct disk_record {
	enum disk_kind kind;
	uint64_t serial; /* of all that was ever written, the order in time */
	uint64_t boot;   /* of which boot of the machine came_mono_ms is */
	int64_t came_wall_ms;
	uint64_t came_mono_ms;
	struct cache_terms terms;
	uint16_t status;
	bool coded;
	struct slice url, scope, vary, key, tags;
	struct slice head; /* not in an entry: empty */
	uint64_t body_n;
};

/* The bytes that all but the body of such a record takes, for a body of body_n bytes and texts of
 * texts_n in all, the answer's head among them. */
size_t disk_record_room(size_t texts_n, uint64_t body_n);

/* Where things stand in a record: the bytes before the body, and the body's. */
struct disk_extent {
	size_t meta;
	uint64_t body;
};

void disk_segment_head_write(
	const struct disk_segment_head *h, unsigned char out[static DISK_SEGMENT_HEAD]);
/* 0 or -1: it is none. */
int disk_segment_head_read(struct slice bytes, struct disk_segment_head *ret);

/* What it takes in a file: from its lengths. */
void disk_record_extent(const struct disk_record *r, struct disk_extent *ret);
/* Appends all of the record but its body, whose sums it computes; r->body_n is body.n. 0, or -1
 * when something is longer than it may be, or memory is short. */
int disk_record_write(const struct siphash_key *key, const struct disk_record *r, struct slice body,
	struct buf *out);
/* The same with the sums of a body that has been written already: disk_chunk_sum of each chunk. */
int disk_record_write_sums(const struct siphash_key *key, const struct disk_record *r,
	struct slice sums, struct buf *out);
/* Appends the sum of one chunk. 0 or -1. */
int disk_chunk_sum(const struct siphash_key *key, struct slice chunk, struct buf *out);
/* Whether the chunk with this number is what the sums say. */
bool disk_chunk_is_right(
	const struct siphash_key *key, struct slice sums, uint64_t number, struct slice chunk);
/* The sums in the bytes before a body; the record was read before. */
struct slice disk_record_sums(struct slice meta, uint64_t body_n);
/* From the first DISK_RECORD_HEAD bytes. 0 or -1: no record begins here. Nothing is checked yet but
 * that all lengths are possible. */
int disk_record_measure(struct slice bytes, struct disk_extent *ret);
/* Where in the bytes a record might begin; bytes.n: nowhere, or in what follows them. */
size_t disk_record_find(struct slice bytes);
/* From all bytes before the body. 0 or -1: a byte is wrong. */
int disk_record_read(const struct siphash_key *key, struct slice meta, struct disk_record *ret);
/* Whether the body is what the record (read before) says it is. */
bool disk_body_is_right(const struct siphash_key *key, struct slice meta, struct slice body);

/* Appends the entry of a record that stands there. 0 or -1. */
int disk_entry_write(const struct disk_record *r, uint64_t offset, struct buf *out);
/* Takes the next entry off. 1, 0 at the end, -1: malformed. */
int disk_entry_next(struct slice *rest, uint64_t *ret_offset, struct disk_record *ret);
/* Appends the tail behind the entries. 0 or -1. */
int disk_footer_end(const struct siphash_key *key, struct buf *footer);
/* From the last DISK_TAIL bytes of a segment: how long the footer is, the tail included. 0 or -1:
 * it has none. */
int disk_footer_measure(struct slice tail, size_t *ret);
/* From the whole footer: its entries. 0 or -1: a byte is wrong. */
int disk_footer_read(const struct siphash_key *key, struct slice footer, struct slice *ret);

/* Whether a kill of this kind voids the answer. */
bool disk_kill_matches(enum disk_kind kind, struct slice what, struct slice url, struct slice tags);
/* Sets what is known of the answer's age now (RFC 9111 section 4.2.3). boot, now_wall_ms and
 * now_mono_ms: of now. Where the clock was set back, so that nobody knows how old it is, it is
 * stale whatever it says. latest_wall_ms: of all that was ever written. */
void disk_record_grow_old(struct disk_record *r, uint64_t boot, int64_t now_wall_ms,
	uint64_t now_mono_ms, int64_t latest_wall_ms);

#endif
