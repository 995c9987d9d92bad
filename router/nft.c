/*
 * The table in the kernel: sends batches, reads sets back, watches the notifications. A commit
 * is synchronous: when sendmsg returns, the kernel has taken all of the batch or none, and its
 * answers wait in the socket.
 */
#include "router/nft.h"

#include "core/log.h"
#include "router/nft_batch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define NFT_SEND_SLACK 65536
#define NFT_REREADS_MAX 4
#define NFT_REREAD_NS 10000000L /* before the first; each further pause is twice as long */

int
nft_open(struct nft *n, struct err *e)
{
	*n = (struct nft){0};
	if (netlink_open(&n->commands, NETLINK_NETFILTER, false, e) < 0)
		return -1;
	if (netlink_open(&n->events, NETLINK_NETFILTER, true, e) < 0 ||
		netlink_join(&n->events, NFNLGRP_NFTABLES, e) < 0) {
		nft_close(n);
		return -1;
	}
	return 0;
}

void
nft_close(struct nft *n)
{
	netlink_close(&n->commands);
	netlink_close(&n->events);
}

/* What the kernel says of a batch: the first error, or success when something was acknowledged. */
static int
batch_answer(struct nft *n, struct netlink_error *ret)
{
	bool acknowledged = false;

	*ret = (struct netlink_error){0};
	for (;;) {
		ssize_t len = recv(netlink_fd(&n->commands), n->commands.buffer,
			NETLINK_RECEIVE_MAX, MSG_DONTWAIT);
		const struct nlmsghdr *m;
		struct netlink_walk w = {.at = n->commands.buffer, .left = (size_t)len};

		if (len < 0 && errno == EINTR)
			continue;
		if (len <= 0)
			break;
		while ((m = netlink_next_message(&w)) != NULL) {
			struct netlink_error error;

			if (!netlink_read_error(m, &error))
				continue;
			if (error.errnum == 0)
				acknowledged = true;
			else if (ret->errnum == 0)
				*ret = error;
		}
	}
	if (ret->errnum == 0 && !acknowledged)
		ret->errnum = EPROTO;
	return ret->errnum ? -1 : 0;
}

static int
batch_send(struct nft *n, const struct nft_batch *b, struct netlink_error *ret)
{
	struct slice bytes = buf_slice(&b->bytes);
	int fd = netlink_fd(&n->commands), size = (int)bytes.n + NFT_SEND_SLACK;

	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	if (mnl_socket_sendto(n->commands.socket, bytes.p, bytes.n) < 0) {
		*ret = (struct netlink_error){.errnum = errno};
		return -1;
	}
	return batch_answer(n, ret);
}

/* Sends and leads a refusal back to its directive. */
static int
batch_commit(struct nft *n, struct nft_batch *b, struct netlink_error *ret_error, struct err *e)
{
	*ret_error = (struct netlink_error){0};
	nft_batch_end(b);
	n->commands.seq = b->seq;
	if (b->failed) {
		ret_error->errnum = ENOMEM;
		return err_set(e, "no memory for the nftables batch");
	}
	if (batch_send(n, b, ret_error) == 0)
		return 0;
	netlink_err(e, ret_error, "the kernel refuses this in table inet " RULESET_TABLE);
	if (e)
		e->ordinal = nft_batch_ordinal(b, ret_error->seq, ret_error->offset);
	return -1;
}

int
nft_install(struct nft *n, const struct ruleset *r, struct err *e)
{
	struct nft_batch b;
	struct netlink_error error;
	int ret;

	nft_batch_init(&b, n->commands.seq + 1);
	nft_batch_begin(&b);
	nft_batch_new_table(&b);
	nft_batch_sets(&b);
	nft_batch_chains(&b);
	nft_batch_rules(&b, r->rules);
	nft_batch_elements(&b, NFT_MSG_NEWSETELEM, r);
	ret = batch_commit(n, &b, &error, e);
	nft_batch_clear(&b);
	return ret;
}

int
nft_apply(struct nft *n, const struct ruleset_diff *d, bool *ret_missing, struct err *e)
{
	struct nft_batch b;
	struct netlink_error error;
	int ret;

	nft_batch_init(&b, n->commands.seq + 1);
	nft_batch_begin(&b);
	nft_batch_elements(&b, NFT_MSG_DELSETELEM, &d->del);
	nft_batch_elements(&b, NFT_MSG_NEWSETELEM, &d->add);
	ret = batch_commit(n, &b, &error, e);
	nft_batch_clear(&b);
	if (ret < 0)
		*ret_missing = error.errnum == ENOENT || error.errnum == EEXIST;
	return ret;
}

int
nft_delete(struct nft *n, struct err *e)
{
	struct nft_batch b;
	struct netlink_error error;
	int ret;

	nft_batch_init(&b, n->commands.seq + 1);
	nft_batch_begin(&b);
	nft_batch_drop_table(&b);
	ret = batch_commit(n, &b, &error, e);
	nft_batch_clear(&b);
	return ret;
}

