/* Sets of digests, the set chosen by the digest itself, which nobody outside can compute. */
#include "proxy/guard/auth_memory.h"

#include "core/own.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct auth_remembered {
	uint8_t digest[AUTH_DIGEST_SIZE];
	uint64_t until_ms; /* 0: nothing */
};

struct auth_memory {
	pthread_mutex_t lock;
	struct auth_remembered sets[AUTH_MEMORY_SETS][AUTH_MEMORY_WAYS];
};

struct auth_memory *
auth_memory_new(void)
{
	struct auth_memory *m = calloc(1, sizeof(*m));

	if (m)
		pthread_mutex_init(&m->lock, NULL);
	return m;
}

void
auth_memory_free(struct auth_memory **m)
{
	struct auth_memory *gone = steal_ptr(m);

	if (!gone)
		return;
	pthread_mutex_destroy(&gone->lock);
	explicit_bzero(gone, sizeof(*gone));
	free(gone);
}

static struct auth_remembered *
auth_memory_set(struct auth_memory *m, const uint8_t *digest)
{
	return m->sets[digest[0] % AUTH_MEMORY_SETS];
}

bool
auth_memory_knows(
	struct auth_memory *m, const uint8_t digest[static AUTH_DIGEST_SIZE], uint64_t now_ms)
{
	struct auth_remembered *set = auth_memory_set(m, digest);
	bool known = false;

	pthread_mutex_lock(&m->lock);
	for (size_t i = 0; i < AUTH_MEMORY_WAYS; i++)
		known = known || (now_ms < set[i].until_ms &&
					 memcmp(set[i].digest, digest, AUTH_DIGEST_SIZE) == 0);
	pthread_mutex_unlock(&m->lock);
	return known;
}

void
auth_memory_add(
	struct auth_memory *m, const uint8_t digest[static AUTH_DIGEST_SIZE], uint64_t now_ms)
{
	struct auth_remembered *set = auth_memory_set(m, digest), *to = &set[0];

	pthread_mutex_lock(&m->lock);
	for (size_t i = 0; i < AUTH_MEMORY_WAYS; i++) {
		if (memcmp(set[i].digest, digest, AUTH_DIGEST_SIZE) == 0) {
			to = &set[i];
			break;
		}
		if (set[i].until_ms < to->until_ms)
			to = &set[i];
	}
	memcpy(to->digest, digest, AUTH_DIGEST_SIZE);
	to->until_ms = now_ms + AUTH_REMEMBER_MS;
	pthread_mutex_unlock(&m->lock);
}
