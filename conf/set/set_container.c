/* The container block and the directives in it. */
#include "conf/setters.h"

#include "conf/parse.h"
#include "conf/value.h"
#include "core/num.h"

#define MEMORY_MIN ((uint64_t)1 << 20)
#define ORDER_MAX 1000000
#define STOP_TIMEOUT_MS 10000

static const uint64_t wait_range_ms[2] = {0, UINT64_C(3600) * 1000};

static struct conf_container *
open_container(struct parse *p)
{
	return &p->conf->containers[p->container];
}

int
set_container(struct parse *p, const struct directive *d)
{
	struct conf *conf = p->conf;
	struct conf_container *c = parse_add(p, &conf->containers, &conf->n_containers, sizeof(*c));
	const struct word *name = &d->words[1];
	char where[PARSE_WHERE_MAX];
	uint32_t taken;
	int ret;

	if (!c)
		return -1;
	p->container = conf->n_containers - 1;
	c->ordinal = d->ordinal;
	c->stop_timeout_ms = STOP_TIMEOUT_MS;
	if (word_read_checked(p, name, value_name(name->text), &c->name) < 0)
		return -1;
	ret = names_take(&p->names, (struct name){.kind = NAME_CONTAINER, .text = name->text},
		(uint32_t)p->container, &taken);
	if (ret < 0)
		return parse_no_memory(p);
	if (ret > 0)
		return parse_error(p, name, "the container \"%.*s\" is defined already, %s",
			WORD_ARG(name),
			parse_where(p, conf->containers[taken].ordinal, d->ordinal, where));
	return 0;
}

/* ---- image ---- */

static int
read_dist_image(struct parse *p, const struct directive *d, struct conf_container *c)
{
	const struct word *w = &d->words[1];
	size_t slash = slice_index(w->text, '/');

	if (slash == w->text.n || value_word(slice_head(w->text, slash)) ||
		value_word(slice_skip(w->text, slash + 1)))
		return parse_error(p, w,
			"unknown image \"%.*s\"; write DISTRIBUTION/RELEASE as in debian/bookworm, "
			"busybox, or template NAME",
			WORD_ARG(w));
	if (d->n > 2)
		return parse_surplus(p, d, &d->words[2]);
	c->image = CONF_IMAGE_DIST;
	return word_read_checked(p, w, NULL, &c->image_name);
}

static int
read_template_image(struct parse *p, const struct directive *d, struct conf_container *c)
{
	c->image = CONF_IMAGE_TEMPLATE;
	if (d->n < 3)
		return parse_error(p, &d->words[1], "the name of the template is missing");
	if (word_read_checked(p, &d->words[2], value_word(d->words[2].text), &c->image_name) < 0)
		return -1;
	for (size_t i = 3; i < d->n; i++) {
		char **slot = parse_add(p, &c->image_args, &c->n_image_args, sizeof(*slot));

		if (!slot || word_read_checked(p, &d->words[i], NULL, slot) < 0)
			return -1;
	}
	return 0;
}

int
set_image(struct parse *p, const struct directive *d)
{
	struct conf_container *c = open_container(p);

	c->image_ordinal = d->ordinal;
	switch (schema_word_value("image", d->words[1].text)) {
	case CONF_IMAGE_TEMPLATE:
		return read_template_image(p, d, c);
	case CONF_IMAGE_BUSYBOX:
		c->image = CONF_IMAGE_BUSYBOX;
		if (d->n > 2)
			return parse_surplus(p, d, &d->words[2]);
		return 0;
	default:
		return read_dist_image(p, d, c);
	}
}

/* ---- address ---- */

static int
read_address(struct parse *p, const struct word *w, int family, struct addr *ret, bool *ret_auto)
{
	const char *name = family == AF_INET ? "IPv4" : "IPv6";
	struct addr addr;

	if (slice_eq_str(w->text, "auto")) {
		*ret_auto = true;
		return 0;
	}
	if (slice_index(w->text, '/') < w->text.n)
		return parse_error(p, w,
			"\"%.*s\" has a length; write the address alone, the length is the "
			"bridge's",
			WORD_ARG(w));
	if (addr_parse(w->text, &addr) < 0)
		return parse_error(p, w,
			"\"%.*s\" is not an %s address; write one, or auto for a free one",
			WORD_ARG(w), name);
	if (addr.family != family)
		return parse_error(p, w,
			"\"%.*s\" is not an %s address; write: address ADDRESS|auto "
			"[ADDRESS6|auto]",
			WORD_ARG(w), name);
	*ret = addr;
	return 0;
}

int
set_address(struct parse *p, const struct directive *d)
{
	struct conf_container *c = open_container(p);

	c->address_ordinal = d->ordinal;
	if (read_address(p, &d->words[1], AF_INET, &c->address, &c->address_auto) < 0)
		return -1;
	if (d->n > 2)
		return read_address(p, &d->words[2], AF_INET6, &c->address6, &c->address6_auto);
	/* Alone it speaks of every family that the bridge has. */
	c->address6_auto = c->address_auto;
	return 0;
}

