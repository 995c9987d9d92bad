/*
 * How bodies are buffered: requests before the backend is asked, answers while the client is slow.
 * At top level, in a site, in a route; each directive of an inner block replaces the outer one's.
 */
#ifndef CONF_BODIES_H
#define CONF_BODIES_H

#include <stdbool.h>
#include <stdint.h>

#define CONF_BODY_BUFFER_MAX (UINT64_C(64) * 1024 * 1024)
#define CONF_BODY_BUFFER_WHOLE (UINT64_C(64) * 1024) /* with request-buffering on */
#define CONF_SPILL_DEFAULT (UINT64_C(1) << 30)
#define CONF_BUFFERS_N_MAX 1024
#define CONF_BUFFERS_SIZE_MIN 1024
#define CONF_BUFFERS_MAX (UINT64_C(256) * 1024 * 1024) /* N times SIZE */

/* The numbers are the effective ones. The ordinals are 0 where not written here. */
struct conf_bodies {
	uint64_t body_buffer; /* bytes of a request's body that are taken in first; 0: off */
	bool body_buffer_set; /* here or in an outer block */
	uint32_t body_buffer_ordinal;

	bool whole; /* request-buffering on: all of the body */
	bool spill_written;
	uint64_t spill; /* bytes that may go to a file */
	uint32_t whole_ordinal;

	uint32_t buffers; /* their number; 0: off */
	uint64_t buffer_size;
	uint64_t busy; /* 0: not written */
	bool file_written;
	uint64_t file; /* bytes; 0: off */
	uint32_t buffers_ordinal;
};

bool conf_bodies_equal(const struct conf_bodies *a, const struct conf_bodies *b);
/* Fills in what is effective; outer is NULL for the top level. */
void conf_bodies_inherit(struct conf_bodies *bodies, const struct conf_bodies *outer);
bool conf_bodies_written(const struct conf_bodies *bodies);

/* Bytes of memory for a request's body before the backend is asked; 0: it is asked at once. */
uint64_t conf_bodies_request_memory(const struct conf_bodies *bodies);
/* Bytes of memory for an answer that a slow client does not take yet. */
uint64_t conf_bodies_answer_memory(const struct conf_bodies *bodies);

#endif
