/*
 * OpenSSL's memory. A connection has buffers for records only while one is read or written
 * (SSL_MODE_RELEASE_BUFFERS), so each request asks for two of 16 KiB and gives them back. Here
 * each thread keeps a few of them at hand; all else is malloc's.
 */
#ifndef PROXY_TLS_MEMORY_H
#define PROXY_TLS_MEMORY_H

#define TLS_MEMORY_KEEP_MAX 4 /* buffers that a thread keeps */

/* Before anything else is asked of OpenSSL in this process. */
void tls_memory_init(void);
/* At the end of a thread: frees what it keeps. */
void tls_memory_clear(void);

#endif
