/* Who is blocked: addresses, lists, exceptions. */
#include "conf/setters.h"

#include "conf/parse.h"

/* Whether the last word is `confirm`; *ret_n is how many there are in front of it. */
static bool
read_confirm(const struct directive *d, size_t *ret_n)
{
	bool confirm = d->n > 2 && slice_eq_str(d->words[d->n - 1].text, "confirm");

	*ret_n = d->n - confirm;
	return confirm;
}

static int
read_net(struct parse *p, const struct directive *d, size_t i, struct conf_block *block)
{
	static const struct addr none6 = {.family = AF_INET6};
	static const struct prefix local = {
		.addr = {.family = AF_INET6, .bytes = {0xfe, 0x80}}, .len = 10};
	const struct word *w = &d->words[i];

	block->ordinal = d->ordinal;
	if (word_read_network(p, w, &block->net) < 0)
		return -1;
	if (prefix_overlaps(&local, &block->net) && block->net.len >= local.len)
		return parse_error(p, w,
			"%.*s are the addresses by which IPv6 finds its neighbours; they are never "
			"blocked",
			WORD_ARG(w));
	if (addr_eq(&none6, &block->net.addr) && block->net.len == 128)
		return parse_error(p, w, "no client has this address");
	return 0;
}

int
set_block(struct parse *p, const struct directive *d)
{
	struct conf_blocks *blocks = &p->conf->blocks;
	size_t n;
	bool confirm = read_confirm(d, &n);

	for (size_t i = 1; i < n; i++) {
		struct conf_block *block =
			parse_add(p, &blocks->nets, &blocks->n_nets, sizeof(*block));

		if (!block || read_net(p, d, i, block) < 0)
			return -1;
		block->confirm = confirm;
		if (block->net.len < CONF_BLOCK_WIDE && !confirm)
			return parse_error(p, &d->words[i],
				"this blocks more than an eighth of all addresses; if that is "
				"meant, write: block %.*s confirm",
				WORD_ARG(&d->words[i]));
	}
	return 0;
}

int
set_unblock(struct parse *p, const struct directive *d)
{
	struct conf_blocks *blocks = &p->conf->blocks;

	for (size_t i = 1; i < d->n; i++) {
		struct conf_block *block =
			parse_add(p, &blocks->except, &blocks->n_except, sizeof(*block));

		if (!block)
			return -1;
		block->ordinal = d->ordinal;
		if (word_read_network(p, &d->words[i], &block->net) < 0)
			return -1;
	}
	return 0;
}

int
set_block_list(struct parse *p, const struct directive *d)
{
	struct conf_blocks *blocks = &p->conf->blocks;
	struct conf_block_list *list;
	char where[PARSE_WHERE_MAX];
	size_t n;

	if (blocks->n_lists == CONF_BLOCK_LISTS_MAX)
		return parse_error(
			p, &d->words[1], "more than %d lists are blocked", CONF_BLOCK_LISTS_MAX);
	list = parse_add(p, &blocks->lists, &blocks->n_lists, sizeof(*list));
	if (!list)
		return -1;
	list->ordinal = d->ordinal;
	list->confirm = read_confirm(d, &n);
	if (n > 2)
		return parse_error(p, &d->words[2],
			"\"%.*s\" is one word too many; only \"confirm\" may stand here",
			WORD_ARG(&d->words[2]));
	if (word_read_file(p, &d->words[1], &list->path) < 0)
		return -1;
	for (size_t i = 0; i + 1 < blocks->n_lists; i++)
		if (blocks->lists[i].path && strcmp(blocks->lists[i].path, list->path) == 0)
			return parse_error(p, &d->words[1], "this list is blocked already, %s",
				parse_where(p, blocks->lists[i].ordinal, d->ordinal, where));
	return 0;
}
