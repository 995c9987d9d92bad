/*
 * Golden tests of the router's plan: each FOLDER/NAME.conf is parsed and planned, and the text in
 * nft syntax compared with NAME.nft (with --update rewritten). What the configuration does not
 * know stands in comments of its own:
 *
 *	#! default eth0                      an interface of a default route
 *	#! container NAME ADDRESS ADDRESS6 [MAC PORT]   what lxc tells of a container, "-" for
 *nothing
 *	#! gateway MAC                       of the bridge
 *
 * With --print FILE the text of one case goes to standard output.
 */
#include "conf/conf.h"
#include "core/file.h"
#include "core/own.h"
#include "router/plan.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#define TEXT_MAX (16 * 1024 * 1024)

struct golden {
	bool update;
	unsigned cases, failed;
};

static struct slice
take_word(struct slice *line)
{
	struct slice word = slice_head(*line, slice_index(*line, ' '));

	*line = slice_skip(*line, word.n + 1);
	return word;
}

static int
note_container(struct slice line, const struct conf *c, struct plan_address *addresses)
{
	int32_t index = conf_find_container(c, take_word(&line));
	struct slice v4 = take_word(&line), v6 = take_word(&line);

	if (index < 0)
		return -1;
	if (!slice_eq_str(v4, "-") && addr_parse(v4, &addresses[index].v4) < 0)
		return -1;
	if (!slice_eq_str(v6, "-") && addr_parse(v6, &addresses[index].v6) < 0)
		return -1;
	if (!line.n)
		return 0;
	if (!plan_parse_mac(take_word(&line), addresses[index].mac) || line.n > CONF_IFNAME_MAX)
		return -1;
	memcpy(addresses[index].port, line.p, line.n);
	return 0;
}

static int
note(struct slice line, struct plan_input *in, struct plan_address *addresses)
{
	struct slice what = take_word(&line);

	if (slice_eq_str(what, "container"))
		return note_container(line, in->conf, addresses);
	if (slice_eq_str(what, "gateway"))
		return plan_parse_mac(line, in->bridge_mac) ? 0 : -1;
	if (!slice_eq_str(what, "default") || in->wans.n == PLAN_WANS_MAX ||
		line.n > CONF_IFNAME_MAX)
		return -1;
	memcpy(in->wans.names[in->wans.n++], line.p, line.n);
	return 0;
}

static int
notes(struct slice text, struct plan_input *in, struct plan_address *addresses)
{
	while (text.n > 0) {
		struct slice line = slice_head(text, slice_index(text, '\n'));

		text = slice_skip(text, line.n + 1);
		if (slice_starts(line, SLICE_LIT("#! ")) &&
			note(slice_skip(line, 3), in, addresses) < 0) {
			fprintf(stderr, "note not understood: %.*s\n", SLICE_ARG(line));
			return -1;
		}
	}
	return 0;
}

static int
plan_text(struct slice text, const struct conf *c, struct buf *out, struct err *e)
{
	_free_ struct plan_address *addresses = calloc(c->n_containers + 1, sizeof(*addresses));
	struct plan_input in = {.conf = c, .addresses = addresses};
	struct ruleset r;
	int ret;

	if (!addresses || notes(text, &in, addresses) < 0)
		return err_set(e, "bad notes");
	if (c->wan) {
		snprintf(in.wans.names[0], sizeof(in.wans.names[0]), "%s", c->wan);
		in.wans.n = 1;
	}
	if (plan_build(&in, &r, e) < 0)
		return -1;
	ret = ruleset_print(&r, out, e);
	ruleset_clear(&r);
	return ret;
}

/* The text of one case. 0 or -1, having said why. */
static int
run_case(const char *path, struct buf *out)
{
	_cleanup_(buf_clear) struct buf text;
	struct conf_input in = {.name = path};
	_free_ struct conf_errors *errors = calloc(1, sizeof(*errors));
	struct conf *c;
	struct err e = {0};
	int ret;

	buf_init(&text, TEXT_MAX);
	if (!errors || file_read(path, &text, &e) < 0)
		return -1;
	in.text = buf_slice(&text);
	if (conf_parse(&in, &c, NULL, errors) < 0) {
		fprintf(stderr, "%s:%u: %s\n", path, errors->errors[0].line, errors->errors[0].msg);
		return -1;
	}
	ret = plan_text(in.text, c, out, &e);
	if (ret < 0)
		fprintf(stderr, "%s: %s\n", path, e.msg);
	conf_unref(&c);
	return ret;
}

static int
compare(const char *path, const struct buf *text, bool update)
{
	_cleanup_(buf_clear) struct buf wanted;
	struct err e = {0};

	buf_init(&wanted, TEXT_MAX);
	if (update)
		return file_write_atomic(path, buf_slice(text), 0644, &e);
	if (file_read(path, &wanted, &e) < 0 || !slice_eq(buf_slice(&wanted), buf_slice(text))) {
		fprintf(stderr, "%s differs; what came:\n%.*s", path, SLICE_ARG(buf_slice(text)));
		return -1;
	}
	return 0;
}

static void
check_case(struct golden *golden, const char *folder, struct slice name)
{
	_cleanup_(buf_clear) struct buf text;
	_free_ char *path = NULL, *result = NULL;

	buf_init(&text, TEXT_MAX);
	golden->cases++;
	if (asprintf(&path, "%s/%.*s.conf", folder, SLICE_ARG(name)) < 0 ||
		asprintf(&result, "%s/%.*s.nft", folder, SLICE_ARG(name)) < 0 ||
		run_case(path, &text) < 0 || compare(result, &text, golden->update) < 0)
		golden->failed++;
}

static int
print_one(const char *path)
{
	_cleanup_(buf_clear) struct buf text;

	buf_init(&text, TEXT_MAX);
	if (run_case(path, &text) < 0)
		return 1;
	printf("%.*s", SLICE_ARG(buf_slice(&text)));
	return 0;
}

static int
run_folder(struct golden *golden, const char *folder)
{
	struct dirent **names;
	int n = scandir(folder, &names, NULL, alphasort);

	if (n < 0) {
		perror(folder);
		return 1;
	}
	for (int i = 0; i < n; i++) {
		struct slice name = slice_str(names[i]->d_name);

		if (slice_ends(name, SLICE_LIT(".conf")))
			check_case(golden, folder, slice_head(name, name.n - 5));
		free(names[i]);
	}
	free(names);
	printf("%u cases, %u failed\n", golden->cases, golden->failed);
	return golden->cases == 0 || golden->failed > 0;
}

int
main(int argc, char **argv)
{
	struct golden golden = {0};

	if (argc == 3 && strcmp(argv[1], "--print") == 0)
		return print_one(argv[2]);
	golden.update = argc == 3 && strcmp(argv[1], "--update") == 0;
	if (argc != 2 && !golden.update) {
		fprintf(stderr, "usage: router_golden [--update] FOLDER | --print FILE\n");
		return 2;
	}
	return run_folder(&golden, argv[argc - 1]);
}