struct reading {
	enum ruleset_set set;
	struct ruleset *ruleset;
	size_t rules;
};

/* The value of a key or data attribute; false when it is absent or has another size. */
static bool
element_value(const struct nlattr *a, uint8_t *ret, size_t size)
{
	const struct nlattr *attrs[NFTA_DATA_MAX + 1];

	netlink_nested(a, attrs, NFTA_DATA_MAX);
	return attrs[NFTA_DATA_VALUE] && mnl_attr_get_payload_len(attrs[NFTA_DATA_VALUE]) == size &&
	       netlink_bytes(attrs[NFTA_DATA_VALUE], ret, size);
}

static int
parse_element(const struct nlattr *nest, enum ruleset_set set, struct ruleset *r)
{
	const struct ruleset_set_info *info = ruleset_set_info(set);
	const struct nlattr *attrs[NFTA_SET_ELEM_MAX + 1];
	struct ruleset_elem elem = {0};
	uint32_t flags = 0;

	netlink_nested(nest, attrs, NFTA_SET_ELEM_MAX);
	if (!element_value(attrs[NFTA_SET_ELEM_KEY], elem.key, info->key_size))
		return 0;
	(void)netlink_u32(attrs[NFTA_SET_ELEM_FLAGS], &flags);
	if (info->interval && info->key[1] == RULESET_PART_NONE)
		elem.data[0] = ntohl(flags) & NFT_SET_ELEM_INTERVAL_END ? 0 : 1;
	else if (info->interval &&
		 !element_value(attrs[NFTA_SET_ELEM_KEY_END], elem.end, info->key_size))
		memcpy(elem.end, elem.key, sizeof(elem.end));
	if (info->data_size &&
		!element_value(attrs[NFTA_SET_ELEM_DATA], elem.data, info->data_size))
		return 0;
	return ruleset_add(r, set, &elem, NULL);
}

int
nft_parse_elements(const struct nlmsghdr *h, enum ruleset_set set, struct ruleset *r)
{
	const struct nlattr *attrs[NFTA_SET_ELEM_LIST_MAX + 1], *a;
	struct netlink_walk walk;

	netlink_attrs(h, sizeof(struct nfgenmsg), attrs, NFTA_SET_ELEM_LIST_MAX);
	walk = netlink_walk_nest(attrs[NFTA_SET_ELEM_LIST_ELEMENTS]);
	while ((a = netlink_next(&walk)) != NULL)
		if (parse_element(a, set, r) < 0)
			return -1;
	return 0;
}

/* The key before this one. */
static void
key_before(const uint8_t *key, size_t size, uint8_t *ret)
{
	bool borrow = true;

	for (size_t i = size; i-- > 0;) {
		ret[i] = (uint8_t)(key[i] - (borrow ? 1 : 0));
		borrow = borrow && key[i] == 0;
	}
}

void
nft_join_intervals(struct ruleset *r, enum ruleset_set set)
{
	struct ruleset_elems *s = &r->sets[set];
	size_t size = ruleset_set_info(set)->key_size, n = 0;

	ruleset_sort(r); /* an end sorts before a start of the same key */
	for (size_t i = 0; i < s->n; i++) {
		struct ruleset_elem elem = s->v[i];

		if (elem.data[0] == 0)
			continue;
		elem.data[0] = 0;
		if (i + 1 < s->n && s->v[i + 1].data[0] == 0)
			key_before(s->v[i + 1].key, size, elem.end);
		else
			memset(elem.end, 0xff, size);
		s->v[n++] = elem;
	}
	s->n = n;
}

static int
on_elements(const struct nlmsghdr *h, void *ctx)
{
	struct reading *reading = ctx;

	return nft_parse_elements(h, reading->set, reading->ruleset);
}

static void
on_elements_restart(void *ctx)
{
	struct reading *reading = ctx;

	reading->ruleset->sets[reading->set].n = 0;
}

static int
on_rule(const struct nlmsghdr *h, void *ctx)
{
	struct reading *reading = ctx;

	if (NFNL_MSG_TYPE(h->nlmsg_type) == NFT_MSG_NEWRULE)
		reading->rules++;
	return 0;
}

static void
on_rule_restart(void *ctx)
{
	((struct reading *)ctx)->rules = 0;
}

static struct nlmsghdr *
begin_read(struct nft *n, void *buf, uint16_t type)
{
	struct nlmsghdr *h =
		netlink_begin(&n->commands, buf, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), 0);
	struct nfgenmsg *g = mnl_nlmsg_put_extra_header(h, sizeof(*g));

	*g = (struct nfgenmsg){.nfgen_family = NFPROTO_INET, .version = NFNETLINK_V0};
	return h;
}

