/*
 * The command line of `sluice`, understood by its table. Pure: knows no socket.
 */
#include "daemon/ctl_commands.h"

#include "conf/conf.h"
#include "core/own.h"

#include <stdio.h>
#include <string.h>

#define WORDS_MAX 2 /* of a command */
#define WIDTH 44    /* of the left column of the usage text */

struct row {
	const char *words, *arguments, *what;
};

static const struct row rows[] = {
#define ROW(id, words, arguments, what) {words, arguments, what},
	CTL_TABLE(ROW)
#undef ROW
};

const char *
ctl_verb(enum ctl_command command)
{
	const char *space = strchr(rows[command].words, ' ');

	return space ? space + 1 : rows[command].words;
}

/* How many of argv's words are those of the command; 0: they are others. */
static int
match_words(const char *words, int argc, char *const *argv)
{
	struct slice rest = slice_str(words);
	int n = 0;

	while (rest.n > 0) {
		struct slice word = slice_head(rest, slice_index(rest, ' '));

		if (n >= argc || !slice_eq_str(word, argv[n]))
			return 0;
		rest = slice_skip(rest, word.n + 1);
		n++;
	}
	return n;
}

static int
find_command(int argc, char *const *argv, enum ctl_command *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int n = match_words(rows[i].words, argc, argv);

		if (n > 0) {
			*ret = (enum ctl_command)i;
			return n;
		}
	}
	return 0;
}

/* Whether a number of arguments (those behind `--` apart) is right for the command. */
static bool
takes(enum ctl_command command, const struct ctl_line *line)
{
	size_t before = line->dashes ? line->dashes_at : line->n_args;
	size_t behind = line->n_args - before;
	const char *arguments = rows[command].arguments;

	if (command == CTL_COMPLETE)
		return true;
	if (command == CTL_CACHE_PURGE)
		return !line->dashes && (before == 1 || before == 2);
	if (command == CTL_UPGRADE)
		return !line->dashes && before <= 3;
	if (command == CTL_CONTAINER_EXEC)
		return line->dashes && before == 1 && behind >= 1;
	if (line->dashes && behind > 0)
		return false;
	if (arguments[0] == '\0')
		return before == 0;
	/* All words of the brackets, or none, behind those in front of them. */
	if (strchr(arguments, '[')) {
		size_t needed = 0;

		for (const char *at = arguments; *at != '['; at++)
			needed += *at == ' ';
		return before == needed ||
		       before == needed + (strchr(strchr(arguments, '['), ' ') ? 2 : 1);
	}
	return strstr(arguments, "…") ? before >= 1 : before == 1;
}

/* Options that stand for commands. */
static bool
asks_about_us(const char *option)
{
	return strcmp(option, "--help") == 0 || strcmp(option, "-h") == 0 ||
	       strcmp(option, "--version") == 0;
}

/* Options before the command. Returns the number of words taken, or -1. */
static int
parse_options(int argc, char *const *argv, struct ctl_line *line, struct err *e)
{
	int i = 0;

	while (i < argc && argv[i][0] == '-') {
		if (strcmp(argv[i], "--json") == 0) {
			line->json = true;
			i++;
		} else if (strcmp(argv[i], "-s") == 0 && i + 1 < argc) {
			line->socket = argv[i + 1];
			i += 2;
		} else if (asks_about_us(argv[i])) {
			return i;
		} else {
			return err_set(e, "unknown option %s; see `sluice help`", argv[i]);
		}
	}
	return i;
}

