/*
 * Generations of the configuration: an offer is read and checked beside the one that runs; a
 * commit settles interfaces, installs the ruleset, and only then takes it over.
 */
#include "router/process.h"

#include "core/log.h"
#include "core/memfd.h"
#include "core/own.h"

#include <stdlib.h>

static void
offer_clear(struct offer *o)
{
	conf_unref(&o->conf);
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
generation_offer_end(struct router *r, uint64_t generation)
{
	struct offer *o = &r->offer;
	struct ruleset planned = {0};

	if (o->generation == 0 || o->generation != generation) {
		log_warn("end of an offer that did not begin", kv_u("generation", generation));
		return;
	}
	if (!o->conf || settle_check(r, o->conf, &o->why) < 0 ||
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
	if (why || install_conf(r, r->offer.conf, &e) < 0) {
		r->wans = wans;
		refuse(r, generation, &e);
		offer_clear(&r->offer);
		return;
	}
	r->conf = r->offer.conf;
	r->offer.conf = NULL;
	offer_clear(&r->offer);
	settle_leave(r, before);
	conf_unref(&before);
	log_set_level(r->conf->log_level);
	log_set_format(r->conf->log_format);
	log_info("generation committed", kv_u("generation", generation));
	answer(r, MSG_COMMITTED, generation);
}