static int
read_set(struct nft *n, struct reading *reading, struct netlink_error *ret)
{
	char request[NETLINK_REQUEST_MAX];
	struct netlink_dump dump = {
		.on_each = on_elements, .on_restart = on_elements_restart, .ctx = reading};
	struct nlmsghdr *h = begin_read(n, request, NFT_MSG_GETSETELEM);

	mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_TABLE, RULESET_TABLE);
	mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_SET, ruleset_set_info(reading->set)->name);
	return netlink_dump(&n->commands, h, &dump, ret);
}

static int
read_rules(struct nft *n, struct reading *reading, struct netlink_error *ret)
{
	char request[NETLINK_REQUEST_MAX];
	struct netlink_dump dump = {
		.on_each = on_rule, .on_restart = on_rule_restart, .ctx = reading};
	struct nlmsghdr *h = begin_read(n, request, NFT_MSG_GETRULE);

	mnl_attr_put_strz(h, NFTA_RULE_TABLE, RULESET_TABLE);
	return netlink_dump(&n->commands, h, &dump, ret);
}

int
nft_read(struct nft *n, struct ruleset *ret, size_t *ret_rules, struct err *e)
{
	struct ruleset r = {0};
	struct reading reading = {.ruleset = &r};
	struct netlink_error error;

	for (size_t i = 0; i < RULESET_SET_COUNT; i++) {
		const struct ruleset_set_info *info = ruleset_set_info((enum ruleset_set)i);

		reading.set = (enum ruleset_set)i;
		if (read_set(n, &reading, &error) < 0) {
			ruleset_clear(&r);
			return netlink_err(e, &error, "reading table inet " RULESET_TABLE);
		}
		if (info->interval && info->key[1] == RULESET_PART_NONE)
			nft_join_intervals(&r, reading.set);
	}
	if (read_rules(n, &reading, &error) < 0) {
		ruleset_clear(&r);
		return netlink_err(e, &error, "reading table inet " RULESET_TABLE);
	}
	ruleset_sort(&r);
	*ret = r;
	*ret_rules = reading.rules;
	return 0;
}

/* 1 when the kernel holds it, 0 when not, -1 when it could not be read. */
static int
holds_now(struct nft *n, const struct ruleset *r)
{
	struct ruleset found;
	size_t rules = 0, wanted = (size_t)__builtin_popcount(r->rules);
	bool equal;

	if (nft_read(n, &found, &rules, NULL) < 0)
		return -1;
	found.rules = r->rules;
	equal = rules == wanted && ruleset_equal(&found, r);
	ruleset_clear(&found);
	return equal;
}

/*
 * A set's hash table grows in the background after a batch, and a dump that meets it (one message
 * after the other, each counting from the start) skips elements or says them twice, without
 * NLM_F_DUMP_INTR, since the generation is the same. So only what is found wrong several times
 * is wrong.
 */
bool
nft_holds(struct nft *n, const struct ruleset *r)
{
	for (unsigned i = 0;; i++) {
		struct timespec pause = {.tv_nsec = NFT_REREAD_NS << i};
		int held = holds_now(n, r);

		if (held != 0 || i == NFT_REREADS_MAX)
			return held > 0;
		(void)nanosleep(&pause, NULL);
	}
}

bool
nft_event_foreign(const struct nlmsghdr *h, uint32_t own_port)
{
	/* The table's name has the number 1 among the attributes of every kind of object. */
	const struct nlattr *attrs[NFTA_TABLE_NAME + 1];
	const struct nfgenmsg *g = mnl_nlmsg_get_payload(h);
	char name[NFT_NAME_MAXLEN];

	if (h->nlmsg_pid == own_port || NFNL_SUBSYS_ID(h->nlmsg_type) != NFNL_SUBSYS_NFTABLES ||
		NFNL_MSG_TYPE(h->nlmsg_type) == NFT_MSG_NEWGEN ||
		mnl_nlmsg_get_payload_len(h) < sizeof(*g) || g->nfgen_family != NFPROTO_INET)
		return false;
	netlink_attrs(h, sizeof(*g), attrs, NFTA_TABLE_NAME);
	return netlink_name(attrs[NFTA_TABLE_NAME], name, sizeof(name)) &&
	       strcmp(name, RULESET_TABLE) == 0;
}

struct watch {
	uint32_t own_port;
	bool foreign;
};

static void
on_event(const struct nlmsghdr *h, void *ctx)
{
	struct watch *watch = ctx;

	if (nft_event_foreign(h, watch->own_port))
		watch->foreign = true;
}

bool
nft_disturbed(struct nft *n, const struct ruleset *r)
{
	struct watch watch = {.own_port = n->commands.port};
	int lost = netlink_events(&n->events, on_event, &watch);

	if (watch.foreign)
		return true;
	if (lost == 0)
		return false;
	log_debug("nftables notifications lost, table read back");
	return !nft_holds(n, r);
}
