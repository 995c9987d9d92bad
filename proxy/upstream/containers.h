/*
 * What a thread knows about containers: state, addresses, since when. One table a thread, changed
 * by the messages that the main thread passes on, so that no request takes a lock. Exchanges that
 * concern a container hang on its entry and hear of every change.
 */
#ifndef PROXY_CONTAINERS_H
#define PROXY_CONTAINERS_H

#include "conf/container_state.h"
#include "core/addr.h"
#include "core/list.h"
#include "core/map.h"
#include "core/msg.h"

/* One CONTAINER message as a value. */
struct container_news {
	char name[64];
	bool gone; /* CONTAINER_GONE: state is ABSENT, nothing else is known */
	enum container_state state;
	uint64_t changed_ms; /* wall */
	uint32_t pid;        /* of its init, 0: none */
	struct addr address, address6;
};

struct container_entry {
	char name[64];
	bool known; /* a message has told its state */
	enum container_state state;
	uint32_t pid;
	struct addr address, address6; /* family 0: unknown */
	uint64_t changed_at;           /* monotonic ms of the last change; 0: none since we run */
	uint64_t failing_since;        /* monotonic ms: it refused after it had answered; 0: no */
	bool answered;                 /* it has answered since its last change */
	struct list exchanges;         /* those that wait for it or talk to it */
};

enum container_change {
	CONTAINER_SAME,    /* nothing that an exchange must know */
	CONTAINER_CHANGED, /* state or address: who waits decides anew */
	CONTAINER_LOST,    /* its init is another or none: what was connected to it is dead */
};

struct containers {
	struct map *by_name; /* of struct container_entry */
};

/* 0, or -1 when memory is short. */
int containers_init(struct containers *c);
void containers_clear(struct containers *c);
/* The entry of that name, made when it is not there; entries live as long as the table. NULL when
 * memory is short. */
struct container_entry *containers_get(struct containers *c, struct slice name);
/* Takes the news in; ret_old: the addresses before. What it means for exchanges. Times in ms;
 * wall and monotonic clock of the same moment. */
enum container_change container_update(struct container_entry *entry,
	const struct container_news *news, uint64_t now_wall, uint64_t now_mono);
/* Reads the fields of CONTAINER or CONTAINER_GONE. 0, or -1 when malformed. */
int container_news_read(struct msg_in *m, struct container_news *ret);

#endif
