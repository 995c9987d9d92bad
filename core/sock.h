/*
 * recv(2) and send(2) without glibc's point of cancellation, which in a process of several threads
 * costs two locked instructions a call (nptl/cancellation.c); no thread of ours is ever cancelled.
 * A build with a sanitizer of GCC calls the library, whose functions it watches.
 */
#ifndef CORE_SOCK_H
#define CORE_SOCK_H

#include <stddef.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(SYS_recvfrom) ||     \
	!defined(SYS_sendto)
#define SOCK_BY_LIBRARY 1
#else
#define SOCK_BY_LIBRARY 0
#endif

/* As recv(2): bytes, 0 at the end, or -1 with errno. */
static inline ssize_t
sock_recv(int fd, void *to, size_t n, int flags)
{
#if SOCK_BY_LIBRARY
	return recv(fd, to, n, flags);
#else
	return syscall(SYS_recvfrom, fd, to, n, flags, NULL, NULL);
#endif
}

/* As send(2): bytes, or -1 with errno. */
static inline ssize_t
sock_send(int fd, const void *from, size_t n, int flags)
{
#if SOCK_BY_LIBRARY
	return send(fd, from, n, flags);
#else
	return syscall(SYS_sendto, fd, from, n, flags, NULL, 0);
#endif
}

#endif
