/*
 * The memory of HTTP/2's streams, HPACK's and ours. A request takes several pieces (the stream,
 * decoded fields) and gives them back when it is answered; here they come from lists of free pieces
 * by size, which cost a few instructions, where malloc costs a hundred each when many streams end
 * together. One thread's own; no lock.
 */
#ifndef PROXY_H2_MEMORY_H
#define PROXY_H2_MEMORY_H

#include <nghttp2/nghttp2.h>

#define H2_MEMORY_STEP 64    /* sizes are rounded up to a multiple of this */
#define H2_MEMORY_CLASSES 16 /* up to 1,024 bytes; what is larger is malloc's */
/* Free pieces that a thread keeps. With AddressSanitizer none, so that it sees every use after a
 * free. */
#ifdef SLUICE_SANITIZED_ADDRESS
#define H2_MEMORY_KEEP_BYTES 0
#else
#define H2_MEMORY_KEEP_BYTES (256 * 1024)
#endif

struct h2_memory {
	void *free[H2_MEMORY_CLASSES]; /* each piece begins with a pointer to the next */
	size_t kept;                   /* bytes in all lists */
};

/* How the library calls it; m stays the caller's and must outlive every session. */
nghttp2_mem h2_memory_ops(struct h2_memory *m);
/* The same for what a stream has beside the library's: n bytes of zeros, or NULL. */
void *h2_memory_get(struct h2_memory *m, size_t n);
void h2_memory_put(struct h2_memory *m, void *p);
/* Gives the free pieces back to the system. */
void h2_memory_clear(struct h2_memory *m);

#endif
