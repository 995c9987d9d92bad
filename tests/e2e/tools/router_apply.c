/*
 * Puts rulesets into the kernel of this network namespace without the router process, and reads
 * them back: for tests of the batches themselves. Run it in a namespace of its own, as root.
 *
 *	router_apply CONF…             installs the first, then goes from each to the next by
 *	                               differences; after each the kernel must hold the plan
 *	router_apply --random SEED N   the same for N made-up configurations
 *	router_apply --random-blocks SEED N
 *	                               the same with blocks that overlap and touch each other
 *	router_apply --refused CONF ORDINAL
 *	                               installs CONF, then adds the first element of that directive
 *	                               once more with another target; prints which ordinal the
 *	                               refusal names; the kernel must hold the plan as before
 *	router_apply --diff|--kernel CONF
 *	                               installs nothing: prints what `sluice nft show` would
 *
 * Exits 0 when all held, 1 when not, having said what differs.
 */
#include "conf/conf.h"
#include "core/file.h"
#include "core/own.h"
#include "router/nft/nft.h"
#include "router/nft/nft_show.h"
#include "router/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX (16 * 1024 * 1024)
#define NETWORKS 3
#define CONTAINERS_MAX 6
#define FORWARDS_MAX 40
#define BLOCKS_MAX 60
#define TOLD "# told\n" /* a configuration that begins so has containers that run */

/* What lxc would tell: a MAC each, and a port of all but every third, which does not run. */
static struct plan_address *
tell(const struct conf *c)
{
	struct plan_address *told = calloc(c->n_containers + 1, sizeof(*told));

	for (size_t i = 0; told && i < c->n_containers; i++) {
		memcpy(told[i].mac, "\x00\x16\x3e\x00\x00", PLAN_MAC_SIZE - 1);
		told[i].mac[PLAN_MAC_SIZE - 1] = (uint8_t)(i + 1);
		told[i].told = true;
		if (i % 3 != 2)
			(void)snprintf(
				told[i].port, sizeof(told[i].port), "veth%u", (unsigned)i % 100);
	}
	return told;
}

static int
plan_text(struct slice text, struct ruleset *ret, struct err *e)
{
	_free_ struct conf_errors *errors = calloc(1, sizeof(*errors));
	_free_ struct plan_address *told = NULL;
	struct conf_input in = {.name = "conf", .text = text};
	struct plan_input plan = {0};
	struct conf *c;
	int rc;

	if (!errors)
		return err_set(e, "out of memory");
	if (conf_parse(&in, &c, NULL, errors) < 0) {
		*e = errors->errors[0];
		return -1;
	}
	plan.conf = c;
	if (slice_starts(text, SLICE_LIT(TOLD)))
		plan.addresses = told = tell(c);
	if (c->wan) {
		snprintf(plan.wans.names[0], sizeof(plan.wans.names[0]), "%s", c->wan);
		plan.wans.n = 1;
	}
	rc = plan_build(&plan, ret, e);
	conf_unref(&c);
	return rc;
}

static int
check_held(struct nft *n, const struct ruleset *wanted, struct err *e)
{
	struct ruleset found = {0};
	struct ruleset_diff diff = {0};
	size_t rules;

	if (nft_holds(n, wanted))
		return 0;
	if (nft_read(n, &found, &rules, e) < 0)
		return -1;
	found.rules = wanted->rules;
	found.limits = wanted->limits;
	if (ruleset_diff(&found, wanted, &diff, e) == 0)
		err_set(e, "the kernel holds %zu rules; %zu elements too many, %zu too few", rules,
			ruleset_count(&diff.del), ruleset_count(&diff.add));
	ruleset_diff_clear(&diff);
	ruleset_clear(&found);
	return -1;
}

