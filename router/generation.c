/*
 * Generations of the configuration: an offer is read and checked beside the one that runs; a
 * commit settles interfaces, installs the ruleset, and only then takes it over.
 */
#include "router/process.h"

#include "core/log.h"
#include "core/memfd.h"
#include "core/own.h"
#include "router/peers.h"

#include <stdlib.h>

static void
close_lists(struct offer *o)
{
	while (o->n_lists > 0)
		close_fd(o->lists[--o->n_lists]);
}

static void
offer_clear(struct offer *o)
{
	conf_unref(&o->conf);
	conf_unref(&o->policy);
	close_lists(o);
	blocks_clear(&o->blocks);
	*o = (struct offer){0};
}

void
generation_clear(struct router *r)
{
	offer_clear(&r->offer);
	conf_unref(&r->conf);
}

static void
answer(struct router *r, enum msg_type type, uint64_t generation)
{
	struct msg_out m;

	if (msg_out_init(&m, type, ROLE_PARENT) < 0)
		return;
	msg_put_u64(&m, generation);
	(void)chan_send(r->chan, &m);
}

static void
refuse(struct router *r, uint64_t generation, const struct err *why)
{
	struct msg_out m;

	log_err("generation refused", why);
	if (msg_out_init(&m, MSG_REFUSED, ROLE_PARENT) < 0)
		return;
	msg_put_u64(&m, generation);
	msg_put_u32(&m, why->ordinal);
	msg_put_str(&m, why->msg);
	(void)chan_send(r->chan, &m);
}

/* The text is the parent's own print of what it has parsed: that it does not parse is a fault of
 * ours, not the user's. */
static int
read_offer(int fd, struct conf **ret, struct err *e)
{
	struct conf_input in = {.name = "offer"};
	_free_ struct conf_errors *errors = calloc(1, sizeof(*errors));
	struct memfd_map map;
	int parsed;

	if (!errors)
		return err_set(e, "out of memory");
	if (memfd_map(fd, CONF_TEXT_MAX, &map, e) < 0)
		return -1;
	in.text = map.bytes;
	parsed = conf_parse(&in, ret, NULL, errors);
	memfd_unmap(&map);
	if (parsed == 0)
		return 0;
	*e = errors->errors[0];
	return -1;
}

void
generation_offer(struct router *r, uint64_t generation, int fd)
{
	offer_clear(&r->offer);
	r->offer.generation = generation;
	(void)read_offer(fd, &r->offer.conf, &r->offer.why);
}

void
generation_block_list(struct router *r, uint64_t generation, uint32_t index, int fd)
{
	struct offer *o = &r->offer;

	if (o->generation != generation || index != o->n_lists || index >= CONF_BLOCK_LISTS_MAX) {
		log_warn("a list that was not awaited", kv_u("generation", generation));
		close_fd(fd);
		return;
	}
	o->lists[o->n_lists++] = fd;
}

void
generation_admins(struct router *r, uint64_t generation, const struct peers_ports *ssh,
	const struct addr *asked)
{
	if (r->offer.generation != generation)
		return;
	r->offer.ssh = *ssh;
	r->offer.asked = *asked;
}

/* Whether the offer would lock an administrator out. Who administers is known only where the
 * kernel has socket diagnosis. */
static int
check_lockout(struct router *r, struct blocks_input *in, struct err *e)
{
	_free_ struct peers *peers = calloc(1, sizeof(*peers));

	if (!peers)
		return err_set(e, "out of memory");
	if (peers_read(&r->diagnosis, &r->offer.ssh, peers, e) < 0)
		peers->n = 0;
	if (r->offer.asked.family && peers->n < PEERS_MAX)
		peers->v[peers->n++] = r->offer.asked;
	in->peers = peers->v;
	in->n_peers = peers->n;
	if (blocks_check_peers(in, &r->offer.blocks, &r->ruleset, e) == 0)
		return 0;
	/* After a crash the kernel knows whom we blocked already. */
	install_read_before(r);
	return blocks_check_peers(in, &r->offer.blocks, &r->ruleset, e);
}

