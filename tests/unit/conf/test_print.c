/*
 * conf/print/print.c, conf/write.c, conf/equal.c: what is printed parses to an equal configuration
 * and prints the same again, and every line leads back to the line that it came from. On samples,
 * and on configurations made up from a seed.
 */
#include "tests/unit/conf/unit.h"

#include "conf/lex.h"

#define SEEDS 400

/* ---- the round trip ---- */

/* The first word at the place of an ordinal, in its text. */
static struct slice
name_at(const struct conf_places *places, uint32_t ordinal, struct slice text)
{
	const struct conf_place *place = &places->places[ordinal - 1];
	size_t n = 0;

	for (uint32_t line = 1; line < place->line; line++)
		text = slice_skip(text, slice_index(text, '\n') + 1);
	text = slice_skip(text, place->col - 1);
	while (n < text.n && !strchr(" \t\r\n;{}", text.p[n]))
		n++;
	return slice_head(text, n);
}

static void
expect_sources(const struct conf_places *from, struct slice from_text, const struct conf_places *to,
	struct slice to_text, const uint32_t *source)
{
	for (uint32_t i = 0; i < to->n_places; i++) {
		struct slice a = name_at(from, source[i], from_text);
		struct slice b = name_at(to, i + 1, to_text);

		if (!slice_eq(a, b))
			fail_msg("\"%.*s\" was said to come from \"%.*s\"", SLICE_ARG(b),
				SLICE_ARG(a));
	}
}

static void
expect_round_trip(struct slice text)
{
	struct conf_places *places = NULL, *places_again = NULL;
	struct conf *c, *again;
	uint32_t *source = NULL;
	struct conf_errors errs;
	struct buf once, twice;
	struct err e;
	size_t n;

	buf_init(&once, UNIT_TEXT_MAX);
	buf_init(&twice, UNIT_TEXT_MAX);
	c = unit_try_parse(text, &places, &errs);
	if (!c) {
		fail_msg("%u:%u: %s in\n%.*s", errs.errors[0].line, errs.errors[0].col,
			errs.errors[0].msg, SLICE_ARG(text));
		return;
	}
	assert_int_equal(conf_print(c, &once, &source, &n, &e), 0);
	again = unit_try_parse(buf_slice(&once), &places_again, &errs);
	if (!again) {
		fail_msg("printed: %u:%u: %s in\n%.*s", errs.errors[0].line, errs.errors[0].col,
			errs.errors[0].msg, SLICE_ARG(buf_slice(&once)));
		return;
	}
	assert_true(conf_equal(c, again));
	assert_int_equal(n, again->n_ordinals);
	expect_sources(places, text, places_again, buf_slice(&once), source);
	assert_int_equal(conf_print(again, &twice, NULL, NULL, &e), 0);
	assert_true(slice_eq(buf_slice(&once), buf_slice(&twice)));
	free(source);
	conf_places_free(&places);
	conf_places_free(&places_again);
	conf_unref(&c);
	conf_unref(&again);
	buf_clear(&once);
	buf_clear(&twice);
}

static void
samples_survive_printing(void **state)
{
	static const char *const samples[] = {
		"listen 80 plain\n",
		"listen 80 plain;state \"/a b\";lxc-path \"/a\\\\\";threads auto",
		"log format text\nlog level info\nlog access /x combined\nlisten 1.2.3.4:80 "
		"plain\n",
		"listen [::]:80 plain\nlisten 443 tls\nlisten 81\ncertificate default \"/#c\" "
		"/#k\n",
		"site * -> status 421\nlisten 80 plain\n",
		"site a b { }\nlisten 80 plain\n",
		"listen 80 plain\nsite a { route / -> dir \"/a;b\" { timeout idle 1ms; body-limit "
		"off } }",
		"timeout idle 1500ms\nlisten 80 plain\ntimeout connect 61s read 3600s\nbody-limit "
		"1025\n",
		"listen 80 plain\ncontainer c { privileged no; autostart order 0 delay 0s; memory "
		"1M swap 0 }",
		"listen 80 plain\ncontainer c { image template t \"\" -> x \"->\" }",
		"listen 80 plain\ncontainer c { image template t \"\" \"->\" \"#\" a#b \"{\" "
		"\"\\\"\" a\\b }",
		"control /run/x group adm\nlisten 80 plain",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(samples); i++) {
		struct conf_errors errs;
		struct conf *c = unit_try_parse(slice_str(samples[i]), NULL, &errs);

		/* One of them is wrong on purpose: an arrow must stand in quotes. */
		assert_int_equal(c != NULL, i != 9);
		conf_unref(&c);
		if (i != 9)
			expect_round_trip(slice_str(samples[i]));
	}
}

