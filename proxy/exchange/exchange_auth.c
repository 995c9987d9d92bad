/*
 * Basic authentication of an exchange: its login is found in the table of the place's file, then
 * among those that were right a moment ago, then checked by the thread for that, while the exchange
 * waits. A name that nobody has is checked too, against another's hash: it takes as long.
 */
#include "proxy/exchange/exchange.h"

#include "core/clock.h"

#include <stdlib.h>

#define FULL_RETRY_S 5
#define CHALLENGE_MAX (2 * CONF_AUTH_REALM_MAX + 64)

/* A login that is being checked. It outlives an exchange that ends meanwhile. */
struct login {
	struct auth_job job;
	struct command *command; /* that brings it back */
	struct worker *worker;
	struct exchange *exchange; /* NULL: gone; the worker's thread alone looks */
};

void
exchange_free_login(struct login *login)
{
	if (!login)
		return;
	explicit_bzero(&login->job, sizeof(login->job));
	free(login);
}

/* On the pool's thread. */
void
exchange_post_login(struct auth_job *job)
{
	struct login *login = list_entry(job, struct login, job);
	struct command *c = login->command;

	c->login = login;
	worker_post(login->worker, c);
}

static void
exchange_challenge(struct exchange *x, const char *why)
{
	const char *realm = x->guard->auth_from->auth.realm;
	struct buf text;
	struct slice challenge = {0};

	buf_init(&text, CHALLENGE_MAX);
	if (auth_basic_challenge(realm ? realm : CONF_AUTH_REALM, &text) == 0)
		challenge = buf_slice(&text);
	exchange_answer_challenge(x, challenge, why);
	buf_clear(&text);
}

static void
exchange_login_failed(struct exchange *x, const char *why)
{
	stats_add(&x->worker->stats, STAT_LOGINS_FAILED, 1);
	conn_violation(x->conn, VIOLATION_LOGIN);
	exchange_challenge(x, why);
}

static struct login *
login_new(struct exchange *x)
{
	struct login *login = calloc(1, sizeof(*login));

	if (!login)
		return NULL;
	login->command = command_new(COMMAND_LOGIN);
	if (!login->command) {
		free(login);
		return NULL;
	}
	list_init(&login->job.node);
	login->worker = x->worker;
	login->exchange = x;
	login->job.client = client_key(&x->client, 0);
	return login;
}

/* Hands the password to the thread that checks. */
static bool
exchange_check_login(struct exchange *x, const struct auth_basic *a, const char *hash, bool known)
{
	struct auth *auth = &x->worker->guards->auth;
	struct login *login = login_new(x);
	struct auth_job *job = login ? &login->job : NULL;

	if (!login || auth_digest(auth, x->worker->tls.libctx, hash, a, job->digest) < 0) {
		if (login)
			free(login->command);
		exchange_free_login(login);
		exchange_answer(x, 500, NULL, "out of memory");
		return false;
	}
	if (known && auth_memory_knows(auth->memory, job->digest, clock_mono_coarse_ms())) {
		free(login->command);
		exchange_free_login(login);
		return true;
	}
	job->known = known;
	memcpy(job->hash, hash, strlen(hash));
	memcpy(job->password, a->password.p, a->password.n);
	x->login = login;
	exchange_set_state(x, EXCHANGE_GUARD);
	if (auth_pool_check(auth->pool, job) == 0)
		return false;
	x->login = NULL;
	free(login->command);
	exchange_free_login(login);
	stats_add(&x->worker->stats, STAT_LOGINS_REFUSED, 1);
	exchange_answer_later(x, 503, FULL_RETRY_S, "too many passwords to check");
	return false;
}

/* The value of the one Authorization field; two of them are a way to be understood twice. */
static struct slice
exchange_authorization(const struct exchange *x)
{
	const struct http_request *r = &x->request;
	struct slice value = {0};

	for (size_t i = 0; i < r->n_fields; i++) {
		if (r->fields[i].id != HTTP_NAME_AUTHORIZATION)
			continue;
		if (value.p)
			return (struct slice){0};
		value = http_request_slice(r, r->fields[i].value);
	}
	return value;
}

static bool
exchange_know_user(struct exchange *x, const struct auth_basic *a)
{
	const struct htpasswd *file =
		generation_passwords(x->generation, x->guard->auth_from->auth.file);
	const char *hash = htpasswd_find(file, a->name);
	char *name = arena_alloc(x->arena, a->name.n);

	if (name) {
		memcpy(name, a->name.p, a->name.n);
		x->user = slice_of(name, a->name.n);
	}
	return exchange_check_login(x, a, hash ? hash : file->first_hash, hash != NULL);
}

bool
exchange_auth_basic(struct exchange *x)
{
	struct auth_basic a;
	bool passed = false;

	switch (auth_basic_parse(exchange_authorization(x), &a)) {
	case AUTH_BASIC_NONE:
		exchange_challenge(x, NULL);
		return false;
	case AUTH_BASIC_BAD:
		exchange_login_failed(x, "malformed Authorization");
		return false;
	case AUTH_BASIC_NAMED:
		passed = exchange_know_user(x, &a);
		break;
	}
	explicit_bzero(&a, sizeof(a));
	return passed;
}

void
exchange_on_login(struct login *login)
{
	struct exchange *x = login->exchange;

	if (login->job.right)
		auth_memory_add(login->worker->guards->auth.memory, login->job.digest,
			clock_mono_coarse_ms());
	if (!x)
		return;
	x->login = NULL;
	if (login->job.right)
		exchange_guarded(x);
	else
		exchange_login_failed(x, "wrong password or unknown user");
	front_drive(x->front);
}

void
exchange_leave_login(struct exchange *x)
{
	if (x->login)
		x->login->exchange = NULL;
	x->login = NULL;
}
