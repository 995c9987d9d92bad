/* What comes in: boxes, and whether one policy takes something away from another. */
#include "router/input.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <netinet/in.h>

static struct conf *
conf(const char *text)
{
	struct conf_input in = {.name = "test", .text = slice_str(text), .part = true};
	struct conf_errors *errors = calloc(1, sizeof(*errors));
	struct conf *c = NULL;

	assert_non_null(errors);
	if (conf_parse(&in, &c, NULL, errors) < 0)
		fail_msg("%s: %s", text, errors->errors[0].msg);
	free(errors);
	return c;
}

static bool
narrows(const char *from, const char *to)
{
	struct conf *a = conf(from), *b = conf(to);
	bool ret = input_narrows(a, b);

	conf_unref(&a);
	conf_unref(&b);
	return ret;
}

static void
what_is_taken_away_is_seen(void **state)
{
	static const char *const cases[][2] = {
		{"", "open ssh"},
		{"open tcp 22", "open tcp 23"},
		{"open tcp 22-23", "open tcp 22"},
		{"open tcp 20-30", "open tcp 20-24\nopen tcp 26-30"},
		{"open both 53", "open udp 53"},
		{"open ssh", "open ssh from 0.0.0.0/0"},
		{"open ssh from 10.0.0.0/8", "open ssh from 10.0.0.0/9"},
		{"open ssh from 10.0.0.0/8", "open ssh from 10.0.0.0/9 10.192.0.0/10"},
		{"open ssh from 10.0.0.1", "open ssh from 10.0.0.0/32 10.0.0.2"},
		{"open protocol gre", "open ssh"},
		{"open tcp 1-65535", "open tcp 2-65535"},
		{"open tcp 1-65535", "open tcp 1-65534"},
		{"open ssh", "wan eth0\nopen ssh"},
		{"wan eth0\nopen ssh", "wan eth1\nopen ssh"},
		{"open ssh from ::/0", "open ssh from ::/1"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (!narrows(cases[i][0], cases[i][1]))
			fail_msg("%s -> %s", cases[i][0], cases[i][1]);
}

static void
what_is_only_said_otherwise_takes_nothing(void **state)
{
	static const char *const cases[][2] = {
		{"", ""},
		{"open ssh", ""},
		{"open ssh", "open tcp 22"},
		{"open ssh", "open ssh\nopen https"},
		{"open tcp 22-23", "open tcp 23\nopen tcp 22"},
		{"open tcp 20-30", "open tcp 20-25\nopen tcp 26-30"},
		{"open tcp 20-30", "open tcp 10-25\nopen tcp 22-40"},
		{"open ssh from 10.0.0.0/8", "open ssh from 10.0.0.0/9 10.128.0.0/9"},
		{"open ssh from 10.0.0.0/9 10.128.0.0/9", "open ssh from 10.0.0.0/8"},
		{"open ssh", "open ssh from 0.0.0.0/0 ::/0"},
		{"open ssh", "open ssh from 0.0.0.0/1 128.0.0.0/1 ::/1 8000::/1"},
		{"open tcp 1-65535 from 10.0.0.0/8", "open tcp 1-65535"},
		{"wan eth0\nopen ssh", "wan eth0\nopen ssh\nopen udp 1"},
		{"wan eth0\nopen ssh", "wan eth1"},
		{"open protocol esp", "open protocol 50"},
		{"open tcp 5 from 10.0.0.0/8\nopen tcp 6 from 10.0.0.0/8", "open tcp 5-6"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (narrows(cases[i][0], cases[i][1]))
			fail_msg("%s -> %s", cases[i][0], cases[i][1]);
}

/* ---- against counting, on a small world: 6 ports, 8 addresses of each family ---- */

#define PORTS 6U
#define SOURCES 8U
#define SEEN (SOURCES + 1) /* and one that no network has */
#define ROUNDS 3000

struct world {
	bool in[2][2][PORTS][SEEN]; /* protocol, family */
};

static unsigned seed = 1;

static unsigned
pick(unsigned n)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 16) % n;
}

static const char *
network(unsigned family, unsigned first, unsigned bits, char out[static 40])
{
	(void)snprintf(out, 40, family ? "fd00::%u/%u" : "10.0.0.%u/%u", first,
		(family ? 128U : 32U) - bits);
	return out;
}

static void
mark(struct world *w, unsigned proto, unsigned low, unsigned high, unsigned family, unsigned first,
	unsigned n)
{
	for (unsigned p = low; p <= high; p++)
		for (unsigned s = first; s < first + n; s++)
			w->in[proto][family][p][s] = true;
}

/* One `open` line at random, in words and in the world. */
static void
put_line(char *text, size_t size, struct world *w)
{
	unsigned low = pick(PORTS), high = low + pick(PORTS - low), proto = pick(2);
	size_t n = strlen(text);
	char net[40];

	n += (size_t)snprintf(
		text + n, size - n, "open %s %u-%u", proto ? "udp" : "tcp", low + 1, high + 1);
	if (pick(4) == 0) {
		mark(w, proto, low, high, 0, 0, SEEN);
		mark(w, proto, low, high, 1, 0, SEEN);
		(void)snprintf(text + n, size - n, "\n");
		return;
	}
	n += (size_t)snprintf(text + n, size - n, " from");
	for (unsigned left = 1 + pick(4); left > 0; left--) {
		unsigned family = pick(2), bits = pick(4), first = pick(SOURCES >> bits) << bits;

		mark(w, proto, low, high, family, first, 1U << bits);
		n += (size_t)snprintf(text + n, size - n, " %s", network(family, first, bits, net));
	}
	(void)snprintf(text + n, size - n, "\n");
}

static bool
world_narrows(const struct world *a, const struct world *b)
{
	const bool *x = &a->in[0][0][0][0], *y = &b->in[0][0][0][0];

	for (size_t i = 0; i < sizeof(a->in); i++)
		if (x[i] && !y[i])
			return true;
	return false;
}

/* The boxes hold what the world has, each once, and are in order. */
static void
boxes_are_the_world(const struct conf *c, const struct world *w)
{
	static const struct conf nothing;
	struct input_boxes boxes;
	struct world seen = {0};
	struct err e = {0};

	assert_int_equal(input_boxes_build(c, &nothing, &boxes, &e), 0);
	for (size_t i = 0; i < boxes.n; i++) {
		const struct input_box *b = &boxes.v[i];
		unsigned family = b->first.family == AF_INET6, proto = b->proto == IPPROTO_UDP;
		unsigned at = family ? 15 : 3;

		if ((b->proto != IPPROTO_TCP && b->proto != IPPROTO_UDP) || b->low > PORTS)
			continue;
		for (unsigned p = b->low - 1U; p < b->high; p++)
			for (unsigned s = 0; s < SEEN; s++) {
				struct addr a = {
					.family = b->first.family, .bytes = {family ? 0xfd : 10}};

				a.bytes[at] = (uint8_t)s;
				if (addr_cmp(&b->first, &a) > 0 || addr_cmp(&a, &b->last) > 0)
					continue;
				assert_false(seen.in[proto][family][p][s]);
				seen.in[proto][family][p][s] = true;
			}
	}
	assert_memory_equal(&seen, w, sizeof(seen));
	input_boxes_clear(&boxes);
}

static void
it_agrees_with_counting(void **state)
{
	unsigned wider = 0, narrower = 0;

	(void)state;
	for (unsigned round = 0; round < ROUNDS; round++) {
		char texts[2][2048] = {"", ""};
		struct world w[2] = {0};
		struct conf *c[2];

		for (size_t i = 0; i < 2; i++) {
			/* The second often has all lines of the first, and more. */
			if (i && pick(2)) {
				memcpy(texts[1], texts[0], sizeof(texts[0]));
				w[1] = w[0];
			}
			for (unsigned n = 1 + pick(4); n > 0; n--)
				put_line(texts[i], sizeof(texts[i]), &w[i]);
			c[i] = conf(texts[i]);
			boxes_are_the_world(c[i], &w[i]);
		}
		if (input_narrows(c[0], c[1]) != world_narrows(&w[0], &w[1]))
			fail_msg("%s->\n%s", texts[0], texts[1]);
		if (input_same(c[0], c[1]) != (memcmp(&w[0], &w[1], sizeof(w[0])) == 0))
			fail_msg("%s==\n%s", texts[0], texts[1]);
		narrower += world_narrows(&w[0], &w[1]);
		wider += !world_narrows(&w[0], &w[1]);
		conf_unref(&c[0]);
		conf_unref(&c[1]);
	}
	assert_true(wider > ROUNDS / 10 && narrower > ROUNDS / 10);
}

static void
too_many_pieces_are_refused_with_their_line(void **state)
{
	struct input_boxes boxes;
	struct err e = {0};
	struct conf *c;
	struct buf text;

	(void)state;
	buf_init(&text, 1 << 20);
	/* Ranges of ports, each in the next one, and networks that do not touch. */
	for (unsigned i = 0; i < 200; i++) {
		assert_int_equal(buf_printf(&text, "open tcp %u-%u from", 1 + i, 1000 - i), 0);
		for (unsigned k = 0; k < 100; k++)
			assert_int_equal(buf_printf(&text, " 10.%u.%u.0/24", i, 2 * k), 0);
		assert_int_equal(buf_append_byte(&text, '\n'), 0);
	}
	assert_int_equal(buf_append_byte(&text, '\0'), 0);
	c = conf(buf_slice(&text).p);
	assert_int_equal(input_boxes_build(c, c, &boxes, &e), -1);
	assert_non_null(strstr(e.msg, "more than 65536 ways"));
	assert_true(e.ordinal > 0);
	conf_unref(&c);
	buf_clear(&text);
}

static void
listeners_on_loopback_are_not_opened(void **state)
{
	struct conf *c = conf("listen 127.0.0.1:81 plain\nlisten [::1]:82 plain\nlisten 83 plain\n"
			      "site * -> status 204\nopen ssh");
	struct input_boxes boxes;
	struct err e = {0};
	unsigned found = 0;

	(void)state;
	assert_int_equal(input_boxes_build(c, c, &boxes, &e), 0);
	for (size_t i = 0; i < boxes.n; i++)
		if (boxes.v[i].proto == IPPROTO_TCP) {
			assert_true(boxes.v[i].low == 22 || boxes.v[i].low == 83);
			found++;
		}
	assert_int_equal(found, 4);
	input_boxes_clear(&boxes);
	conf_unref(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_taken_away_is_seen),
		cmocka_unit_test(what_is_only_said_otherwise_takes_nothing),
		cmocka_unit_test(it_agrees_with_counting),
		cmocka_unit_test(too_many_pieces_are_refused_with_their_line),
		cmocka_unit_test(listeners_on_loopback_are_not_opened),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