/* From what the kernel holds to the plan of text. installed: from is what it holds. */
static int
step(struct nft *n, struct ruleset *from, bool installed, struct slice text, struct err *e)
{
	struct ruleset to = {0};
	struct ruleset_diff diff = {0};
	bool missing = false;
	int rc;

	if (plan_text(text, &to, e) < 0)
		return -1;
	if (ruleset_diff(from, &to, &diff, e) < 0) {
		ruleset_clear(&to);
		return -1;
	}
	if (!installed || !ruleset_same_frame(from, &to))
		rc = nft_install(n, &to, e);
	else
		rc = ruleset_diff_empty(&diff) ? 0 : nft_apply(n, &diff, &missing, e);
	ruleset_diff_clear(&diff);
	ruleset_clear(from);
	*from = to;
	return rc < 0 ? -1 : check_held(n, from, e);
}

static int
apply_files(struct nft *n, char **files, struct err *e)
{
	struct ruleset held = {0};
	int rc = 0;

	for (size_t i = 0; rc == 0 && files[i]; i++) {
		struct buf text;

		buf_init(&text, TEXT_MAX);
		rc = file_read(files[i], &text, e);
		if (rc == 0)
			rc = step(n, &held, i > 0, buf_slice(&text), e);
		if (rc < 0)
			err_prefix(e, "%s", files[i]);
		buf_clear(&text);
	}
	ruleset_clear(&held);
	return rc;
}

/* A generator of its own, so that a seed gives the same on every machine. */
static uint32_t
chance(uint64_t *state, uint32_t below)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(*state >> 33) % below;
}

/* What a forward is bound to. */
enum binding { TO_NOTHING, TO_INTERFACE, TO_ADDRESS, TO_ADDRESS6, BINDINGS };

static int
random_sources(uint64_t *state, enum binding bound, struct buf *text)
{
	unsigned n = chance(state, 4);

	if (n == 0)
		return 0;
	if (buf_append_str(text, " from") < 0)
		return -1;
	for (unsigned i = 0; i < n; i++) {
		unsigned high = i * 40 + chance(state, 40);
		bool v6 = bound == TO_ADDRESS6 || (bound != TO_ADDRESS && chance(state, 3) == 0);
		int rc =
			v6 ? buf_printf(text, " 2001:db8:%x::/%u", high + 1, 48 + chance(state, 16))
			   : buf_printf(text, " 198.%u.0.0/%u", high, 16 + chance(state, 9));

		if (rc < 0)
			return -1;
	}
	return 0;
}

/* A container, or a place beyond the bridge of the family that the binding leaves open. Ranges keep
 * their ports or shift them. */
static int
random_target(uint64_t *state, enum binding bound, unsigned containers, unsigned port,
	unsigned size, struct buf *text)
{
	unsigned target = chance(state, 3) ? 1 + chance(state, 60000) : port, kind;
	int rc;

	kind = containers == 0 || chance(state, 4) == 0 ? 1 + chance(state, 2) : 0;
	if (kind)
		kind = bound == TO_ADDRESS ? 1 : bound == TO_ADDRESS6 ? 2 : kind;
	if (kind == 1)
		rc = buf_printf(text, "192.168.7.%u:%u", 1 + chance(state, 9), target);
	else if (kind == 2)
		rc = buf_printf(text, "[2001:db8:7::%x]:%u", 1 + chance(state, 9), target);
	else
		rc = buf_printf(text, "c%u:%u", chance(state, containers), target);
	if (rc == 0 && size > 1 && chance(state, 2))
		rc = buf_printf(text, "-%u", target + size - 1);
	if (rc == 0 && chance(state, 4) == 0)
		rc = buf_append_str(text, " masquerade");
	return rc;
}

static int
random_entry(uint64_t *state, enum binding bound, unsigned port, unsigned size, struct buf *text)
{
	static const char *const protos[] = {"tcp", "udp", "both"};
	static const char *const addresses[BINDINGS] = {"", "", "203.0.113.7:", "[2001:db8::7]:"};

	if (buf_printf(text, "forward %s %s%u", protos[chance(state, 3)], addresses[bound], port) <
			0 ||
		(size > 1 && buf_printf(text, "-%u", port + size - 1) < 0) ||
		(bound == TO_INTERFACE && buf_printf(text, " on wg%u", chance(state, 2)) < 0))
		return -1;
	return buf_append_str(text, " -> ");
}