static int
build_blocks(struct router *r, const struct slice *lists, struct err *e)
{
	struct blocks_input in = {.conf = r->offer.conf, .lists = lists};

	if (!conf_blocks_written(&in.conf->blocks))
		return 0;
	if (blocks_build(&in, &r->offer.blocks, e) < 0)
		return -1;
	return check_lockout(r, &in, e);
}

/* Maps the lists for as long as they are read. */
static int
read_blocks(struct router *r, struct err *e)
{
	struct offer *o = &r->offer;
	struct memfd_map maps[CONF_BLOCK_LISTS_MAX];
	struct slice lists[CONF_BLOCK_LISTS_MAX];
	size_t n = 0;
	int ret = 0;

	if (o->n_lists != o->conf->blocks.n_lists)
		return err_set(e, "%zu lists came of %zu", o->n_lists, o->conf->blocks.n_lists);
	while (ret == 0 && n < o->n_lists) {
		ret = memfd_map(o->lists[n], CONF_BLOCK_LIST_SIZE, &maps[n], e);
		if (ret == 0) {
			lists[n] = maps[n].bytes;
			n++;
		}
	}
	if (ret == 0)
		ret = build_blocks(r, lists, e);
	while (n > 0)
		memfd_unmap(&maps[--n]);
	close_lists(o);
	return ret;
}

void
generation_offer_end(struct router *r, uint64_t generation)
{
	struct offer *o = &r->offer;
	struct ruleset planned = {0};

	if (o->generation == 0 || o->generation != generation) {
		log_warn("end of an offer that did not begin", kv_u("generation", generation));
		return;
	}
	if (!o->conf || read_blocks(r, &o->why) < 0 || settle_check(r, o->conf, &o->why) < 0 ||
		install_check(r, o->conf, &o->why) < 0 ||
		install_plan(r, o->conf, &planned, &o->why) < 0) {
		refuse(r, generation, &o->why);
		offer_clear(o);
		return;
	}
	ruleset_clear(&planned);
	answer(r, MSG_READY, generation);
}

void
generation_commit(struct router *r, uint64_t generation)
{
	struct err e = {0};

	if (r->offer.generation == 0 || r->offer.generation != generation || !r->offer.conf) {
		err_set(&e, "commit of a generation that was not offered");
		refuse(r, generation, &e);
		return;
	}
	settle_begin(r, r->offer.conf, generation);
}

void
generation_abort(struct router *r, uint64_t generation)
{
	if (r->offer.generation != generation)
		return;
	if (r->settlement.active && r->settlement.generation == generation)
		settle_cancel(r);
	offer_clear(&r->offer);
}

void
generation_settled(struct router *r, uint64_t generation, const struct err *why)
{
	struct conf *before = r->conf;
	struct plan_wans wans = r->wans;
	struct err e = {0};

	if (r->offer.generation != generation)
		return;
	if (why)
		e = *why;
	r->wans = r->next_wans;
	if (why || confirm_judge(r, &e) < 0 || install_conf(r, r->offer.conf, &e) < 0) {
		r->wans = wans;
		refuse(r, generation, &e);
		offer_clear(&r->offer);
		return;
	}
	r->conf = r->offer.conf;
	r->offer.conf = NULL;
	blocks_clear(&r->blocks);
	r->blocks = r->offer.blocks;
	r->offer.blocks = (struct blocks){0};
	settle_leave(r, before);
	conf_unref(&before);
	log_set_level(r->conf->log_level);
	log_set_format(r->conf->log_format);
	log_info("generation committed", kv_u("generation", generation));
	r->ssh = r->offer.ssh;
	confirm_committed(r);
	offer_clear(&r->offer);
	answer(r, MSG_COMMITTED, generation);
}
