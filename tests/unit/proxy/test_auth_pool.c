/* proxy/guard/auth_pool.c and auth.c: right and wrong passwords, a full queue, an end with jobs
 * waiting.
 */
#include "tests/unit/core/unit.h"

#include "core/own.h"
#include "proxy/guard/auth.h"

#include <crypt.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static unsigned n_done;
static bool held; /* on_done waits */

static void
on_done(struct auth_job *job)
{
	(void)job;
	pthread_mutex_lock(&lock);
	n_done++;
	pthread_cond_broadcast(&changed);
	while (held)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
}

static void
wait_done(unsigned n)
{
	pthread_mutex_lock(&lock);
	while (n_done < n)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
}

static void
hold(bool hold_now)
{
	pthread_mutex_lock(&lock);
	held = hold_now;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

static struct auth_job
job_of(const char *hash, const char *password, uint8_t client)
{
	struct addr a = {.family = AF_INET, .bytes = {192, 0, 2, client}};
	struct auth_job job = {.client = client_key(&a, 0), .known = true};

	list_init(&job.node);
	(void)snprintf(job.hash, sizeof(job.hash), "%s", hash);
	(void)snprintf(job.password, sizeof(job.password), "%s", password);
	return job;
}

static bool
check(const char *hash, const char *password, bool known)
{
	struct auth_pool *p = auth_pool_new(on_done);
	struct auth_job job = job_of(hash, password, 1);

	n_done = 0;
	job.known = known;
	assert_int_equal(auth_pool_check(p, &job), 0);
	wait_done(1);
	auth_pool_free(&p);
	assert_int_equal(job.password[0], 0);
	return job.right;
}

static void
every_kind_of_hash(void **state)
{
	static const char *const kinds[] = {
		"$2y$04$", "$y$j75$", "$6$rounds=1000$", "$5$rounds=1000$", "$7$"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		char setting[CRYPT_GENSALT_OUTPUT_SIZE];
		struct crypt_data data = {0};
		const char *hash, *prefix = kinds[i];
		char short_prefix[8] = {0};

		memcpy(short_prefix, prefix, (size_t)(strchr(prefix + 1, '$') - prefix + 1));
		if (!crypt_gensalt_rn(short_prefix, prefix[1] == '2' ? 4 : 0, NULL, 0, setting,
			    sizeof(setting)))
			fail_msg("%s", prefix);
		hash = crypt_r("secret", setting, &data);
		assert_true(hash && hash[0] == '$');
		assert_true(check(hash, "secret", true));
		assert_false(check(hash, "Secret", true));
		assert_false(check(hash, "secret", false));
	}
	assert_false(check("$6$", "x", true));
	assert_false(check("$2y$99$aaaaaaaaaaaaaaaaaaaaaa", "x", true));
}

static void
a_full_queue_takes_no_more_and_no_client_all_of_it(void **state)
{
	struct auth_pool *p = auth_pool_new(on_done);
	struct auth_job first = job_of("$5$x$y", "a", 200),
			*jobs = calloc(AUTH_QUEUE_MAX + 1, sizeof(*jobs));

	(void)state;
	n_done = 0;
	hold(true);
	assert_int_equal(auth_pool_check(p, &first), 0);
	wait_done(1); /* the thread is busy from here on */
	for (unsigned i = 0; i <= AUTH_QUEUE_MAX; i++)
		jobs[i] = job_of("$5$x$y", "a", (uint8_t)(i / AUTH_QUEUE_CLIENT_MAX));
	for (unsigned i = 0; i < AUTH_QUEUE_CLIENT_MAX; i++)
		assert_int_equal(auth_pool_check(p, &jobs[i]), 0);
	jobs[AUTH_QUEUE_MAX] = job_of("$5$x$y", "a", 0);
	assert_int_equal(auth_pool_check(p, &jobs[AUTH_QUEUE_MAX]), -1);
	for (unsigned i = AUTH_QUEUE_CLIENT_MAX; i < AUTH_QUEUE_MAX; i++)
		assert_int_equal(auth_pool_check(p, &jobs[i]), 0);
	jobs[AUTH_QUEUE_MAX] = job_of("$5$x$y", "a", 201);
	assert_int_equal(auth_pool_check(p, &jobs[AUTH_QUEUE_MAX]), -1);
	hold(false);
	wait_done(1 + AUTH_QUEUE_MAX);
	auth_pool_free(&p);
	free(jobs);
}

static void
what_waits_at_the_end_is_wrong(void **state)
{
	struct auth_pool *p = auth_pool_new(on_done);
	struct auth_job jobs[3];

	(void)state;
	n_done = 0;
	for (unsigned i = 0; i < 3; i++) {
		jobs[i] = job_of("$6$rounds=200000$salt$x", "a", (uint8_t)i);
		assert_int_equal(auth_pool_check(p, &jobs[i]), 0);
	}
	auth_pool_stop(p);
	assert_int_equal(n_done, 3);
	assert_int_equal(auth_pool_check(p, &jobs[0]), -1);
	auth_pool_free(&p);
}

static void
digests_tell_logins_apart(void **state)
{
	static const struct {
		const char *hash, *name, *password;
	} logins[] = {
		{"h", "a", "b"}, {"h", "a", "c"}, {"h", "b", "b"}, {"i", "a", "b"}, {"h", "a", ""}};
	uint8_t digests[ARRAY_SIZE(logins)][AUTH_DIGEST_SIZE], again[AUTH_DIGEST_SIZE];
	struct auth auth = {0}, other = {0};

	(void)state;
	assert_int_equal(auth_init(&auth, on_done), 0);
	assert_int_equal(auth_init(&other, on_done), 0);
	for (size_t i = 0; i < ARRAY_SIZE(logins); i++) {
		struct auth_basic login = {.name = slice_str(logins[i].name),
			.password = slice_str(logins[i].password)};

		assert_int_equal(auth_digest(&auth, NULL, logins[i].hash, &login, digests[i]), 0);
		assert_int_equal(auth_digest(&auth, NULL, logins[i].hash, &login, again), 0);
		assert_memory_equal(digests[i], again, AUTH_DIGEST_SIZE);
		assert_int_equal(auth_digest(&other, NULL, logins[i].hash, &login, again), 0);
		assert_memory_not_equal(digests[i], again, AUTH_DIGEST_SIZE);
		for (size_t k = 0; k < i; k++)
			assert_memory_not_equal(digests[i], digests[k], AUTH_DIGEST_SIZE);
	}
	auth_clear(&auth);
	auth_clear(&other);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_of_hash),
		cmocka_unit_test(a_full_queue_takes_no_more_and_no_client_all_of_it),
		cmocka_unit_test(what_waits_at_the_end_is_wrong),
		cmocka_unit_test(digests_tell_logins_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