/* Ports grow, so that forwards never collide; a few share a port with others of other bindings. */
static int
random_forwards(uint64_t *state, unsigned containers, struct buf *text)
{
	unsigned n = chance(state, FORWARDS_MAX), port = 1, size = 1;
	unsigned taken = 0; /* the bindings of this port */

	for (unsigned i = 0; i < n; i++) {
		enum binding bound = (enum binding)chance(state, BINDINGS);

		if (taken & 1U << bound || chance(state, 3)) {
			port += size + chance(state, 3);
			size = chance(state, 3) ? 1 : 5;
			taken = 0;
		}
		taken |= 1U << bound;
		if (random_entry(state, bound, port, size, text) < 0 ||
			random_target(state, bound, containers, port, size, text) < 0 ||
			random_sources(state, bound, text) < 0 || buf_append_str(text, "\n") < 0)
			return -1;
	}
	return 0;
}

/* Few addresses, so that networks overlap, touch and are cut. */
static int
random_blocks(uint64_t *state, struct buf *text)
{
	unsigned n = 1 + chance(state, BLOCKS_MAX);

	for (unsigned i = 0; i < n; i++) {
		const char *word = i && chance(state, 4) == 0 ? "unblock" : "block";
		unsigned bits = chance(state, 9), low = chance(state, 256) >> bits << bits;
		int rc = chance(state, 3)
				 ? buf_printf(text, "%s 198.51.%u.%u/%u\n", word, chance(state, 3),
					   low, 32 - bits)
				 : buf_printf(text, "%s 2001:db8::%x/%u\n", word, low, 128 - bits);

		if (rc < 0)
			return -1;
	}
	/* Both ends of the address space, where intervals have no end element. */
	if (chance(state, 2))
		return buf_append_str(text, "block 255.255.255.0/24 0.0.0.0/24 ffff::/16\n");
	return 0;
}

static int
random_limits(uint64_t *state, struct buf *text)
{
	static const char *const limits[] = {"connections 50 per source",
		"connections 7 per source to 22 80-90", "rate 20/s per source",
		"rate 600/m burst 9 per source to 1-65535", "syn 5/h per source",
		"syn 100/s burst 300 per source to 80"};

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		if (chance(state, 4) == 0 && buf_printf(text, "limit %s\n", limits[i]) < 0)
			return -1;
	return 0;
}

/* Ports and networks that overlap, so that they are cut and merged. */
static int
random_opens(uint64_t *state, struct buf *text)
{
	static const char *const protos[] = {"tcp", "udp", "both"};

	for (unsigned i = 1 + chance(state, 8); i > 0; i--) {
		unsigned low = 1 + chance(state, 20), bits = chance(state, 9);
		unsigned net = chance(state, 256) >> bits << bits;

		if (buf_printf(text, "open %s %u-%u", protos[chance(state, 3)], low,
			    low + chance(state, 20)) < 0)
			return -1;
		if (chance(state, 3) &&
			buf_printf(text, " from 198.51.100.%u/%u 2001:db8::%x/%u 0.0.0.0/%u", net,
				32 - bits, net, 128 - bits, chance(state, 9)) < 0)
			return -1;
		if (buf_append_str(text, "\n") < 0)
			return -1;
	}
	return chance(state, 2) ? buf_append_str(text, "open tcp 1-65535 from ::/0\n") : 0;
}

