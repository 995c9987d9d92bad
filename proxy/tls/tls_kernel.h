/*
 * The kernel writes the records of a connection (Documentation/networking/tls.rst), from a record
 * of our choice on: it gets the key that OpenSSL has handed over (tls_seal.h), which is forgotten
 * here with that. There is no way back, and no way to another key before Linux 6.14. What pays is
 * sendfile(2); whoever sends little is better off without.
 */
#ifndef PROXY_TLS_KERNEL_H
#define PROXY_TLS_KERNEL_H

#include "core/err.h"
#include "proxy/tls/tls_seal.h"

#include <linux/tls.h>
#include <sys/socket.h>

/* What the kernel takes; of a thread. All zero: nothing. */
struct tls_kernel {
	bool ciphers[TLS_SEAL_CIPHER_COUNT];
};

union tls_kernel_info {
	struct tls_crypto_info head;
	struct tls12_crypto_info_aes_gcm_128 aes_128;
	struct tls12_crypto_info_aes_gcm_256 aes_256;
	struct tls12_crypto_info_chacha20_poly1305 chacha20;
};

/* Whether this kernel has it, or loads it for us, which it does for CAP_NET_ADMIN alone. False with
 * e filled. */
bool tls_kernel_probe(struct err *e);
/* Probes, says in the log what came of it, and takes every cipher for one that such a kernel has,
 * until it says otherwise. */
void tls_kernel_init(struct tls_kernel *k);
/* Whether it is worth asking. */
bool tls_kernel_takes(const struct tls_kernel *k, const struct tls_seal *seal);
/* The kernel makes the next record of the socket, a TCP connection; nothing of an older one may
 * wait. 0: from here on plain bytes are written to it, and seal has been ended, so that no number
 * is used twice. -1 with errno: all is as it was, and the cipher is not asked for again when that
 * is of no use. */
int tls_kernel_start(
	struct tls_kernel *k, int fd, struct tls_sealer *sealer, struct tls_seal *seal);
/* Sends one record of that content type. Bytes taken, all or none, or -1 with errno. */
ssize_t tls_kernel_send(int fd, uint8_t type, const void *from, size_t n);

/* --- for tests ------------------------------------------------------------------------------- */

/* What the kernel wants to know of the key, in *to; its length. The caller wipes it. */
socklen_t tls_kernel_describe(const struct tls_seal *seal, union tls_kernel_info *to);

#endif
