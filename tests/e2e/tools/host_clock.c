/*
 * The wall clock as a test sets it: linked with --wrap=clock_gettime. The file that SLUICE_CLOCK
 * names has one number, milliseconds by which the clock of the day is off, which the test changes
 * while the process runs. The clock that only runs forwards is left alone, as a jump leaves it.
 */
#include "core/own.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

int __real_clock_gettime(clockid_t id, struct timespec *t); /* NOLINT: the linker's names */
int __wrap_clock_gettime(clockid_t id, struct timespec *t); /* NOLINT */

static const _Atomic int64_t *shift;

__attribute__((constructor)) static void
map_clock(void)
{
	const char *path =
		getenv("SLUICE_CLOCK"); /* NOLINT(concurrency-mt-unsafe): no thread yet */
	_fd_ int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *map = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(*shift), PROT_READ, MAP_SHARED, fd, 0);

	if (map != MAP_FAILED)
		shift = map;
	else if (path)
		abort();
}

int
__wrap_clock_gettime(clockid_t id, struct timespec *t) /* NOLINT */
{
	int rc = __real_clock_gettime(id, t);

	if (rc == 0 && shift && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
		t->tv_sec += (time_t)(atomic_load(shift) / 1000);
	return rc;
}
