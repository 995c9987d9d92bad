/*
 * OpenSSL's memory. A connection has buffers for records only while one is read or written
 * (SSL_MODE_RELEASE_BUFFERS), so each request asks for two of 16 KiB and gives them back. Here
 * they come from a region of their own, whose buffers go from connection to connection; when all
 * of them are in use, and for everything else, there is malloc.
 */
#ifndef PROXY_TLS_MEMORY_H
#define PROXY_TLS_MEMORY_H

#define TLS_MEMORY_BUFFERS 64 /* of the whole process: 1.1 MiB, once they were used */

/* Before anything else is asked of OpenSSL in this process. */
void tls_memory_init(void);
/* At the end of a thread: what it has is not used again. */
void tls_memory_clear(void);

#endif
