/*
 * The command line of `sluice` (one word a line) and everything that it parses of an answer: what
 * the daemon sends, and what a user types, may be anything.
 */
#include "core/own.h"
#include "daemon/control/control_route.h"
#include "daemon/ctl/ctl_client.h"
#include "daemon/ctl/ctl_commands.h"
#include "daemon/ctl/ctl_help.h"
#include "daemon/ctl/ctl_show.h"
#include "tests/fuzz/require.h"

#include <stdint.h>

#define WORDS_MAX 64
#define OUTPUT_MAX (1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Cuts the text at its line breaks. */
static int
split(char *text, char **words)
{
	int n = 0;

	while (*text && n < WORDS_MAX) {
		char *end = strchr(text, '\n');

		words[n++] = text;
		if (!end)
			break;
		*end = '\0';
		text = end + 1;
	}
	return n;
}

static void
fuzz_line(int argc, char **argv)
{
	struct ctl_line line;
	struct err e = {0};
	struct buf out;
	bool names;

	buf_init(&out, OUTPUT_MAX);
	if (ctl_parse(argc, argv, &line, &e) == 0) {
		REQUIRE(line.command < CTL_COUNT);
		REQUIRE(!line.dashes || line.dashes_at <= line.n_args);
		(void)!ctl_print_help(&line, &out);
		free(line.args);
	} else {
		REQUIRE(e.msg[0]);
	}
	(void)!ctl_complete(argc, argv, &out, &names);
	buf_clear(&out);
}

static void
fuzz_answer(struct slice bytes)
{
	struct control_match match;
	const char *allow;
	size_t length;
	bool chunked;
	int status;
	struct err e;

	if (ctl_parse_head(bytes, &status, &chunked, &length) == 0)
		REQUIRE(status >= 100 && status <= 599);
	ctl_parse_error_line(bytes, &e);
	REQUIRE(e.line == 0 || e.file[0]);
	if (control_route(SLICE_LIT("POST"), bytes, &match, &allow) == 0)
		REQUIRE(match.endpoint < CONTROL_ENDPOINT_COUNT);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_free_ char *text = malloc(size + 1);
	char *words[WORDS_MAX];

	if (!text)
		return 0;
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	fuzz_answer(slice_of(data, size));
	fuzz_line(split(text, words), words);
	return 0;
}