/* ---- made-up configurations ---- */

struct maker {
	struct buf *out;
	uint32_t seed;
};

static uint32_t
pick(struct maker *m, uint32_t n)
{
	m->seed = m->seed * 1664525 + 1013904223;
	return (m->seed >> 8) % n;
}

static void __attribute__((format(printf, 2, 3))) put(struct maker *m, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	assert_int_equal(buf_vprintf(m->out, fmt, ap), 0);
	va_end(ap);
}

/* What may stand between two words. */
static const char *
gap(struct maker *m)
{
	static const char *const gaps[] = {" ", " ", " ", "\t", "  ", " \\\n  ", " \\\r\n"};

	return gaps[pick(m, ARRAY_SIZE(gaps))];
}

/* What may end a directive. */
static const char *
ending(struct maker *m)
{
	static const char *const endings[] = {
		"\n", "\n", " ; ", ";\n", "\r\n", " # comment\n", "\n\n# \"comment {\n"};

	return endings[pick(m, ARRAY_SIZE(endings))];
}

static const char *
path(struct maker *m)
{
	static const char *const paths[] = {"/srv/a", "\"/srv/a b\"", "/srv/a#b", "\"/a\\\\\\\"b\"",
		"/a->b", "\"/a;{}\"", "/\xc3\xa4", "\"/tab\tx\"", "/back\\slash"};

	return paths[pick(m, ARRAY_SIZE(paths))];
}

static void
put_limits(struct maker *m)
{
	static const char *const units[] = {"ms", "s", "m", "h"};
	static const char *const words[] = {"connect", "read", "send", "idle", "tunnel"};
	uint32_t first = pick(m, 4);

	if (pick(m, 3) == 0)
		put(m, "body-limit%s%u%s%s", gap(m), 1 + pick(m, 5000), pick(m, 2) ? "K" : "",
			ending(m));
	if (pick(m, 4) == 0)
		put(m, "encoded%s%s%s", gap(m), pick(m, 2) ? "allow" : "refuse slash hash percent",
			ending(m));
	if (pick(m, 4) == 0)
		put(m, "upgrade%s%s%s", gap(m), pick(m, 2) ? "off" : "tcp \"SPDY/3.1\"", ending(m));
	for (uint32_t i = first; i < 4; i += 1 + pick(m, 3))
		put(m, "timeout%s%s%s%u%s%s", gap(m), words[i], gap(m), 1 + pick(m, 120),
			units[pick(m, 4)], ending(m));
}

static void
put_heads(struct maker *m)
{
	static const char *const rules[] = {"request X-A $host", "request add X-A \"a  b\"",
		"request remove X-A", "response add add add", "response X \"${host}$$\"",
		"response remove remove", "request pass X_A"};
	uint32_t rule;

	if (pick(m, 3) == 0)
		put(m, "rewrite%s%s%s", gap(m), pick(m, 2) ? "on" : "off", ending(m));
	for (uint32_t k = pick(m, 4); k > 0; k--) {
		rule = pick(m, ARRAY_SIZE(rules));
		put(m, "header%s%s%s", gap(m), rules[rule], ending(m));
	}
}

static void
put_target(struct maker *m)
{
	switch (pick(m, 6)) {
	case 0:
		put(m, "c%u:%u", pick(m, 3), 1 + pick(m, 65535));
		break;
	case 1:
		put(m, "\"c%u:80/p%u/\"", pick(m, 3), pick(m, 9));
		break;
	case 2:
		put(m, "http://%s:%u", pick(m, 2) ? "back.example" : "[2001:db8::2]",
			1 + pick(m, 999));
		break;
	case 3:
		put(m, "dir%s%s", gap(m), path(m));
		break;
	case 4:
		put(m, "redirect%s30%u%s/x?y=%u", gap(m), 1 + pick(m, 3), gap(m), pick(m, 9));
		break;
	default:
		put(m, "status%s%u", gap(m), 200 + pick(m, 400));
	}
}

