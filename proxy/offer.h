/*
 * An offer while its parts arrive: text, listeners, certificates, keys, folders. Complete, it is
 * built into a generation; the first thing that is wrong with it is what the parent is told.
 */
#ifndef PROXY_OFFER_H
#define PROXY_OFFER_H

#include "core/memfd.h"
#include "core/msg.h"
#include "proxy/generation.h"

#define OFFER_LISTENERS_MAX 4096
#define OFFER_THREADS_MAX 64

/* A listening socket for one thread. */
struct offer_listener {
	struct addr addr;
	uint16_t port;
	uint16_t thread;
	int fd; /* owned; -1 once handed over */
};

struct offer_root {
	uint32_t ordinal;
	char *path;
};

struct offer {
	uint64_t number;
	struct conf *conf; /* NULL once it is a generation's */
	struct offer_listener *listeners;
	size_t n_listeners;
	struct memfd_map *chains, *keys; /* [index of the certificate]; base NULL: not there */
	struct memfd_map *passwords;     /* [index of the file], likewise */
	struct memfd_map *client_cas;    /* [index of the site] */
	int *page_fds; /* [index into conf->all_pages]; -1: not there, or handed over */
	struct memfd_map *authorities; /* [index into conf.authorities] */
	struct offer_root *roots;
	size_t n_roots;
	bool failed;
	struct err err; /* when failed: the first thing that was wrong */
};

/* Reads the OFFER message, whose descriptor holds the text. Never NULL but for want of memory: an
 * offer that cannot be read is one that failed. */
struct offer *offer_new(struct msg_in *m);
/* Wipes, closes, frees; leaves NULL behind; *o may be NULL. */
void offer_free(struct offer **o);
/* Takes a part in: LISTENER, CERTIFICATE, PRIVATE_KEY, CLIENT_CA, UPSTREAM_CA, ERROR_PAGE,
 * PASSWORDS or ROOT, behind its generation number. */
void offer_add(struct offer *o, struct msg_in *m);
/* One more than the highest thread that a listener is for; at least 1. */
unsigned offer_threads(const struct offer *o);
/* Builds the generation with these threads' contexts. before: the one that runs, or NULL.
 * NULL: o->err says why. */
struct generation *offer_build(struct offer *o, struct tls_thread *const *threads,
	unsigned n_threads, const struct generation *before, struct backends *backends);

#endif
