/*
 * The router process: what its files share. One loop, one thread; generations of the
 * configuration come in by the channel, the kernel's own changes by two event sockets, and all
 * of them end in the same two steps: settle (interfaces and kernel parameters, recorded first)
 * and install (the ruleset).
 *
 * States of a settlement: IDLE -> RECORDING (RECORDs sent, RECORDEDs awaited) -> IDLE.
 */
#ifndef ROUTER_PROCESS_H
#define ROUTER_PROCESS_H

#include "conf/conf.h"
#include "core/chan.h"
#include "core/map.h"
#include "core/nft_view.h"
#include "core/stats.h"
#include "router/bans.h"
#include "router/blocks.h"
#include "router/conflicts.h"
#include "router/drops.h"
#include "router/link.h"
#include "router/nft/nft.h"
#include "router/peers.h"
#include "router/plan.h"
#include "router/sysctl.h"
#include "router/trial.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#define ROUTER_LXC_RUN "/run/lxc"
#define CONFIRM_SHUT_MAX 512

/* A generation that was offered and is not yet committed. */
struct offer {
	uint64_t generation; /* 0: none */
	struct conf *conf;   /* NULL: it could not be read, why says why */
	struct err why;
	int lists[CONF_BLOCK_LISTS_MAX]; /* sealed; of those that have come, until OFFER_END */
	size_t n_lists;
	struct blocks blocks; /* from OFFER_END on */
	struct peers_ports ssh;
	struct addr asked; /* by whom, over the network; family 0: not known */
	/* From COMMIT on, and before it TRIAL_ADOPT: */
	struct conf *policy;
	enum trial_verdict verdict;
};

/* Changes to interfaces and parameters that wait for the parent's records. */
struct settlement {
	bool active;
	uint64_t generation; /* the commit that waits for it; 0: upkeep */
	struct conf *conf;   /* one reference */
	struct link_work work;
	struct sysctl_list sysctls;
	struct map *awaited; /* names whose RECORDED has not come */
};

enum ability { ABILITY_NOT_ASKED, ABILITY_THERE, ABILITY_MISSING };

struct router {
	struct event_base *base;
	struct chan *chan;
	struct netlink route;        /* requests */
	struct netlink route_events; /* links and default routes */
	struct nft nft;
	struct event *on_route, *on_nft, *on_retry, *on_trial;
	struct offer offer;
	struct settlement settlement;
	struct conf *conf;      /* the committed generation; NULL: none yet */
	struct blocks blocks;   /* whom that blocks, lists included */
	struct ruleset ruleset; /* what the kernel shall hold */
	bool installed;         /* it was installed by this process */
	struct ruleset kept;    /* what a process before this one left in table bridge: it
				 * holds until lxc has spoken of every container */
	uint8_t bridge_mac[PLAN_MAC_SIZE];
	enum ability bridge_table;       /* whether the kernel has tables of that family */
	struct plan_wans wans;           /* the outside, as the installed ruleset has it */
	struct plan_wans next_wans;      /* as the settlement found it */
	bool switched_off;               /* forwarding is, by somebody else, and that was said */
	struct trial trial;              /* of what the host itself is open to */
	char shut_out[CONFIRM_SHUT_MAX]; /* administrators who could not connect anew by it */
	struct bans bans;                /* nft.bans */
	struct netlink diagnosis;        /* NETLINK_SOCK_DIAG */
	struct peers_ports ssh;          /* of the committed generation */
	bool diagnosis_failed;           /* and that was said */
	struct map *containers;          /* name -> struct plan_address, malloc'd */
	struct conflicts conflicts;      /* of containers' addresses with others' */
	uint64_t window_ms;              /* re-installations counted since then */
	unsigned window_count;
	struct drops drops;
	struct stats stats;
};

/* containers.c: the addresses that lxc tells. */
void containers_set(struct router *r, struct slice name, const struct plan_address *address);
void containers_forget(struct router *r, struct slice name);
void router_forget_containers(struct router *r);
/* Whether lxc spoke of every container of c since this process started. */
bool containers_all_told(const struct router *r, const struct conf *c);
/* One address for every container of c, the caller's to free; NULL when memory is short. */
struct plan_address *containers_known(const struct router *r, const struct conf *c);