static void
put_site(struct maker *m, uint32_t i)
{
	if (pick(m, 4) == 0) {
		put(m, "site%sS%u.example%s->%s", gap(m), i, gap(m), gap(m));
		put_target(m);
		put(m, "%s", ending(m));
		return;
	}
	put(m, "site%ss%u.example%s\"*.s%u.example\"%s{%s", gap(m), i, gap(m), i, gap(m),
		ending(m));
	if (pick(m, 2))
		put(m, "certificate%scert%u%s", gap(m), pick(m, 2), ending(m));
	for (uint32_t k = pick(m, 4); k > 0; k--) {
		put(m, "route%s%s/r%u%s->%s", gap(m), pick(m, 2) ? "= " : "", k, gap(m), gap(m));
		put_target(m);
		if (pick(m, 2)) {
			put(m, "{%s", ending(m));
			put_limits(m);
			put_heads(m);
			put(m, "}");
		}
		put(m, "%s", ending(m));
	}
	put_limits(m);
	put_heads(m);
	if (pick(m, 3) == 0)
		put(m, "hsts%s%ud%s%s", gap(m), 400 + pick(m, 9),
			pick(m, 2) ? " subdomains preload" : "", ending(m));
	if (pick(m, 3) == 0)
		put(m, "error-page%s40%u%s502%s\"/x %u.html\"%s", gap(m), pick(m, 9), gap(m),
			gap(m), pick(m, 9), ending(m));
	put(m, "}%s", ending(m));
}

static void
put_container(struct maker *m, uint32_t i)
{
	put(m, "container%sc%u{%saddress%s", gap(m), i, ending(m), gap(m));
	if (pick(m, 3) == 0)
		put(m, "auto%s", ending(m));
	else
		put(m, "10.0.3.%u%s", 10 + i, ending(m));
	if (pick(m, 2))
		put(m, "memory%s%uM%s%s", gap(m), 1 + pick(m, 2000), pick(m, 2) ? " swap 1G" : "",
			ending(m));
	if (pick(m, 2))
		put(m, "image%s%s%s", gap(m),
			pick(m, 2) ? "debian/bookworm" : "template t -x \"\" \"a b\" \"->\"",
			ending(m));
	if (pick(m, 2))
		put(m, "autostart%sorder%s%u%sdelay%s%us%s", gap(m), gap(m), pick(m, 5), gap(m),
			gap(m), pick(m, 90), ending(m));
	for (uint32_t k = pick(m, 3); k > 0; k--)
		put(m, "mount%s%s%sm%u%s%s", gap(m), path(m), gap(m), k, pick(m, 2) ? " rw" : " ro",
			ending(m));
	if (pick(m, 2))
		put(m, "cpus 0-%u;privileged %s;spoofing drop;stop-timeout %us%s", 1 + pick(m, 7),
			pick(m, 2) ? "yes" : "no", pick(m, 99), ending(m));
	put(m, "}%s", ending(m));
}

static void
put_daemon(struct maker *m)
{
	if (pick(m, 2))
		put(m, "control%s/run/x%s%s", gap(m), pick(m, 2) ? " group adm" : "", ending(m));
	if (pick(m, 2))
		put(m, "state%s%s%slxc-path%s%s%s", gap(m), path(m), ending(m), gap(m), path(m),
			ending(m));
	if (pick(m, 2))
		put(m, "threads%s%s%s", gap(m), pick(m, 2) ? "auto" : "3", ending(m));
	if (pick(m, 2))
		put(m, "log%saccess%s%s%s%slog%slevel warn%s", gap(m), gap(m), path(m),
			pick(m, 2) ? " json" : " combined", ending(m), gap(m), ending(m));
}