/* Networks grow, so that they do not overlap. */
static int
random_policy(uint64_t *state, unsigned container, unsigned containers, struct buf *text)
{
	unsigned n = chance(state, 4);

	/* Who may be anybody cannot be shut in. */
	if (chance(state, 4) == 0)
		return buf_append_str(text, " ; spoofing allow");
	if (chance(state, 3))
		return 0;
	if (buf_append_str(text, " ; egress deny") < 0)
		return -1;
	for (unsigned i = 0; i < n; i++) {
		int rc = chance(state, 2) ? buf_printf(text, " ; egress allow 198.%u.0.0/%u:%u", i,
						    16 + chance(state, 1), 1 + chance(state, 99))
					  : buf_printf(text, " ; egress allow 2001:db8:%x::/48", i);

		if (rc < 0)
			return -1;
	}
	if (containers > 1 && chance(state, 2))
		return buf_printf(text, " ; egress allow c%u:%u", (container + 1) % containers,
			1 + chance(state, 65535));
	return 0;
}

static int
random_links(uint64_t *state, unsigned containers, struct buf *text)
{
	static const char *const protocols[] = {"", " tcp", " udp", " both"};
	unsigned n = containers > 1 ? chance(state, 8) : 0;

	if (buf_append_str(text, "isolate\n") < 0)
		return -1;
	for (unsigned i = 0; i < n; i++) {
		unsigned from = chance(state, containers), port = 1 + chance(state, 60000);

		if (buf_printf(text, "link c%u -> c%u:%u-%u%s\n", from, (from + 1) % containers,
			    port, port + chance(state, 9), protocols[chance(state, 4)]) < 0)
			return -1;
	}
	return 0;
}

static int
random_conf(uint64_t *state, struct buf *text)
{
	unsigned network = chance(state, NETWORKS), containers = 1 + chance(state, CONTAINERS_MAX);
	bool v6 = chance(state, 2);

	bool apart = chance(state, 2);

	if (chance(state, 3) && buf_append_str(text, TOLD) < 0)
		return -1;
	if (buf_printf(text, "listen 65000 plain\nsite * -> status 404\nbridge br%u 10.%u.0.1/16",
		    network, network) < 0)
		return -1;
	if (v6 && buf_printf(text, " fd00:%x::1/64", network) < 0)
		return -1;
	if (buf_append_str(text, chance(state, 4) ? "\nwan eth0\n" : "\n") < 0)
		return -1;
	for (unsigned i = 0; i < containers; i++) {
		unsigned host = i * 20 + 2 + chance(state, 20);

		if (buf_printf(text, "container c%u { address 10.%u.0.%u", i, network, host) < 0)
			return -1;
		if (v6 && buf_printf(text, " fd00:%x::%x", network, host) < 0)
			return -1;
		if (random_policy(state, i, containers, text) < 0 ||
			buf_append_str(text, " }\n") < 0)
			return -1;
	}
	if (apart && random_links(state, containers, text) < 0)
		return -1;
	if (chance(state, 2) && random_blocks(state, text) < 0)
		return -1;
	if (chance(state, 3) == 0 && random_limits(state, text) < 0)
		return -1;
	if (chance(state, 2) && random_opens(state, text) < 0)
		return -1;
	return random_forwards(state, containers, text);
}

static int
random_blocks_conf(uint64_t *state, struct buf *text)
{
	if (buf_append_str(text, "listen 65000 plain\nsite * -> status 404\n") < 0)
		return -1;
	return random_blocks(state, text);
}

typedef int random_conf_fn(uint64_t *state, struct buf *text);

static int
apply_random(struct nft *n, random_conf_fn *make, uint64_t seed, unsigned rounds, struct err *e)
{
	struct ruleset held = {0};
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < rounds; i++) {
		struct buf text;

		buf_init(&text, TEXT_MAX);
		rc = make(&seed, &text) < 0 ? err_set(e, "text too long")
					    : step(n, &held, i > 0, buf_slice(&text), e);
		if (rc < 0)
			fprintf(stderr, "round %u:\n%.*s", i, SLICE_ARG(buf_slice(&text)));
		buf_clear(&text);
	}
	ruleset_clear(&held);
	return rc;
}

