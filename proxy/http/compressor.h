/*
 * One stream that is compressed on its way to a client (zstd, brotli, gzip), in bounded memory and
 * within a budget of the thread's time: when that is spent, answers go as they are.
 */
#ifndef PROXY_COMPRESSOR_H
#define PROXY_COMPRESSOR_H

#include "core/slice.h"
#include "proxy/http/coding.h"

#include <stdbool.h>
#include <stddef.h>

#define COMPRESSOR_STREAMS_MAX 16 /* at once, of one thread; each takes 0.2 to 2 MiB */
#define COMPRESSOR_WINDOW_LOG 17  /* zstd: 128 KiB */
#define COMPRESSOR_BROTLI_LOG 18  /* brotli: 256 KiB */
#define COMPRESSOR_GZIP_LOG 15    /* gzip: 32 KiB */
#define COMPRESSOR_SHARE 25       /* per cent of a thread's time that compressing may take */
#define COMPRESSOR_BURST_US 500000

/* The budget of one thread. All zero is a full one that was never used. */
struct compressor_budget {
	uint64_t at_ms; /* when left_us was right */
	int64_t left_us;
};

struct compressors {
	unsigned n_open;
	struct compressor_budget budget;
	struct compressor *spare[CODING_NONE]; /* one of each kind is kept, where it can be */
};

struct compressor;

enum compressor_op {
	COMPRESSOR_MORE,  /* more is coming: keep what is not worth sending yet */
	COMPRESSOR_FLUSH, /* all that was taken in must come out now */
	COMPRESSOR_END,   /* that was all */
};

/* Whether the thread can still afford to compress another answer now. */
bool compressors_afford(struct compressors *all, uint64_t now_ms);
/* Notes time that was spent. */
void compressor_budget_spend(struct compressor_budget *b, uint64_t us);
/* Whether anything is left at now_ms; fills it up by the time that has gone by. */
bool compressor_budget_left(struct compressor_budget *b, uint64_t now_ms);
void compressors_clear(struct compressors *all);

/* level: 1 (fastest) to 9 (smallest), 0: what is right for answers made on the fly. NULL when
 * memory is short. */
struct compressor *compressor_new(struct compressors *all, enum coding coding, unsigned level);
enum coding compressor_coding(const struct compressor *c);
/* Leaves NULL behind; *c may be NULL. */
void compressor_free(struct compressor **c);

/* What goes in and where it comes out. */
struct compressor_step {
	enum compressor_op op;
	struct slice in; /* what was taken is gone from its front */
	char *out;       /* behind what was written */
	size_t room;     /* what is left of it */
	bool done;       /* all of in was taken, and all that op asks for has come out */
};

/* Goes on until it is done or there is no room: then call again with the same op. 0, or -1: the
 * library failed. */
int compressor_run(struct compressor *c, struct compressor_step *s);

#endif