static void
put_network(struct maker *m)
{
	put(m, "bridge%sbr0%s10.0.3.1/24%s", gap(m), gap(m), ending(m));
	put(m, "listen%s443%stls%slisten%s[::1]:8%u plain%s", gap(m), gap(m), ending(m), gap(m),
		pick(m, 9), ending(m));
	for (uint32_t i = pick(m, 4); i > 0; i--)
		put(m, "forward%s%s%s%u-%u%s->%sc%u:%u%s%s", gap(m), pick(m, 2) ? "tcp" : "udp",
			gap(m), i * 1000, i * 1000 + 9, gap(m), gap(m), pick(m, 3),
			1 + pick(m, 60000), pick(m, 2) ? " from 10.0.0.0/8 2001:db8::1" : "",
			ending(m));
	put(m, "certificate%scert0%s%s%s%s%s", gap(m), gap(m), path(m), gap(m), path(m), ending(m));
	put(m, "certificate%scert1%s/c%s/k%s", gap(m), gap(m), gap(m), ending(m));
	put(m, "certificate%sdefault%s/c%s/k%s", gap(m), gap(m), gap(m), ending(m));
}

/* The groups of directives, in an order that the seed chooses. */
static void
put_all(struct maker *m)
{
	uint32_t first = pick(m, 5);

	for (uint32_t k = 0; k < 5; k++) {
		switch ((first + k) % 5) {
		case 0:
			put_network(m);
			break;
		case 1:
			put_daemon(m);
			break;
		case 2:
			put_limits(m);
			put_heads(m);
			put(m, "trusted%s10.0.0.0/8%s2001:db8::1%s", gap(m), gap(m), ending(m));
			break;
		case 3:
			for (uint32_t i = 0; i < 3; i++)
				put_container(m, i);
			break;
		default:
			for (uint32_t i = pick(m, 4); i > 0; i--)
				put_site(m, i);
		}
	}
}

static void
made_up_configurations_survive_printing(void **state)
{
	(void)state;
	for (uint32_t seed = 1; seed <= SEEDS; seed++) {
		struct buf text;
		struct maker m = {.out = &text, .seed = seed * 7919};

		buf_init(&text, UNIT_TEXT_MAX);
		put_all(&m);
		expect_round_trip(buf_slice(&text));
		buf_clear(&text);
	}
}

/* ---- printing itself ---- */

static void
expect_printed(const char *text, const char *printed)
{
	struct conf *c = unit_parse(text);
	struct buf out;
	struct err e;

	buf_init(&out, UNIT_TEXT_MAX);
	assert_int_equal(conf_print(c, &out, NULL, NULL, &e), 0);
	assert_int_equal(buf_append_byte(&out, '\0'), 0);
	assert_string_equal(buf_slice(&out).p, printed);
	buf_clear(&out);
	conf_unref(&c);
}

static void
the_order_and_the_defaults_are_canonical(void **state)
{
	(void)state;
	expect_printed("log level info\nthreads auto\nsite b -> status 200\nlisten 80 plain\n"
		       "site A { route /x -> http://h }\ntimeout read 60s\n",
		"listen 80 plain\ntimeout read 1m\n"
		"site b -> status 200\nsite a {\n\troute /x -> http://h:80\n}\n"
		"threads auto\nlog level info\n");
}

static void
a_text_that_does_not_fit_is_an_error(void **state)
{
	struct conf *c = unit_parse("listen 80 plain\nsite a { route / -> dir \"/a b\" }\n");
	uint32_t *source = NULL;
	struct buf out;
	struct err e;
	size_t n;

	(void)state;
	for (size_t max = 1; max < 50; max++) {
		buf_init(&out, max);
		assert_int_equal(conf_print(c, &out, &source, &n, &e), -1);
		assert_null(source);
		buf_clear(&out);
	}
	conf_unref(&c);
}

static void
targets_are_printed_as_the_file_says_them(void **state)
{
	char host[] = "jenkins", mapped[] = "/j;x", url[] = "/wiki/";
	struct conf_target t = {.type = CONF_TARGET_CONTAINER, .host = host, .port = 8080};
	struct buf out;

	(void)state;
	buf_init(&out, 100);
	t.path = mapped;
	assert_int_equal(conf_target_print(&t, &out), 0);
	assert_true(slice_eq_str(buf_slice(&out), "\"jenkins:8080/j;x\""));
	buf_reset(&out);
	t = (struct conf_target){.type = CONF_TARGET_REDIRECT, .code = 301, .path = url};
	assert_int_equal(conf_target_print(&t, &out), 0);
	assert_true(slice_eq_str(buf_slice(&out), "redirect 301 /wiki/"));
	buf_clear(&out);
}