/* The first element of a map that comes from this directive, going elsewhere. */
static int
add_again(const struct ruleset *held, uint32_t ordinal, struct ruleset_diff *diff, struct err *e)
{
	const struct ruleset_elems *s = &held->sets[RULESET_FWD4];

	/* A good element in front, so that the refused one is not the message's first. */
	struct ruleset_elem other = {.ordinal = ordinal + 1000};

	ruleset_put_port(other.key, ruleset_put_proto(other.key, 0, 6), 1);
	if (ruleset_add(&diff->add, RULESET_FWD4, &other, e) < 0)
		return -1;
	for (size_t i = 0; i < s->n; i++) {
		struct ruleset_elem elem = s->v[i];

		if (elem.ordinal != ordinal)
			continue;
		elem.data[3] ^= 1;
		return ruleset_add(&diff->add, RULESET_FWD4, &elem, e);
	}
	return err_set(e, "no element of directive %u", ordinal);
}

static int
apply_refused(struct nft *n, const char *file, uint32_t ordinal, struct err *e)
{
	struct ruleset held = {0};
	struct ruleset_diff diff = {0};
	struct buf text;
	bool missing = false;
	int rc;

	buf_init(&text, TEXT_MAX);
	rc = file_read(file, &text, e);
	if (rc == 0)
		rc = step(n, &held, false, buf_slice(&text), e);
	if (rc == 0)
		rc = add_again(&held, ordinal, &diff, e);
	if (rc == 0 && nft_apply(n, &diff, &missing, e) == 0)
		rc = err_set(e, "the kernel took it");
	else if (rc == 0) {
		printf("%u %s\n", e->ordinal, e->msg);
		rc = check_held(n, &held, e);
	}
	ruleset_diff_clear(&diff);
	ruleset_clear(&held);
	buf_clear(&text);
	return rc;
}

/* What the kernel has against the plan of this file, as `sluice nft show` says it. */
static int
show_file(struct nft *n, const char *view, const char *file, struct err *e)
{
	struct ruleset planned = {0};
	struct buf text, out;
	bool same;
	int rc;

	buf_init(&text, TEXT_MAX);
	buf_init(&out, NFT_SHOW_TEXT_MAX);
	rc = file_read(file, &text, e);
	if (rc == 0)
		rc = plan_text(buf_slice(&text), &planned, e);
	n->limits = &planned.limits;
	if (rc == 0 && strcmp(view, "--diff") == 0)
		rc = nft_show_diff(n, &planned, &out, &same, e);
	else if (rc == 0)
		rc = nft_show_kernel(n, &out, e);
	if (rc == 0)
		printf("%.*s", SLICE_ARG(buf_slice(&out)));
	n->limits = NULL;
	ruleset_clear(&planned);
	buf_clear(&out);
	buf_clear(&text);
	return rc;
}

int
main(int argc, char **argv)
{
	struct nft n;
	struct err e = {0};
	int rc;

	if (argc < 2) {
		fprintf(stderr, "usage: router_apply CONF… | --random SEED N | --refused CONF N\n");
		return 2;
	}
	rc = nft_open(&n, &e);
	if (rc == 0) {
		if (argc == 4 && strcmp(argv[1], "--random") == 0)
			rc = apply_random(&n, random_conf, strtoull(argv[2], NULL, 10),
				(unsigned)strtoul(argv[3], NULL, 10), &e);
		else if (argc == 4 && strcmp(argv[1], "--random-blocks") == 0)
			rc = apply_random(&n, random_blocks_conf, strtoull(argv[2], NULL, 10),
				(unsigned)strtoul(argv[3], NULL, 10), &e);
		else if (argc == 4 && strcmp(argv[1], "--refused") == 0)
			rc = apply_refused(&n, argv[2], (uint32_t)strtoul(argv[3], NULL, 10), &e);
		else if (argc == 3 && argv[1][0] == '-')
			rc = show_file(&n, argv[1], argv[2], &e);
		else
			rc = apply_files(&n, argv + 1, &e);
		nft_close(&n);
	}
	if (rc < 0)
		fprintf(stderr, "router_apply: %s\n", e.msg);
	return rc < 0;
}
