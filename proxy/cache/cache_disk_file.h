/*
 * The folder of the disk tier and its files. Only the tier's writing thread calls this, but for
 * disk_file_read, which any thread may. One process at a time has a folder: it holds a lock in it.
 */
#ifndef PROXY_CACHE_DISK_FILE_H
#define PROXY_CACHE_DISK_FILE_H

#include "core/err.h"
#include "proxy/cache/cache_disk_index.h"

#define DISK_SEGMENT_SHARE 128               /* a segment is this part of the budget, */
#define DISK_SEGMENT_MIN (UINT64_C(1) << 20) /* but not less, */
#define DISK_SEGMENT_MAX (UINT64_C(1) << 28) /* nor more */
#define DISK_SEGMENTS_MAX 1024               /* files; beyond, the oldest goes */

/* Files of records have numbers that are multiples of this; those of one large answer have numbers
 * between: before the file of records that grew when they were begun, so that whatever purge came
 * later is read after them. */
#define DISK_NUMBER_STEP 65536

struct disk_folder {
	int fd; /* -1: none is open */
	int lock_fd;
	struct list segments; /* of struct disk_segment, the oldest first; a reference each */
	size_t n_segments;
	uint64_t bytes;              /* of all of them */
	struct disk_segment *active; /* the last one, while it grows; NULL: none does */
	struct buf footer;           /* the entries of the active one */
	struct buf meta;             /* scratch */
	uint64_t segment_max;
	uint64_t last_number, last_serial;
	uint64_t n_large; /* numbers of large ones that were used before the active one */
	bool unsynced;    /* something was written that is to survive a power failure */
};

void disk_folder_init(struct disk_folder *f);
/* Opens the folder at the descriptor (O_PATH) and locks it. 0; 1: another process has it; -1 with e
 * filled. */
int disk_folder_open(struct disk_folder *f, int at, struct err *e);
/* Opens all segments, in order; what is none of ours is left alone, what is none at all removed. 0
 * or -1 with e filled. */
int disk_folder_list(struct disk_folder *f, struct err *e);
/* Seals, unlocks, closes. It may be closed already. */
void disk_folder_close(struct disk_folder *f);
/* How large segments become, for a budget. */
uint64_t disk_segment_size(uint64_t budget);

/* Writes the record behind the last one, into a new segment where it does not fit; r->serial 0: the
 * next one. 0, or -1 with the errno; then nothing of it is
 * in the file. */
int disk_folder_append(struct disk_folder *f, const struct disk_record *r, struct slice body,
	struct disk_place *ret, int *ret_errno);
/* A large answer begins, in a file that is none yet: not in the list, and not there after a crash.
 * The body's place is `room` bytes behind the segment's head. *ret has a reference. 0, or -1 with
 * errno. */
int disk_folder_begin_large(struct disk_folder *f, size_t room, struct disk_segment **ret);
/* Writes the next bytes of its body. 0, or -1 with errno: then it is to be dropped. */
int disk_folder_add_large(struct disk_folder *f, struct disk_segment *s, struct slice bytes);
/* It is complete: from now on it is a segment of the folder, which has its own reference. sums: of
 * the chunks of the body. 0, or -1 with the errno: it is to be dropped. */
int disk_folder_end_large(struct disk_folder *f, struct disk_segment *s,
	const struct disk_record *r, struct slice sums, struct disk_place *ret, int *ret_errno);
/* Its file goes; leaves NULL behind. Not after it was ended. */
void disk_folder_drop_large(struct disk_folder *f, struct disk_segment **s);
static inline bool
disk_segment_is_large(const struct disk_segment *s)
{
	return s->number % DISK_NUMBER_STEP != 0;
}

/* Ends the active segment. What cannot be written stays out: it is read record by record then. */
void disk_folder_seal(struct disk_folder *f);
/* The last segment of records; NULL: there is none. */
struct disk_segment *disk_folder_last(struct disk_folder *f);
/* The last segment of records grows on: from `end` on, where its records end, with these entries
 * (taken over). 0 or -1. */
int disk_folder_reopen(struct disk_folder *f, uint64_t end, struct buf *footer);
/* Deletes a segment. No entry of the index is in it any more. 0 or -1. */
int disk_folder_remove(struct disk_folder *f, struct disk_segment *s);
/* What was written survives a power failure. 0 or -1. */
int disk_folder_sync(struct disk_folder *f);
/* Bytes that others leave free, and that the file system has. 0 or -1. */
int disk_folder_room(const struct disk_folder *f, uint64_t *ret_free, uint64_t *ret_size);

/* Reads a record into meta (reset first) and its body to `body`, which has room for it, and checks
 * every byte. 0; 1: what stands there is wrong; -1: it cannot be read. */
int disk_file_read(
	const struct disk_found *found, struct buf *meta, char *body, struct disk_record *ret);
/* The same without the body. */
int disk_file_read_head(const struct disk_found *found, struct buf *meta, struct disk_record *ret);

#endif