/* install.c: the ruleset. */
/* What c, the offered or the committed one, asks for with what is known now. 0 or -1. */
int install_plan(struct router *r, const struct conf *c, struct ruleset *ret, struct err *e);
/* Whether the kernel has what c insists on. 0, or -1 with e filled. */
int install_check(struct router *r, const struct conf *c, struct err *e);
/* The first time, what stands in the kernel is what a process before this one left: reads it. */
void install_read_before(struct router *r);
/* Makes the kernel hold what c asks for, in one transaction, and forgets stale flows. On -1 the
 * old rules stand. */
int install_conf(struct router *r, const struct conf *c, struct err *e);
/* The committed configuration again, because an address or the outside changed. */
void install_again(struct router *r);
/* Somebody may have changed the table: puts it back. */
void install_repair(struct router *r);

/* show.c */
/* Tells control what the forwards have carried. */
void show_forwards(struct router *r, uint64_t id);
/* show_flows.c */
/* Tells control the flows of a container; without a name how many each has. */
void show_conntrack(struct router *r, uint64_t id, struct slice name);

/* ban.c: bans. */
struct ban_order {
	uint64_t id; /* 0: nobody waits for an answer */
	struct slice address, why;
	uint64_t for_ms;
};
void ban_add(struct router *r, const struct ban_order *o);
/* Without an address all. */
void ban_remove(struct router *r, uint64_t id, struct slice address);
void ban_list(struct router *r, uint64_t id);
/* What a process before this one left in the kernel. */
void ban_adopt(struct router *r);

/* show.c: what an operator is shown. */
void show_nft(struct router *r, uint64_t id, enum nft_view view);

/* settle.c: interfaces and parameters. */
/* Whether c's bridge can be had. 0 or -1. */
int settle_check(struct router *r, const struct conf *c, struct err *e);
/* Begins to settle c for a commit (generation) or for upkeep (0): asks for records, or goes on at
 * once when none is needed. Ends in generation_settled. */
void settle_begin(struct router *r, struct conf *c, uint64_t generation);
void settle_recorded(struct router *r, struct slice name);
void settle_cancel(struct router *r);
/* Something happened to interfaces or routes. */
void settle_upkeep(struct router *r);
/* Takes away what the bridge of the generation before had and the current one has not. */
void settle_leave(struct router *r, const struct conf *before);

/* generation.c: offers and commits. */
void generation_offer(struct router *r, uint64_t generation, int fd);
/* The next of its lists; takes the descriptor. */
void generation_block_list(struct router *r, uint64_t generation, uint32_t index, int fd);
/* Who administers. */
void generation_admins(struct router *r, uint64_t generation, const struct peers_ports *ssh,
	const struct addr *asked);
void generation_offer_end(struct router *r, uint64_t generation);
void generation_commit(struct router *r, uint64_t generation);
void generation_abort(struct router *r, uint64_t generation);
/* The settlement for this generation succeeded (why NULL) or failed. */
void generation_settled(struct router *r, uint64_t generation, const struct err *why);
void generation_clear(struct router *r);

/* confirm.c: the policy of what comes in to the host itself, and its trial. */
/* What the parent kept of a process before this one. */
void confirm_kept(struct router *r, int fd);
/* Judges the policy of the offer, which is about to be installed. 0 or -1. */
int confirm_judge(struct router *r, struct err *e);
/* It is installed, and r->conf. */
void confirm_committed(struct router *r);
/* The policy that holds for c, the offered or the committed one; NULL: its own. */
const struct conf *confirm_policy(const struct router *r, const struct conf *c);
/* The outside of that policy. */
struct plan_wans confirm_outside(struct router *r, const struct conf *policy, const struct conf *c);
void confirm_order(struct router *r, uint64_t id);
void confirm_on_timer(evutil_socket_t fd, short what, void *arg);
/* The process ends: nobody would be there to end a trial. */
void confirm_end(struct router *r);

/* router.c */
/* Tells control what happened, for /v1/events; key may be NULL. */
void router_event(struct router *r, const char *what, const char *key, const char *value);
/* Looks again in a second. */
void router_retry(struct router *r);

#endif
