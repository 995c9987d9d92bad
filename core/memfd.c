/* Sealed memory files: made in one go, and trusted by the receiver only with all four seals. */
#include "core/memfd.h"
#include "core/own.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static int
write_all(int fd, struct slice bytes)
{
	while (bytes.n) {
		ssize_t n = write(fd, bytes.p, bytes.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		bytes = slice_skip(bytes, (size_t)n);
	}
	return 0;
}

int
memfd_new(const char *name, struct slice bytes, struct err *e)
{
	_fd_ int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return err_errno(e, errno, "memfd \"%s\"", name);
	if (write_all(fd, bytes) < 0)
		return err_errno(e, errno, "memfd \"%s\": write", name);
	if (fcntl(fd, F_ADD_SEALS, SEALS) < 0)
		return err_errno(e, errno, "memfd \"%s\": seal", name);
	return steal_fd(&fd);
}

int
memfd_map(int fd, size_t max, struct memfd_map *ret, struct err *e)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;
	size_t size;
	void *base;

	if (seals < 0 || (seals & SEALS) != SEALS)
		return err_set(e, "the descriptor is no sealed memory file");
	if (fstat(fd, &st) < 0)
		return err_errno(e, errno, "memory file");
	if (st.st_size < 0 || (uint64_t)st.st_size > max)
		return err_set(e, "memory file of %lld bytes, %zu are allowed",
			(long long)st.st_size, max);
	size = (size_t)st.st_size;
	if (size == 0) {
		*ret = (struct memfd_map){.bytes = SLICE_LIT("")};
		return 0;
	}
	base = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (base == MAP_FAILED)
		return err_errno(e, errno, "mapping a memory file of %zu bytes", size);
	*ret = (struct memfd_map){.bytes = slice_of(base, size), .base = base, .size = size};
	return 0;
}

void
memfd_unmap(struct memfd_map *map)
{
	if (map->base)
		(void)munmap(map->base, map->size);
	*map = (struct memfd_map){0};
}