static void
unknown_command(int argc, char *const *argv, struct err *e)
{
	bool group = false;

	if (argc == 0) {
		err_set(e, "what shall be done? See `sluice help`");
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		group = group || (strncmp(rows[i].words, argv[0], strlen(argv[0])) == 0 &&
					 rows[i].words[strlen(argv[0])] == ' ');
	err_set(e, "unknown command \"%s%s%s\"; see `sluice help`", argv[0],
		group && argc > 1 ? " " : "", group && argc > 1 ? argv[1] : "");
}

/* The words behind the command: `--json` may stand anywhere before `--`. */
static int
take_arguments(int argc, char *const *argv, struct ctl_line *line)
{
	line->args = calloc((size_t)argc + 1, sizeof(char *));
	if (!line->args)
		return -1;
	for (int i = 0; i < argc; i++) {
		if (!line->dashes && strcmp(argv[i], "--") == 0) {
			line->dashes = true;
			line->dashes_at = line->n_args;
		} else if (!line->dashes && strcmp(argv[i], "--json") == 0 &&
			   line->command != CTL_COMPLETE) {
			line->json = true;
		} else {
			line->args[line->n_args++] = argv[i];
		}
	}
	return 0;
}

/* A command of two words with `--json` between them still is that command. */
static int
parse_command(int argc, char *const *argv, struct ctl_line *line, struct err *e)
{
	char *words[WORDS_MAX] = {NULL};
	int at[WORDS_MAX] = {0}, n = 0, taken;

	for (int i = 0; i < argc && n < WORDS_MAX && strcmp(argv[i], "--") != 0; i++) {
		if (strcmp(argv[i], "--json") == 0)
			continue;
		at[n] = i;
		words[n++] = argv[i];
	}
	taken = find_command(n, words, &line->command);
	if (taken == 0) {
		unknown_command(n, words, e);
		return -1;
	}
	for (int i = 0; i < at[taken - 1]; i++)
		line->json = line->json || strcmp(argv[i], "--json") == 0;
	return at[taken - 1] + 1;
}

int
ctl_parse(int argc, char *const *argv, struct ctl_line *ret, struct err *e)
{
	struct ctl_line line = {.socket = CONF_DEFAULT_CONTROL};
	int n = parse_options(argc, argv, &line, e);

	if (n < 0)
		return -1;
	if (n < argc && argv[n][0] == '-') {
		line.command = strcmp(argv[n], "--version") == 0 ? CTL_VERSION : CTL_HELP;
		*ret = line;
		return 0;
	}
	argc -= n;
	argv += n;
	n = parse_command(argc, argv, &line, e);
	if (n < 0)
		return -1;
	if (take_arguments(argc - n, argv + n, &line) < 0) {
		err_set(e, "out of memory");
		return -1;
	}
	if (!takes(line.command, &line)) {
		err_set(e, "usage: sluice %s%s%s", rows[line.command].words,
			rows[line.command].arguments[0] ? " " : "", rows[line.command].arguments);
		free(line.args);
		return -1;
	}
	*ret = line;
	return 0;
}

/* Characters, not bytes: the table says "…". */
static int
width_of(const char *s)
{
	int n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

int
ctl_print_usage(struct buf *out)
{
	if (buf_append_str(out, "usage: sluice [-s SOCKET] [--json] COMMAND\n\n") < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int width = width_of(rows[i].words) + 1 + width_of(rows[i].arguments);
		int pad = width < WIDTH ? WIDTH - width : 1;

		if (i == CTL_COMPLETE)
			continue;
		if (buf_printf(out, "  %s %s%*s%s\n", rows[i].words, rows[i].arguments, pad, "",
			    rows[i].what) < 0)
			return -1;
	}
	return buf_printf(out,
		"\n  -s SOCKET   the daemon's control socket (%s)\n"
		"  --json      print the daemon's answer as it is\n\n"
		"exit status: 0 done, 1 failed, 2 wrong usage, 3 the daemon does not answer,\n"
		"4 no right to ask it; of `exec` the command's\n",
		CONF_DEFAULT_CONTROL);
}

/* Whether a first word was printed already, as of another row. */
static bool
seen_before(size_t row, struct slice word)
{
	for (size_t i = 0; i < row; i++) {
		struct slice other = slice_str(rows[i].words);

		if (slice_eq(slice_head(other, slice_index(other, ' ')), word))
			return true;
	}
	return false;
}

static int
complete_first(struct buf *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct slice words = slice_str(rows[i].words);
		struct slice first = slice_head(words, slice_index(words, ' '));

		if (i == CTL_COMPLETE || seen_before(i, first))
			continue;
		if (buf_printf(out, "%.*s\n", SLICE_ARG(first)) < 0)
			return -1;
	}
	return buf_append_str(out, "-s\n--json\n");
}

static int
complete_second(const char *first, struct buf *out)
{
	size_t n = strlen(first);

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (strncmp(rows[i].words, first, n) == 0 && rows[i].words[n] == ' ' &&
			buf_printf(out, "%s\n", rows[i].words + n + 1) < 0)
			return -1;
	return 0;
}

int
ctl_complete(int argc, char *const *argv, struct buf *out, bool *ret_names)
{
	enum ctl_command command;
	int n;

	*ret_names = false;
	while (argc > 0 && argv[0][0] == '-') {
		int taken = strcmp(argv[0], "-s") == 0 ? 2 : 1;

		if (taken > argc)
			return 0;
		argc -= taken;
		argv += taken;
	}
	if (argc == 0)
		return complete_first(out);
	n = find_command(argc, argv, &command);
	if (n == 0)
		return argc == 1 ? complete_second(argv[0], out) : 0;
	*ret_names = (strncmp(rows[command].arguments, "NAME", 4) == 0 ||
			     strcmp(rows[command].arguments, "[NAME]") == 0) &&
		     (argc == n || strstr(rows[command].arguments, "NAME…"));
	if (command == CTL_CONTAINER_EXEC && argc == n + 1)
		return buf_append_str(out, "--\n");
	if ((command == CTL_BAN_ADD || command == CTL_BAN) && argc == n + 1)
		return buf_append_str(out, "for\n");
	return 0;
}
