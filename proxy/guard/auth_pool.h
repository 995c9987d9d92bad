/*
 * The thread that checks passwords. crypt(3) takes tens of milliseconds on purpose: one thread does
 * it for all workers, one password after the other, with a queue of a named length, of which no
 * client may take more than its share.
 */
#ifndef PROXY_AUTH_POOL_H
#define PROXY_AUTH_POOL_H

#include "conf/htpasswd.h"
#include "core/list.h"
#include "proxy/guard/auth_basic.h"
#include "proxy/guard/auth_memory.h"
#include "proxy/guard/client_key.h"

#define AUTH_QUEUE_MAX 64       /* passwords that wait to be checked */
#define AUTH_QUEUE_CLIENT_MAX 8 /* of one client */

/* A password to be checked. Its maker's, but while it is the pool's. */
struct auth_job {
	struct list node;
	struct client_key client;
	char hash[HTPASSWD_HASH_MAX + 1];
	char password[AUTH_PASSWORD_MAX + 1];
	/* False: nobody has that name, and the hash is another's, so that it takes as long. */
	bool known;
	uint8_t digest[AUTH_DIGEST_SIZE]; /* to be remembered when it is right */
	bool right;                       /* the answer */
	void *owner;                      /* the maker's */
};

struct auth_pool;

/* done is called on the pool's thread and takes the job back. NULL when memory is short. */
struct auth_pool *auth_pool_new(void (*done)(struct auth_job *job));
/* Takes the job; the first one starts the thread. 0, or -1: the queue is full, or the thread
 * can't be started, or the pool was stopped. */
int auth_pool_check(struct auth_pool *p, struct auth_job *job);
/* Ends the thread. What waits is handed to done unchecked, as wrong. p may be NULL. */
void auth_pool_stop(struct auth_pool *p);
/* Stops and frees; leaves NULL behind; *p may be NULL. */
void auth_pool_free(struct auth_pool **p);

#endif
