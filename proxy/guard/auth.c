/* The digest that a password is remembered by. */
#include "proxy/guard/auth.h"

#include <openssl/evp.h>
#include <sys/random.h>

#define DIGESTED_MAX (HTPASSWD_HASH_MAX + 1 + AUTH_BASIC_MAX)

int
auth_init(struct auth *a, void (*done)(struct auth_job *job))
{
	if (getrandom(a->key, sizeof(a->key), 0) != (ssize_t)sizeof(a->key))
		return -1;
	a->memory = auth_memory_new();
	a->pool = auth_pool_new(done);
	return a->memory && a->pool ? 0 : -1;
}

void
auth_clear(struct auth *a)
{
	auth_pool_free(&a->pool);
	auth_memory_free(&a->memory);
	explicit_bzero(a->key, sizeof(a->key));
}

/* HASH NUL NAME ':' PASSWORD: no two logins have the same text, as neither a hash holds a NUL nor
 * a name a colon; and a password that was changed in the file has another hash. */
int
auth_digest(const struct auth *a, OSSL_LIB_CTX *libctx, const char *hash,
	const struct auth_basic *login, uint8_t ret[static AUTH_DIGEST_SIZE])
{
	unsigned char text[DIGESTED_MAX];
	size_t n = strlen(hash) + 1, total = n + login->name.n + 1 + login->password.n, len = 0;
	unsigned char *made;

	if (total > sizeof(text))
		return -1;
	memcpy(text, hash, n);
	memcpy(text + n, login->name.p, login->name.n);
	text[n + login->name.n] = ':';
	if (login->password.n)
		memcpy(text + n + login->name.n + 1, login->password.p, login->password.n);
	made = EVP_Q_mac(libctx, "HMAC", NULL, "SHA256", NULL, a->key, sizeof(a->key), text, total,
		ret, AUTH_DIGEST_SIZE, &len);
	explicit_bzero(text, sizeof(text));
	return made && len == AUTH_DIGEST_SIZE ? 0 : -1;
}