/* ---- equality ---- */

static bool
equal(const char *a, const char *b)
{
	struct conf *one = unit_parse(a), *two = unit_parse(b);
	bool same = conf_equal(one, two);

	assert_int_equal(conf_equal(two, one), same);
	conf_unref(&one);
	conf_unref(&two);
	return same;
}

static void
equality_ignores_the_order_of_unlike_directives(void **state)
{
	(void)state;
	assert_true(equal("listen 80 plain\nstate /x", "state /x\nlisten 80 plain"));
	assert_true(equal("timeout read 60s send 1s\nlisten 80 plain",
		"timeout send 1s\nlisten 80 plain\ntimeout read 1m"));
}

/* What stands in the text below, and what stands there instead. */
static const char *const changes[][2] = {{"listen 80 plain", "listen 81 plain"},
	{"listen 80 plain", "listen 80"}, {"b 10.0.3.1/24", "b 10.0.3.1/25"},
	{"bridge b ", "bridge bb "}, {"wan w", "wan x"}, {"default /c", "default /d"},
	{"two /c /k", "two /c /l"}, {"certificate two ;", ""}, {"two /c2 /k2", "two2 /c2 /k2"},
	{"require /ca", "optional /ca"}, {"require /ca", "require /cb"},
	{"client-certificates require /ca ;", ""}, {"tls compat\n", ""},
	{"tls compat", "tls modern"}, {"unknown-name refuse\n", ""}, {"ocsp off\n", ""},
	{"ocsp off", "ocsp on"}, {"name refuse", "name default"}, {"site a", "site aa"},
	{"site a", "site a aa"}, {"k:80/x", "k:80/y"}, {"k:80/x", "k:81/x"}, {"k:80/x", "k:80"},
	{"k:80/x", "http://k:80/x"}, {"read 5s", "read 6s"}, {"{ timeout read 5s }", ""},
	{"= /q", "/q"}, {"301 /z", "302 /z"}, {"301 /z", "301 /zz"},
	{"body-limit 1M", "body-limit 2M"}, {"refuse slash", "refuse slash hash"},
	{"refuse slash", "allow"}, {"dir /d", "dir /f"}, {"route /d -> dir /d", ""},
	{"upgrade tcp irc", "upgrade tcp"}, {"upgrade tcp irc", "upgrade irc tcp"},
	{"upgrade tcp irc", "upgrade TCP irc"}, {"upgrade tcp irc", "upgrade off"},
	{"upgrade tcp irc\n", ""}, {"upgrade tcp ;", ""}, {"upgrade tcp ;", "upgrade off ;"},
	{"upgrade off", ""}, {"upgrade off", "upgrade a"}, {"index i j ;", ""},
	{"index i j", "index i"}, {"index i j", "index i k"}, {"try /t $path.u ;", ""},
	{"$path.u", "$path.v"}, {"/t $path.u", "/t"}, {"br gzip", "br"}, {"br gzip", "on"},
	{"br gzip", "off"}, {"precompressed br gzip ;", ""}, {"listing on", "listing off"},
	{"; listing on", ""}, {"10.0.3.2", "10.0.3.3"}, {"10.0.3.2", "auto"},
	{"10.0.3.2", "10.0.3.2 auto"}, {"10.0.3.2", "10.0.3.2 fd00::2"}, {"memory 2M", "memory 4M"},
	{"swap 3M", "swap 4M"}, {"cpus 0", "cpus 1"}, {"order 1", "order 2"},
	{"delay 5s", "delay 6s"}, {"autostart order 1 delay 5s ;", ""}, {"/m n", "/mm n"},
	{"/m n", "/m nn"}, {"n rw", "n ro"}, {"mount /m n rw", ""},
	{"stop-timeout 5s", "stop-timeout 6s"}, {"privileged no", "privileged yes"},
	{"isolate\nlink m -> k:7 9-10 both", ""}, {"isolate\nlink m -> k:7 9-10 both", "isolate"},
	{"7 9-10 both", "7 9-11 both"}, {"7 9-10 both", "7 9-10 udp"}, {"7 9-10 both", "7 9-10"},
	{"link m -> k:", "link k -> m:"}, {"allow 9.0.0.0/8:1-2", "allow 9.0.0.0/8:1-3"},
	{"allow 9.0.0.0/8:1-2", "allow 9.0.0.0/8"}, {"[fd00::/8]:3", "[fd00::/9]:3"},
	{" 8.8.8.8 ;", " ;"}, {"egress allow m:5 ;", ""}, {"allow m:5", "allow m:6"},
	{"spoofing drop", ""}, {"spoofing drop", "spoofing allow"}, {"privileged no", ""},
	{"template t arg", "template t arh"}, {"template t arg", "template u arg"},
	{"template t arg", "busybox"}, {"tcp 90", "udp 90"}, {"192.0.2.8:95", "192.0.2.7:95"},
	{"192.0.2.8:95", "95"}, {"96 masquerade", "96"}, {"96 masquerade", "96 masquerade confirm"},
	{" on wg", " on wh"}, {" on wg", ""}, {"192.0.2.9:98", "192.0.2.10:98"}, {"90-91", "70-71"},
	{"92-93", "94-95"}, {"0.0/8", "0.0/9"}, {"from 10.0.0.0/8", ""},
	{"control /c", "control /d"}, {" group g", ""}, {"state /s", "state /t"}, {"state /s", ""},
	{"lxc-path /l", "lxc-path /m"}, {"connections 99", "connections 98"},
	{"connections 99", "connections auto"}, {"connections 99", ""},
	{"buffer-memory 8M", "buffer-memory 9M"}, {"buffer-memory 8M", "buffer-memory auto"},
	{"buffer-memory 8M", ""}, {"min-rate 1K", "min-rate 2K"}, {"min-rate 1K", "min-rate off"},
	{"min-rate 1K", ""}, {"min-rate 1K", "min-rate 1K after 9s"}, {"threads 2", "threads 3"},
	{"threads 2", "threads auto"}, {"access /a", "access /b"}, {"/a json", "/a"},
	{"level warn", "level info"}, {"log format json", ""}, {"idle 9s", "idle 8s"},
	{"timeout idle 9s", ""}, {"level 3", "level 4"}, {"on level 3", "on"},
	{"on level 3", "off"}, {"cache static", "cache on"},
	{"cache static default-ttl 5m", "cache off"}, {"default-ttl 5m", "default-ttl 6m"},
	{"default-ttl 5m", ""}, {"cache static default-ttl 5m", ""},
	{"cache memory 9M", "cache memory 8M"}, {"cache memory 9M", ""},
	{"cache disk 99M", "cache disk 98M"}, {"99M /cd free 7M", "99M /ce free 7M"},
	{"/cd free 7M", "/cd free 8M"}, {"/cd free 7M", "/cd"}, {"cache disk 99M /cd free 7M", ""},
	{"compress on level 3", ""}, {"body-buffer 8K", "body-buffer 9K"},
	{"body-buffer 8K", "body-buffer off"}, {"body-buffer 8K", ""}, {"spill 3G", "spill 4G"},
	{"spill 3G", ""}, {"on spill 3G", "off"}, {"request-buffering on spill 3G", ""},
	{"buffers 4", "buffers 5"}, {"4 32K", "4 64K"}, {"busy 64K", "busy 32K"}, {"busy 64K", ""},
	{"file 5G", "file 6G"}, {"busy 64K file 5G", "file off"},
	{"buffers 4 32K busy 64K file 5G", "buffers off"}, {"buffers 4 32K busy 64K file 5G", ""},
	{"block 8.0.0.0/8", "block 7.0.0.0/8"}, {"8.0.0.0/8 confirm", "8.0.0.0/8"},
	{"unblock 8.8.8.8", "unblock 8.8.8.9"}, {"unblock 8.8.8.8", ""}, {"/bl confirm", "/bl"},
	{"/bl confirm", "/bm confirm"}, {"limit rate", "limit syn"}, {"rate 20/s", "rate 21/s"},
	{"rate 20/s", "rate 20/m"}, {"burst 40", "burst 41"}, {"burst 40 ", ""}, {"22 70-75", "22"},
	{"22 70-75", "22 70-76"}, {"22 70-75", "23 70-75"},
	{"limit rate 20/s burst 40 per source to 22 70-75", ""},
	{"open tcp 22-23", "open udp 22-23"}, {"open tcp 22-23", "open tcp 22"},
	{"from 10.9.0.0/16", "from 10.9.0.0/17"}, {"open tcp 22-23 from 10.9.0.0/16", ""},
	{"protocol gre", "protocol esp"}, {"confirm-within 90s", "confirm-within 91s"},
	{"confirm-within 90s", ""}};

