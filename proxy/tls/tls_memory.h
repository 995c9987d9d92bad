/*
 * OpenSSL's memory. A connection has buffers for records only while one is read or written
 * (SSL_MODE_RELEASE_BUFFERS), so each request asks for two of 16 KiB and gives them back. A
 * handshake asks for 780 small pieces, and gives most of them back. Here both come from regions of
 * their own, and what is given back goes to the next who asks; when a region is used up, and for
 * everything else, there is malloc.
 */
#ifndef PROXY_TLS_MEMORY_H
#define PROXY_TLS_MEMORY_H

#define TLS_MEMORY_BUFFERS 64     /* of the whole process: 1.1 MiB, once they were used */
#define TLS_MEMORY_PIECE_MAX 1024 /* bytes of a small piece */
#define TLS_MEMORY_PIECES_BYTES (16 * 1024 * 1024) /* of the process: a thousand connections' */
#define TLS_MEMORY_PINS 7                          /* of a thread */

/* Before anything else is asked of OpenSSL in this process. */
void tls_memory_init(void);
/* A record that OpenSSL has written stays where it is: its buffer, which begins with it, is not
 * used again before tls_memory_unpin, if OpenSSL gives it back. At most TLS_MEMORY_PINS. */
void tls_memory_pin(const void *record);
/* How many of the pinned buffers OpenSSL has given back. The others it may write to at any time. */
unsigned tls_memory_returned(void);
/* All of them may be used again. */
void tls_memory_unpin(void);
/* At the end of a thread: what it has is not used again. */
void tls_memory_clear(void);

#endif
