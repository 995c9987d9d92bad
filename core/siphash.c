/* The key of a hash; the hash itself stands in the header. */
#include "core/siphash.h"

#include <sys/random.h>

int
siphash_key_new(struct siphash_key *ret)
{
	struct siphash_key key;

	/* Fewer than 256 bytes: all or, on a kernel without the call, none. */
	if (getrandom(&key, sizeof(key), 0) != (ssize_t)sizeof(key))
		return -1;
	*ret = key;
	return 0;
}