/* ---- limits ---- */

int
set_memory(struct parse *p, const struct directive *d)
{
	struct conf_container *c = open_container(p);
	int value;

	c->memory_ordinal = d->ordinal;
	if (slice_eq_str(d->words[1].text, "swap"))
		return parse_error(p, &d->words[1],
			"swap comes on top of memory; write: memory SIZE swap SIZE");
	if (word_read_size(p, &d->words[1], MEMORY_MIN, &c->memory) < 0)
		return -1;
	if (d->n == 2)
		return 0;
	if (word_read_word(p, "memory", &d->words[2], &value) < 0)
		return -1;
	if (d->n == 3)
		return parse_error(p, &d->words[2], "the size of the swap is missing");
	return word_read_size(p, &d->words[3], 0, &c->swap);
}

int
set_cpus(struct parse *p, const struct directive *d)
{
	struct conf_container *c = open_container(p);

	c->cpus_ordinal = d->ordinal;
	return word_read_checked(p, &d->words[1], value_cpus(d->words[1].text), &c->cpus);
}

/* ---- start and stop ---- */

enum autostart_word { AUTOSTART_ORDER, AUTOSTART_DELAY, AUTOSTART_COUNT };

static int
read_autostart_word(
	struct parse *p, const struct directive *d, size_t i, bool seen[static AUTOSTART_COUNT])
{
	static const uint64_t order_range[2] = {0, ORDER_MAX};
	struct conf_container *c = open_container(p);
	const struct word *w = &d->words[i];
	uint64_t order;
	int which;

	if (word_read_word(p, "autostart", w, &which) < 0)
		return -1;
	if (seen[which])
		return parse_error(p, w, "\"%.*s\" stands here twice", WORD_ARG(w));
	seen[which] = true;
	if (i + 1 == d->n)
		return parse_error(p, w, "the value of \"%.*s\" is missing", WORD_ARG(w));
	if (which == AUTOSTART_DELAY)
		return word_read_time(p, w + 1, wait_range_ms, &c->autostart_delay_ms);
	if (word_read_number(p, w + 1, order_range, &order) < 0)
		return -1;
	c->autostart_order = (uint32_t)order;
	return 0;
}

int
set_autostart(struct parse *p, const struct directive *d)
{
	struct conf_container *c = open_container(p);
	bool seen[AUTOSTART_COUNT] = {false};

	c->autostart = true;
	c->autostart_ordinal = d->ordinal;
	for (size_t i = 1; i < d->n; i += 2)
		if (read_autostart_word(p, d, i, seen) < 0)
			return -1;
	return 0;
}

int
set_stop_timeout(struct parse *p, const struct directive *d)
{
	struct conf_container *c = open_container(p);

	c->stop_timeout_ordinal = d->ordinal;
	return word_read_time(p, &d->words[1], wait_range_ms, &c->stop_timeout_ms);
}

/* ---- mount, privileged ---- */

static int
take_mount(struct parse *p, const struct directive *d)
{
	const struct word *target = &d->words[2];
	struct name name = {.kind = NAME_MOUNT, .owner = p->container, .text = target->text};
	char where[PARSE_WHERE_MAX];
	uint32_t taken;
	int ret;

	if (slice_ends(name.text, SLICE_LIT("/")))
		name.text.n--;
	ret = names_take(&p->names, name, d->ordinal, &taken);
	if (ret < 0)
		return parse_no_memory(p);
	if (ret > 0)
		return parse_error(p, target, "the container has a mount at \"%.*s\" already, %s",
			WORD_ARG(target), parse_where(p, taken, d->ordinal, where));
	return 0;
}

int
set_mount(struct parse *p, const struct directive *d)
{
	struct conf_container *c = open_container(p);
	struct conf_mount *mount = parse_add(p, &c->mounts, &c->n_mounts, sizeof(*mount));
	int writable = 0;

	if (!mount)
		return -1;
	mount->ordinal = d->ordinal;
	if (word_read_file(p, &d->words[1], &mount->source) < 0 ||
		word_read_checked(
			p, &d->words[2], value_inner_path(d->words[2].text), &mount->target) < 0)
		return -1;
	if (d->n > 3 && word_read_word(p, "mount", &d->words[3], &writable) < 0)
		return -1;
	mount->writable = writable;
	return take_mount(p, d);
}

int
set_privileged(struct parse *p, const struct directive *d)
{
	int privileged;

	if (word_read_word(p, "privileged", &d->words[1], &privileged) < 0)
		return -1;
	open_container(p)->privileged = privileged;
	open_container(p)->privileged_ordinal = d->ordinal;
	return 0;
}
