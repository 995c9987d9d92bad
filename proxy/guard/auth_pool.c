/* A queue, a thread, and crypt(3). */
#include "proxy/guard/auth_pool.h"

#include "core/own.h"

#include <crypt.h>
#include <pthread.h>
#include <stdlib.h>

struct auth_pool {
	void (*done)(struct auth_job *job);
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct list queue;
	size_t n_queued;
	bool started, stopped;
	pthread_t thread;
	struct crypt_data data; /* the thread's */
};

struct auth_pool *
auth_pool_new(void (*done)(struct auth_job *job))
{
	struct auth_pool *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->done = done;
	list_init(&p->queue);
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->wake, NULL);
	return p;
}

/* In a time that does not tell where they differ. */
static bool
auth_same(const char *a, const char *b)
{
	size_t n = strlen(a);
	unsigned char differ = 0;

	if (strlen(b) != n)
		return false;
	for (size_t i = 0; i < n; i++)
		differ |= (unsigned char)(a[i] ^ b[i]);
	return differ == 0;
}

static void
auth_pool_do(struct auth_pool *p, struct auth_job *job)
{
	const char *hash = crypt_r(job->password, job->hash, &p->data);

	/* A setting that crypt(3) does not take gives a token that begins with '*'. */
	job->right = hash && hash[0] != '*' && auth_same(hash, job->hash) && job->known;
	explicit_bzero(job->password, sizeof(job->password));
	explicit_bzero(&p->data, sizeof(p->data));
	p->done(job);
}

/* The next job, waiting for it; NULL: the pool was stopped. */
static struct auth_job *
auth_pool_next(struct auth_pool *p)
{
	struct auth_job *job = NULL;

	pthread_mutex_lock(&p->lock);
	while (list_empty(&p->queue) && !p->stopped)
		pthread_cond_wait(&p->wake, &p->lock);
	if (!p->stopped) {
		job = list_entry(list_first(&p->queue), struct auth_job, node);
		list_remove(&job->node);
		p->n_queued--;
	}
	pthread_mutex_unlock(&p->lock);
	return job;
}

static void *
auth_pool_run(void *arg)
{
	struct auth_pool *p = arg;
	struct auth_job *job;

	while ((job = auth_pool_next(p)) != NULL)
		auth_pool_do(p, job);
	return NULL;
}

/* With the lock held. */
static bool
auth_pool_has_room(struct auth_pool *p, const struct client_key *client)
{
	size_t n = 0;

	list_each(node, &p->queue) n +=
		client_key_eq(&list_entry(node, struct auth_job, node)->client, client);
	return p->n_queued < AUTH_QUEUE_MAX && n < AUTH_QUEUE_CLIENT_MAX;
}

static bool
auth_pool_start(struct auth_pool *p)
{
	if (!p->started && pthread_create(&p->thread, NULL, auth_pool_run, p) == 0) {
		p->started = true;
		(void)pthread_setname_np(p->thread, "proxy-auth");
	}
	return p->started;
}

int
auth_pool_check(struct auth_pool *p, struct auth_job *job)
{
	int ret = -1;

	pthread_mutex_lock(&p->lock);
	if (!p->stopped && auth_pool_has_room(p, &job->client) && auth_pool_start(p)) {
		list_append(&p->queue, &job->node);
		p->n_queued++;
		pthread_cond_signal(&p->wake);
		ret = 0;
	}
	pthread_mutex_unlock(&p->lock);
	return ret;
}

void
auth_pool_stop(struct auth_pool *p)
{
	bool join;

	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	join = p->started && !p->stopped;
	p->stopped = true;
	pthread_cond_signal(&p->wake);
	pthread_mutex_unlock(&p->lock);
	if (join)
		pthread_join(p->thread, NULL);
	/* Nobody else touches the queue any more. */
	while (!list_empty(&p->queue)) {
		struct auth_job *job = list_entry(list_first(&p->queue), struct auth_job, node);

		list_remove(&job->node);
		job->right = false;
		p->done(job);
	}
}

void
auth_pool_free(struct auth_pool **p)
{
	struct auth_pool *gone = steal_ptr(p);

	if (!gone)
		return;
	auth_pool_stop(gone);
	pthread_mutex_destroy(&gone->lock);
	pthread_cond_destroy(&gone->wake);
	free(gone);
}