static void
every_difference_counts(void **state)
{
	static const char base[] =
		"listen 80 plain\nlisten 443 tls\nbridge b 10.0.3.1/24 fd00::1/64\nwan "
		"w\ncertificate default "
		"/c /k\n"
		"certificate two /c /k\ncertificate two /c2 /k2\ntls compat\n"
		"ocsp off\nunknown-name refuse\nsite a { certificate two ; client-certificates "
		"require /ca ; "
		"route / -> k:80/x { timeout "
		"read 5s } ; route /u -> k:1 { upgrade off } }\n"
		"site b { upgrade tcp ; route = /q -> redirect 301 /z ; body-limit 1M ; route /d "
		"-> dir /d ; "
		"route /e -> dir /ee { index i j ; try /t $path.u ; precompressed br gzip ; "
		"listing on } }\n"
		"container k { address 10.0.3.2 ; memory 2M swap 3M ; cpus 0 ; autostart order 1 "
		"delay 5s ;"
		" mount /m n rw ; stop-timeout 5s ; egress deny ; egress allow "
		"9.0.0.0/8:1-2 "
		"[fd00::/8]:3 8.8.8.8 ; egress allow m:5 ; privileged no ; image template "
		"t arg }\n"
		"forward tcp 90-91 -> k:92-93 from 10.0.0.0/8\n"
		"forward udp 192.0.2.8:95 -> k:96 masquerade\n"
		"forward udp 97 on wg -> 192.0.2.9:98\ncontrol /c group g\nstate "
		"/s\nlxc-path /l\n"
		"threads 2\nlog access /a json\nlog level warn\nlog format json\ntimeout idle 9s\n"
		"compress on level 3\nencoded refuse slash\nupgrade tcp irc\nbody-buffer "
		"8K\nrequest-buffering on "
		"spill 3G\n"
		"buffers 4 32K busy 64K file 5G\n"
		"cache static default-ttl 5m\ncache memory 9M\ncache disk 99M /cd free 7M\n"
		"connections 99\nbuffer-memory 8M\nmin-rate 1K\nblock 8.0.0.0/8 confirm\n"
		"container m { spoofing drop }\nisolate\nlink m -> k:7 9-10 both\n"
		"unblock 8.8.8.8\nblock-list /bl confirm\nopen tcp 22-23 from 10.9.0.0/16\n"
		"open protocol gre\nconfirm-within 90s\n"
		"limit rate 20/s burst 40 per source to 22 70-75\n";

	(void)state;
	assert_true(equal(base, base));
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		const char *at = strstr(base, changes[i][0]);
		char changed[2048];

		assert_non_null(at);
		(void)snprintf(changed, sizeof(changed), "%.*s%s%s", (int)(at - base), base,
			changes[i][1], at + strlen(changes[i][0]));
		if (equal(base, changed))
			fail_msg("\"%s\" equals \"%s\"", changes[i][0], changes[i][1]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(samples_survive_printing),
		cmocka_unit_test(made_up_configurations_survive_printing),
		cmocka_unit_test(the_order_and_the_defaults_are_canonical),
		cmocka_unit_test(a_text_that_does_not_fit_is_an_error),
		cmocka_unit_test(targets_are_printed_as_the_file_says_them),
		cmocka_unit_test(equality_ignores_the_order_of_unlike_directives),
		cmocka_unit_test(every_difference_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
