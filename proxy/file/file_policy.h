/*
 * What to answer for a file: whole, a part, "not modified", or a refusal; from the request's
 * conditions and the file's size and time alone (RFC 9110 sections 13.2.2 and 14).
 */
#ifndef PROXY_FILE_POLICY_H
#define PROXY_FILE_POLICY_H

#include "core/buf.h"
#include "proxy/http/coding.h"
#include "proxy/file/file_range.h"
#include "proxy/http/http_date.h"
#include "proxy/http/http_head.h"

#define FILE_ETAG_MAX 48
#define FILE_FIELDS_MAX 352    /* the fields of every head, with the longest content type */
#define FILE_BOUNDARY_MAX 40   /* between the parts of an answer */
#define FILE_PART_HEAD_MAX 256 /* before each of them, and behind the last */

struct file_facts {
	uint64_t size;
	int64_t mtime; /* seconds since 1970 */
	uint32_t mtime_ns;
	const char *type;   /* the content type, which outlives this */
	enum coding coding; /* what these bytes are encoded with */
	bool varies;        /* who accepts another coding may get another file */
	bool whole;         /* made for this answer: no part of it can be asked for */
	/* Made of the above by file_facts_write. */
	char etag[FILE_ETAG_MAX]; /* with its quotes */
	char fields[FILE_FIELDS_MAX];
	uint16_t n_validators; /* Last-Modified, ETag and Vary: this much of fields */
	uint16_t n_fields;     /* and what tells of the whole file's content */
};

struct file_answer {
	uint16_t status; /* 200, 206, 304, 405, 412 or 416 */
	uint64_t start;  /* first byte to send */
	uint64_t length; /* bytes to send (GET) or to announce (HEAD); 0 for 304, 405, 412, 416 */
	struct file_part parts[FILE_RANGES_MAX]; /* 206, when there are several */
	uint8_t n_parts;                         /* else 0 */
	char boundary[FILE_BOUNDARY_MAX + 1];
	bool body;     /* false for HEAD and for what has none */
	uint8_t minor; /* the client's HTTP/1.minor, for Connection */
};

/* Writes the texts, once for a file that is asked for often. */
void file_facts_write(struct file_facts *facts);
/* The same for a page that is made for one answer: of this size, without validators. */
void file_facts_write_page(struct file_facts *facts, uint64_t size);
/* Methods other than GET and HEAD get 405. */
void file_policy_decide(const struct http_request *request, const struct file_facts *facts,
	struct file_answer *ret);
/* For an answer of several parts (RFC 9110 section 14.6): what is to stand between them, at most
 * FILE_BOUNDARY_MAX letters and digits that nobody can foresee. Its length counts it in. */
void file_policy_split(
	struct file_answer *answer, const struct file_facts *facts, struct slice boundary);
/* Appends what stands before the part of this index, or behind the last one (index n_parts): at
 * most FILE_PART_HEAD_MAX bytes. size, type: of the facts. 0 or -1. */
int file_policy_part(const struct file_answer *answer, uint64_t size, const char *type,
	size_t index, struct buf *out);
/* Appends the head of a 200, 206, 304 or 416 answer, empty line included; the others are
 * answer_build's. now_date: IMF-fixdate. 0 or -1. */
int file_policy_head(const struct file_answer *answer, const struct file_facts *facts,
	struct slice now_date, bool keep_alive, struct buf *out);

#endif
