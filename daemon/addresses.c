/* Choosing addresses for real; see addresses.h. */
#include "daemon/addresses.h"

#include "core/clock.h"
#include "core/file.h"
#include "core/log.h"
#include "core/own.h"
#include "daemon/address_plan.h"
#include "daemon/state.h"
#include "router/router.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONFIG_MAX ((size_t)1024 * 1024) /* bytes of a container's configuration */
#define ROUNDS_MAX 16                    /* of picking and asking */
#define MS_PER_S 1000

/* ---- who has what ---- */

static int
read_config(const char *lxc_path, const char *name, struct address_taken *taken)
{
	_cleanup_(buf_clear) struct buf text = {0};
	_free_ char *path = NULL;

	if (asprintf(&path, "%s/%s/config", lxc_path, name) < 0)
		return -1;
	buf_init(&text, CONFIG_MAX);
	if (access(path, F_OK) < 0 || file_read(path, &text, NULL) < 0)
		return 0;
	return address_taken_config(taken, slice_str(name), buf_slice(&text));
}

static int
read_configs(const char *lxc_path, struct address_taken *taken, struct err *e)
{
	DIR *dir = opendir(lxc_path);
	const struct dirent *entry;
	int rc = 0;

	if (!dir)
		return errno == ENOENT ? 0 : err_errno(e, errno, "cannot read %s", lxc_path);
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
	while (rc == 0 && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			rc = read_config(lxc_path, entry->d_name, taken);
	(void)closedir(dir);
	return rc < 0 ? err_set(e, "out of memory") : 0;
}

/* A copied container has its original's address, until somebody thinks of it. */
static void
warn_shared(const struct conf *c, const struct conf_places *places, const struct conf_container *of,
	const struct addr *a, const struct address_taken *taken)
{
	const struct address_holder *holder = address_taken_find(taken, a);
	char address[ADDR_TEXT_MAX], text[ERR_FILE_MAX + ERR_MSG_MAX];
	struct err w = {0};

	if (!a->family || !holder || strcmp(holder->name, of->name) == 0 ||
		conf_find_container(c, slice_str(holder->name)) >= 0)
		return;
	err_ordinal(&w, of->address_ordinal,
		"%s is also the address of the container \"%s\", says %s/%s/config: the two can't "
		"run together",
		addr_print(a, address), holder->name, c->lxc_path, holder->name);
	conf_places_apply(places, NULL, 0, &w);
	err_print(&w, text, sizeof(text));
	log_warn("an address is given twice", kv_s("where", text));
}

/* ---- the book ---- */

static int
read_book(const char *path, struct address_book *book, struct buf *ret_text, struct err *e)
{
	size_t bad;

	if (access(path, F_OK) < 0)
		return 0;
	if (file_read(path, ret_text, e) < 0)
		return -1;
	if (address_book_parse(buf_slice(ret_text), book, &bad) < 0)
		return err_set(e, "out of memory");
	if (bad > 0)
		log_warn("lines that are not understood are dropped", kv_s("file", path),
			kv_u("lines", bad));
	return 0;
}

static int
write_book(const char *path, const struct address_book *book, struct slice before, struct err *e)
{
	_cleanup_(buf_clear) struct buf text = {0};

	buf_init(&text, ADDRESS_BOOK_MAX);
	if (address_book_print(book, &text) < 0)
		return err_set(e, "%s would be too large", path);
	if (slice_eq(buf_slice(&text), before))
		return 0;
	return file_write_atomic(path, buf_slice(&text), 0600, e);
}

/* ---- choosing ---- */

static void
log_pick(const struct conf *c, const struct address_pick *pick, const char *mac)
{
	char text[ADDR_TEXT_MAX];

	addr_print(&pick->addr, text);
	if (mac[0])
		log_warn("a free address is in use on the bridge, another is chosen",
			kv_s("address", text), kv_s("mac", mac));
	else
		log_info("address chosen", kv_s("container", c->containers[pick->container].name),
			kv_s("address", text));
}

/* Asks for each of them. Returns how many answered, or -1. */
static int
ask(const struct conf *c, const struct address_picks *picks, struct address_taken *taken,
	struct err *e)
{
	_free_ struct router_neighbour *asked = calloc(picks->n, sizeof(*asked));
	int answered = 0;

	if (!asked)
		return err_set(e, "out of memory");
	for (size_t i = 0; i < picks->n; i++)
		asked[i].addr = picks->v[i].addr;
	if (router_neighbours(c->bridge->name, asked, picks->n, e) < 0)
		return -1;
	for (size_t i = 0; i < picks->n; i++) {
		log_pick(c, &picks->v[i], asked[i].mac);
		if (!asked[i].mac[0])
			continue;
		if (address_taken_answer(taken, &asked[i].addr, asked[i].mac) < 0)
			return err_set(e, "out of memory");
		answered++;
	}
	return answered;
}

static int
choose(const struct conf *c, struct address_book *book, struct address_taken *taken, struct err *e)
{
	uint64_t now_s = clock_wall_ms() / MS_PER_S;

	for (unsigned round = 0; round < ROUNDS_MAX; round++) {
		struct address_picks picks;
		int rc = address_plan(c, book, taken, now_s, &picks, e);

		if (rc == 0 && picks.n > 0)
			rc = ask(c, &picks, taken, e);
		free(picks.v);
		if (rc <= 0)
			return rc;
	}
	return err_ordinal(e, c->bridge->ordinal,
		"machines that sluice does not know answer for every address that is chosen on %s; "
		"give the containers their addresses, or the bridge another network",
		c->bridge->name);
}

static int
settle(struct conf *c, const char *path, struct address_taken *taken, struct err *e)
{
	_cleanup_(address_book_clear) struct address_book book = {0};
	_cleanup_(buf_clear) struct buf before = {0};

	buf_init(&before, ADDRESS_BOOK_MAX);
	if (address_book_init(&book) < 0)
		return err_set(e, "out of memory");
	if (read_book(path, &book, &before, e) < 0 || choose(c, &book, taken, e) < 0 ||
		write_book(path, &book, buf_slice(&before), e) < 0)
		return -1;
	address_plan_apply(c, &book);
	return 0;
}

int
addresses_settle(struct conf *c, const char *state, const struct conf_places *places, struct err *e)
{
	_cleanup_(address_taken_clear) struct address_taken taken = {0};
	_free_ char *path = NULL;
	int rc = 0;

	if (!c->bridge || c->n_containers == 0)
		return 0;
	path = state_path(state, "addresses");
	if (!path || address_taken_init(&taken) < 0)
		return err_set(e, "out of memory");
	if (read_configs(c->lxc_path, &taken, e) < 0)
		return -1;
	for (size_t i = 0; i < c->n_containers; i++) {
		warn_shared(c, places, &c->containers[i], &c->containers[i].address, &taken);
		warn_shared(c, places, &c->containers[i], &c->containers[i].address6, &taken);
	}
	if (address_plan_needed(c) || access(path, F_OK) == 0)
		rc = settle(c, path, &taken, e);
	if (rc < 0)
		conf_places_apply(places, NULL, 0, e);
	return rc;
}
