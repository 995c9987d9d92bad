/*
 * STATE/addresses, and the addresses of LXC configurations: all of the input is read as both. A
 * book that was read prints to a text that reads as the same; whatever is taken, two containers
 * never get one address, and what was given stays.
 */
#include "tests/fuzz/require.h"

#include "daemon/address_plan.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FILE_TEXT                                                                                  \
	"listen 80 plain\nbridge b 10.0.3.1/28 fd00::1/64\ncontainer a { address auto }\n"         \
	"container b { address 10.0.3.9 auto }\ncontainer c { address auto fd00::9 }\n"

static void
check_text(const struct address_book *b)
{
	struct address_book again;
	struct buf first, second;
	size_t bad;

	buf_init(&first, ADDRESS_BOOK_MAX);
	buf_init(&second, ADDRESS_BOOK_MAX);
	REQUIRE(address_book_init(&again) == 0);
	REQUIRE(address_book_print(b, &first) == 0);
	REQUIRE(address_book_parse(buf_slice(&first), &again, &bad) == 0 && bad == 0);
	REQUIRE(address_book_print(&again, &second) == 0);
	REQUIRE(slice_eq(buf_slice(&first), buf_slice(&second)));
	buf_clear(&first);
	buf_clear(&second);
	address_book_clear(&again);
}

static void
check_distinct(const struct conf *c)
{
	for (size_t i = 0; i < c->n_containers; i++)
		for (size_t k = 0; k < i; k++) {
			const struct conf_container *x = &c->containers[i], *y = &c->containers[k];

			REQUIRE(!addr_eq(&x->address, &y->address));
			REQUIRE(!addr_eq(&x->address6, &y->address6));
		}
}

static void
check_plan(struct address_book *b, const struct address_taken *t)
{
	struct conf_input in = {.name = "f", .text = SLICE_LIT(FILE_TEXT)};
	struct conf_errors errs = {0};
	struct address_picks picks;
	struct conf *c;
	struct err e;

	REQUIRE(conf_parse(&in, &c, NULL, &errs) == 0);
	if (address_plan(c, b, t, 1000, &picks, &e) == 0) {
		free(picks.v);
		REQUIRE(address_plan(c, b, t, 1001, &picks, &e) == 0);
		REQUIRE(picks.n == 0);
		address_plan_apply(c, b);
		REQUIRE(c->containers[0].address.family && c->containers[0].address6.family);
		check_distinct(c);
	}
	free(picks.v);
	conf_unref(&c);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice_of(data, size);
	struct address_book b;
	struct address_taken t;
	size_t bad;

	REQUIRE(address_book_init(&b) == 0 && address_taken_init(&t) == 0);
	REQUIRE(address_book_parse(text, &b, &bad) == 0);
	check_text(&b);
	REQUIRE(address_taken_config(&t, SLICE_LIT("a"), text) == 0);
	check_plan(&b, &t);
	address_taken_clear(&t);
	address_book_clear(&b);
	return 0;
}
