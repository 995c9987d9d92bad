/*
 * The command line of `sluice`, understood by its table. Pure: knows no socket.
 */
#include "daemon/ctl/ctl_commands.h"

#include "conf/conf.h"
#include "core/own.h"
#include "daemon/ctl/ctl_help.h"

#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 2 /* of a command */

static const struct ctl_row rows[CTL_COUNT] = {
#define ROW(id, words, arguments, what) {words, arguments, what},
	CTL_TABLE(ROW)
#undef ROW
};

const struct ctl_row *
ctl_row(enum ctl_command command)
{
	return &rows[command];
}

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

int
ctl_find(int argc, char *const *argv, enum ctl_command *ret)
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

	if (command == CTL_COMPLETE || command == CTL_HELP)
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

/* Whether the command has this option: its arguments name it. */
static bool
knows_option(enum ctl_command command, const char *option)
{
	size_t n = strlen(option);

	for (const char *at = strstr(rows[command].arguments, option); at;
		at = strstr(at + 1, option))
		if (strchr(" |]", at[n])) /* which its end is, too */
			return true;
	return false;
}

/* A word that begins with "-" in front of `--` is an option, never a name or a file. */
static int
check_options(const struct ctl_line *line, struct err *e)
{
	size_t before = line->dashes ? line->dashes_at : line->n_args;
	const struct ctl_row *row = &rows[line->command];

	for (size_t i = 0; i < before && line->command != CTL_COMPLETE; i++)
		if (line->args[i][0] == '-' && line->args[i][1] &&
			!knows_option(line->command, line->args[i]))
			return err_set(e, "unknown option %s; usage: sluice %s%s%s", line->args[i],
				row->words, row->arguments[0] ? " " : "", row->arguments);
	return 0;
}

/* What stands anywhere in front of `--`: takes the option at argv[i]. The words taken, 0 when it is
 * none of ours, -1. */
static int
take_option(int argc, char *const *argv, struct ctl_line *line, struct err *e)
{
	if (strcmp(argv[0], "--json") == 0) {
		line->json = true;
		return 1;
	}
	if (strcmp(argv[0], "-h") == 0 || strcmp(argv[0], "--help") == 0) {
		line->help = true;
		return 1;
	}
	if (strcmp(argv[0], "-s") != 0)
		return 0;
	if (argc < 2)
		return err_set(e, "-s needs a socket: sluice -s SOCKET COMMAND");
	line->socket = argv[1];
	line->socket_given = true;
	return 2;
}

/* The words of argv that are no options of ours, into line->args, which has room. 0 or -1. What
 * follows `complete` is somebody else's line. */
static int
take_words(int argc, char *const *argv, struct ctl_line *line, struct err *e)
{
	bool theirs = false;

	for (int i = 0; i < argc; i++) {
		int taken = theirs ? 0 : take_option(argc - i, argv + i, line, e);

		if (taken < 0)
			return -1;
		if (taken > 0) {
			i += taken - 1;
			continue;
		}
		if (!theirs && strcmp(argv[i], "--") == 0) {
			line->dashes = theirs = true;
			line->dashes_at = line->n_args;
			continue;
		}
		theirs = theirs || (line->n_args == 0 && strcmp(argv[i], "complete") == 0);
		line->args[line->n_args++] = argv[i];
	}
	return 0;
}

/* Takes the command's own words off line->args. */
static void
drop_words(struct ctl_line *line, size_t n)
{
	memmove(line->args, line->args + n, (line->n_args - n + 1) * sizeof(*line->args));
	line->n_args -= n;
	if (line->dashes)
		line->dashes_at -= n < line->dashes_at ? n : line->dashes_at;
}

static int
parse_words(struct ctl_line *line, struct err *e)
{
	size_t before = line->dashes ? line->dashes_at : line->n_args;
	int n = ctl_find(
		(int)(before < WORDS_MAX ? before : WORDS_MAX), line->args, &line->command);

	if (n == 0 && before > 0 && strcmp(line->args[0], "--version") == 0) {
		line->command = CTL_VERSION;
		drop_words(line, 1);
		n = 1;
	} else if (n > 0) {
		drop_words(line, (size_t)n);
	}
	/* `sluice help container start` is `sluice container start --help`. */
	if (line->help || (n > 0 && line->command == CTL_HELP)) {
		line->help_of = n > 0 && line->command != CTL_HELP ? (int)line->command : -1;
		line->command = CTL_HELP;
		return 0;
	}
	if (n == 0)
		return ctl_unknown((int)before, line->args, e);
	if (check_options(line, e) < 0)
		return -1;
	if (takes(line->command, line))
		return 0;
	return err_set(e, "usage: sluice %s%s%s", rows[line->command].words,
		rows[line->command].arguments[0] ? " " : "", rows[line->command].arguments);
}

int
ctl_parse(int argc, char *const *argv, struct ctl_line *ret, struct err *e)
{
	struct ctl_line line = {.socket = CONF_DEFAULT_CONTROL, .help_of = -1};

	line.args = calloc((size_t)argc + 1, sizeof(char *));
	if (!line.args)
		return err_set(e, "out of memory");
	if (take_words(argc, argv, &line, e) < 0 || parse_words(&line, e) < 0) {
		free(line.args);
		return -1;
	}
	*ret = line;
	return 0;
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

/* The options that the command's arguments name. */
static int
complete_options(enum ctl_command command, struct buf *out)
{
	const char *at = rows[command].arguments;

	while ((at = strstr(at, "--"))) {
		size_t n = strcspn(at, " |]");

		if (n > 2 && buf_printf(out, "%.*s\n", (int)n, at) < 0)
			return -1;
		at += n;
	}
	return 0;
}

/* What may stand behind so many arguments, names of containers apart. */
static int
complete_argument(enum ctl_command command, size_t n_before, struct buf *out)
{
	bool bans = command == CTL_BAN_ADD || command == CTL_BAN;

	if (n_before == 0 && complete_options(command, out) < 0)
		return -1;
	if (command == CTL_IMPORT && n_before == 0)
		return buf_append_str(out, "iptables\nnft\nlxc-net\n");
	if (command == CTL_CONTAINER_EXEC && n_before == 1)
		return buf_append_str(out, "--\n");
	if (bans && n_before == 1)
		return buf_append_str(out, "for\n");
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
	n = ctl_find(argc, argv, &command);
	if (n > 0 && command == CTL_HELP)
		return argc == n ? complete_first(out) : complete_second(argv[n], out);
	if (argc == 1 && complete_second(argv[0], out) < 0)
		return -1;
	if (n == 0)
		return 0;
	*ret_names = (strncmp(rows[command].arguments, "NAME", 4) == 0 ||
			     strcmp(rows[command].arguments, "[NAME]") == 0) &&
		     (argc == n || strstr(rows[command].arguments, "NAME…"));
	return complete_argument(command, (size_t)(argc - n), out);
}
