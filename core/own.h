/*
 * Ownership: locals that clean themselves, and the words that hand a thing over.
 *
 *	_free_ char *s = strdup(x);       freed when the scope ends
 *	_fd_ int fd = open(...);          closed when the scope ends (a negative one is left alone)
 *	return steal_fd(&fd);             handed to the caller; the local holds -1 afterwards
 */
#ifndef CORE_OWN_H
#define CORE_OWN_H

#include <stddef.h>
#include <stdlib.h>

#define _free_ __attribute__((cleanup(own_free_ptr)))
#define _fd_ __attribute__((cleanup(own_close_fd)))
#define _cleanup_(function) __attribute__((cleanup(function)))

/* Frees what *pp (a pointer to a pointer) points at. For _free_ only. */
static inline void
own_free_ptr(void *pp)
{
	void **p = (void **)pp;

	free(*p);
}

/* Closes *fd when it is not negative; errno is kept. For _fd_ only. */
void own_close_fd(int *fd);

/* Closes fd when it is not negative; errno is kept. Returns -1, so that `fd = close_fd(fd)`. */
int close_fd(int fd);

/* Returns *fd and leaves -1 behind. */
static inline int
steal_fd(int *fd)
{
	int stolen = *fd;

	*fd = -1;
	return stolen;
}

/* Returns *pp and leaves NULL behind; pp is the address of any object pointer. */
#define steal_ptr(pp)                                                                              \
	__extension__({                                                                            \
		__typeof__(pp) steal_pp = (pp);                                                    \
		__typeof__(*steal_pp) stolen = *steal_pp;                                          \
		*steal_pp = NULL;                                                                  \
		stolen;                                                                            \
	})

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif
