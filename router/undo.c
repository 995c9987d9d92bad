/*
 * `sluiced --undo`: takes back what the router did, from the records alone. Runs in a process of
 * its own, as root, when no daemon runs.
 */
#include "router/router.h"

#include "core/log.h"
#include "core/own.h"
#include "router/link.h"
#include "router/nft/nft.h"
#include "router/sysctl.h"

#include <string.h>

#define UNDO_RECORDS_MAX 16384

static struct slice
take_word(struct slice *line)
{
	struct slice word = slice_head(*line, slice_index(*line, ' '));

	*line = slice_skip(*line, word.n + 1);
	return word;
}

static int
undo_bridge(struct netlink *n, const struct link_snapshot *s, const char *name, struct err *e)
{
	const struct link_iface *b = link_find(s, name);

	/* Somebody else's of the same name by now, or in use: it stays. */
	if (!b || !b->ours)
		return 0;
	if (link_has_ports(s, b)) {
		log_warn("bridge still has ports and stays", kv_s("bridge", name));
		return 0;
	}
	if (link_delete(n, b->index, e) < 0)
		return -1;
	log_info("bridge deleted", kv_s("bridge", name));
	return 0;
}

static int
undo_address(struct netlink *n, const struct link_snapshot *s, const char *name,
	const struct prefix *p, struct err *e)
{
	const struct link_iface *b = link_find(s, name);

	for (size_t i = 0; b && i < s->n_addresses; i++) {
		const struct link_address *a = &s->addresses[i];

		if (a->index == b->index && a->prefix.len == p->len &&
			addr_eq(&a->prefix.addr, &p->addr))
			return link_delete_address(n, a, e);
	}
	return 0;
}

/* "lxcbr0", or "lxcbr0/10.0.3.1/24" for an address given to a bridge of somebody else's. */
static int
undo_link(struct netlink *n, struct slice name, struct err *e)
{
	struct slice bridge = slice_head(name, slice_index(name, '/'));
	_free_ char *text = slice_dup(bridge);
	struct link_snapshot s;
	struct prefix p;
	int ret;

	if (!text)
		return err_set(e, "out of memory");
	if (bridge.n < name.n && prefix_parse(slice_skip(name, bridge.n + 1), &p) < 0)
		return err_set(e, "record of a link that is none: \"%.*s\"", SLICE_ARG(name));
	if (link_read(n, &s, e) < 0)
		return -1;
	if (bridge.n < name.n)
		ret = undo_address(n, &s, text, &p, e);
	else
		ret = undo_bridge(n, &s, text, e);
	link_snapshot_clear(&s);
	return ret;
}

static int
undo_record(struct netlink *n, struct slice line, struct err *e)
{
	struct slice kind = take_word(&line), name = take_word(&line);

	if (slice_eq_str(kind, "sysctl"))
		return sysctl_restore(SYSCTL_ROOT, name, line, e);
	if (slice_eq_str(kind, "link"))
		return undo_link(n, name, e);
	return err_set(e, "record of an unknown kind \"%.*s\"", SLICE_ARG(kind));
}

/* The lines of the records, newest first. */
static int
undo_records(struct netlink *n, struct slice records, struct err *e)
{
	_free_ struct slice *lines = calloc(UNDO_RECORDS_MAX, sizeof(*lines));
	size_t count = 0;
	int ret = 0;

	if (!lines)
		return err_set(e, "out of memory");
	while (records.n > 0 && count < UNDO_RECORDS_MAX) {
		struct slice line = slice_head(records, slice_index(records, '\n'));

		records = slice_skip(records, line.n + 1);
		if (line.n > 0)
			lines[count++] = line;
	}
	if (records.n > 0)
		ret = err_set(e, "more than %d records", UNDO_RECORDS_MAX);
	while (count-- > 0)
		if (undo_record(n, lines[count], e) < 0)
			ret = -1;
	return ret;
}

int
router_undo(struct slice records, struct err *e)
{
	struct netlink n;
	struct nft nft;
	int ret = 0;

	if (nft_open(&nft, e) < 0)
		return -1;
	if (nft_delete(&nft, e) < 0)
		ret = -1;
	nft_close(&nft);
	if (netlink_open(&n, NETLINK_ROUTE, false, e) < 0)
		return -1;
	if (undo_records(&n, records, e) < 0)
		ret = -1;
	netlink_close(&n);
	return ret;
}
