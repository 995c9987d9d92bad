/*
 * What to answer for a file: whole, a part, "not modified", or a refusal; from the request's
 * conditions and the file's size and time alone (RFC 9110 sections 13.2.2 and 14). One range is
 * served; several at once get the whole file, as is allowed.
 */
#ifndef PROXY_FILE_POLICY_H
#define PROXY_FILE_POLICY_H

#include "core/buf.h"
#include "proxy/http_date.h"
#include "proxy/http_head.h"

#define FILE_ETAG_MAX 40
#define FILE_FIELDS_MAX 256 /* the fields of every head, with the longest content type */

struct file_facts {
	uint64_t size;
	int64_t mtime; /* seconds since 1970 */
	uint32_t mtime_ns;
	const char *type; /* the content type, which outlives this */
	/* Made of the above by file_facts_write. */
	char etag[FILE_ETAG_MAX]; /* with its quotes */
	char fields[FILE_FIELDS_MAX];
	uint16_t n_validators; /* Last-Modified and ETag: this much of fields */
	uint16_t n_fields;     /* and what tells of the whole file's content */
};

struct file_answer {
	uint16_t status; /* 200, 206, 304, 405, 412 or 416 */
	uint64_t start;  /* first byte to send */
	uint64_t length; /* bytes to send (GET) or to announce (HEAD); 0 for 304, 405, 412, 416 */
	bool body;       /* false for HEAD and for what has none */
	uint8_t minor;   /* the client's HTTP/1.minor, for Connection */
};

/* Writes the texts, once for a file that is asked for often. */
void file_facts_write(struct file_facts *facts);
/* Methods other than GET and HEAD get 405. */
void file_policy_decide(const struct http_request *request, const struct file_facts *facts,
	struct file_answer *ret);
/* Appends the head of a 200, 206, 304 or 416 answer, empty line included; the others are
 * answer_build's. now_date: IMF-fixdate. 0 or -1. */
int file_policy_head(const struct file_answer *answer, const struct file_facts *facts,
	struct slice now_date, bool keep_alive, struct buf *out);

#endif
