#include "proxy/tls/tls_kernel.h"

#include "core/log.h"
#include "core/own.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <string.h>
#include <sys/socket.h>

static const char kernel_ulp[] = "tls";

bool
tls_kernel_probe(struct err *e)
{
	_fd_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0) {
		err_errno(e, errno, "socket");
		return false;
	}
	if (setsockopt(fd, IPPROTO_TCP, TCP_ULP, kernel_ulp, sizeof(kernel_ulp)) == 0 ||
		errno == ENOTCONN)
		return true;
	err_errno(e, errno, "TCP_ULP");
	return false;
}

void
tls_kernel_init(struct tls_kernel *k)
{
	struct err e = {0};
	/* One that hands over no keys leaves the kernel nothing to do. */
	bool there = tls_seal_is_known() ? tls_kernel_probe(&e) : err_set(&e, "this OpenSSL") == 0;

	for (size_t i = 0; i < TLS_SEAL_CIPHER_COUNT; i++)
		k->ciphers[i] = there;
	if (there)
		log_info("kernel TLS is there");
	else
		log_info("no kernel TLS", kv_err("why", &e));
}

bool
tls_kernel_takes(const struct tls_kernel *k, const struct tls_seal *seal)
{
	return seal->on && k->ciphers[seal->cipher];
}

/* tls_seal_take the other way round. */
socklen_t
tls_kernel_describe(const struct tls_seal *seal, union tls_kernel_info *to)
{
	uint8_t sequence[8];

	memset(to, 0, sizeof(*to));
	to->head.version = TLS_1_3_VERSION;
	for (int i = 0; i < 8; i++)
		sequence[i] = (uint8_t)(seal->sequence >> 8 * (7 - i));
	switch (seal->cipher) {
	case TLS_SEAL_AES_128:
		to->head.cipher_type = TLS_CIPHER_AES_GCM_128;
		memcpy(to->aes_128.salt, seal->iv, sizeof(to->aes_128.salt));
		memcpy(to->aes_128.iv, seal->iv + sizeof(to->aes_128.salt), sizeof(to->aes_128.iv));
		memcpy(to->aes_128.key, seal->key, sizeof(to->aes_128.key));
		memcpy(to->aes_128.rec_seq, sequence, sizeof(sequence));
		return sizeof(to->aes_128);
	case TLS_SEAL_AES_256:
		to->head.cipher_type = TLS_CIPHER_AES_GCM_256;
		memcpy(to->aes_256.salt, seal->iv, sizeof(to->aes_256.salt));
		memcpy(to->aes_256.iv, seal->iv + sizeof(to->aes_256.salt), sizeof(to->aes_256.iv));
		memcpy(to->aes_256.key, seal->key, sizeof(to->aes_256.key));
		memcpy(to->aes_256.rec_seq, sequence, sizeof(sequence));
		return sizeof(to->aes_256);
	case TLS_SEAL_CHACHA20:
		to->head.cipher_type = TLS_CIPHER_CHACHA20_POLY1305;
		memcpy(to->chacha20.iv, seal->iv, sizeof(to->chacha20.iv));
		memcpy(to->chacha20.key, seal->key, sizeof(to->chacha20.key));
		memcpy(to->chacha20.rec_seq, sequence, sizeof(sequence));
		return sizeof(to->chacha20);
	case TLS_SEAL_CIPHER_COUNT:
		break;
	}
	return 0;
}

/* Not for now alone: the module, the cipher or this use of it is not there. */
static bool
kernel_refused(int error)
{
	return error == ENOENT || error == EINVAL || error == EOPNOTSUPP || error == ENOPROTOOPT ||
	       error == EPERM;
}

/* The layer without a key changes nothing: bytes go through as they are. */
static int
kernel_set(int fd, const union tls_kernel_info *info, socklen_t n)
{
	if (setsockopt(fd, IPPROTO_TCP, TCP_ULP, kernel_ulp, sizeof(kernel_ulp)) < 0)
		return -1;
	return setsockopt(fd, SOL_TLS, TLS_TX, info, n);
}

int
tls_kernel_start(struct tls_kernel *k, int fd, struct tls_sealer *sealer, struct tls_seal *seal)
{
	union tls_kernel_info info;
	socklen_t n = tls_kernel_describe(seal, &info);
	int failed = kernel_set(fd, &info, n), error = errno;

	explicit_bzero(&info, sizeof(info));
	if (failed < 0) {
		if (kernel_refused(error))
			k->ciphers[seal->cipher] = false;
		errno = error;
		return -1;
	}
	tls_seal_end(sealer, seal);
	return 0;
}

ssize_t
tls_kernel_send(int fd, uint8_t type, const void *from, size_t n)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(type))];
	} control = {0};
	struct iovec text = {.iov_base = (void *)(uintptr_t)from, .iov_len = n};
	struct msghdr message = {.msg_iov = &text,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control.room)};
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);
	ssize_t sent;

	head->cmsg_level = SOL_TLS;
	head->cmsg_type = TLS_SET_RECORD_TYPE;
	head->cmsg_len = CMSG_LEN(sizeof(type));
	memcpy(CMSG_DATA(head), &type, sizeof(type));
	do {
		sent = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (sent < 0 && errno == EINTR);
	return sent;
}
