/*
 * The words of `sluice` for people: usage, help, and suggestions for what is no command.
 */
#include "daemon/ctl/ctl_help.h"

#include "conf/conf.h"
#include "conf/suggest.h"
#include "core/own.h"

#include <stdio.h>
#include <string.h>

#define WIDTH 44 /* of the left column of the usage text */
#define NAME_MAX_SHOWN 60

/* What other programs call it. */
static const struct {
	const char *words, *hint;
} foreign[] = {
	{"attach", "sluice container exec NAME -- sh"},
	{"container attach", "sluice container exec NAME -- sh"},
	{"container create", "containers are made when the file names them, by sluice reload"},
	{"container destroy", "nothing here destroys a container; see lxc-destroy(1)"},
	{"container rm", "nothing here destroys a container; see lxc-destroy(1)"},
	{"container list", "sluice container ls"},
	{"container unfreeze", "sluice container thaw NAME"},
	{"configtest", "sluice check"},
	{"console", "sluice container console NAME"},
	{"create", "containers are made when the file names them, by sluice reload"},
	{"enter", "sluice container exec NAME -- sh"},
	{"exec", "sluice container exec NAME -- COMMAND"},
	{"freeze", "sluice container freeze NAME"},
	{"list", "sluice container ls"},
	{"logs", "sluice events, or journalctl -u sluice"},
	{"ls", "sluice container ls"},
	{"ps", "sluice container ls"},
	{"purge", "sluice cache purge URL"},
	{"restart", "sluice reload, sluice upgrade, or sluice container restart NAME"},
	{"shell", "sluice container exec NAME -- sh"},
	{"show", "sluice config show"},
	{"start", "sluice container start NAME; the daemon: systemctl start sluice"},
	{"stop", "sluice container stop NAME; the daemon: sluice quit, or sluice shutdown"},
	{"test", "sluice check"},
	{"thaw", "sluice container thaw NAME"},
	{"unban", "sluice ban rm ADDRESS"},
	{"unfreeze", "sluice container thaw NAME"},
};

/* Characters, not bytes: the table says "…". */
static int
width_of(const char *s)
{
	int n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

static int
print_row(enum ctl_command command, struct buf *out)
{
	const struct ctl_row *row = ctl_row(command);
	int width = width_of(row->words) + 1 + width_of(row->arguments);
	int pad = width < WIDTH ? WIDTH - width : 1;

	return buf_printf(out, "  %s %s%*s%s\n", row->words, row->arguments, pad, "", row->what);
}

static int
print_options(struct buf *out)
{
	return buf_printf(out,
		"\n  -s SOCKET   the daemon's control socket (%s)\n"
		"  --json      print the daemon's answer as it is\n"
		"  -h, --help  what the command does; it is not carried out\n\n"
		"exit status: 0 done, 1 failed, 2 wrong usage, 3 the daemon does not answer,\n"
		"4 no right to ask it; of `exec` the command's\n",
		CONF_DEFAULT_CONTROL);
}

int
ctl_print_usage(struct buf *out)
{
	if (buf_append_str(out, "usage: sluice [-s SOCKET] [--json] COMMAND\n\n") < 0)
		return -1;
	for (int i = 0; i < CTL_COUNT; i++)
		if (i != CTL_COMPLETE && print_row((enum ctl_command)i, out) < 0)
			return -1;
	return print_options(out);
}

static int
print_one(enum ctl_command command, struct buf *out)
{
	const struct ctl_row *row = ctl_row(command);

	return buf_printf(out, "usage: sluice %s%s%s\n\n%s; see sluice(1)\n", row->words,
		row->arguments[0] ? " " : "", row->arguments, row->what);
}

/* Whether the command is of two words, and this the first of them. */
static bool
is_of_group(enum ctl_command command, const char *word)
{
	size_t n = strlen(word);

	return strncmp(ctl_row(command)->words, word, n) == 0 && ctl_row(command)->words[n] == ' ';
}

static bool
is_group(const char *word)
{
	for (int i = 0; i < CTL_COUNT; i++)
		if (is_of_group((enum ctl_command)i, word))
			return true;
	return false;
}

static int
print_group(const char *word, struct buf *out)
{
	if (buf_printf(out, "usage: sluice %s COMMAND\n\n", word) < 0)
		return -1;
	for (int i = 0; i < CTL_COUNT; i++)
		if ((is_of_group((enum ctl_command)i, word) ||
			    strcmp(ctl_row((enum ctl_command)i)->words, word) == 0) &&
			print_row((enum ctl_command)i, out) < 0)
			return -1;
	return 0;
}

/* A command of one word may be the first word of others, too. */
static int
print_about(enum ctl_command command, struct buf *out)
{
	const char *words = ctl_row(command)->words;

	return is_group(words) ? print_group(words, out) : print_one(command, out);
}

int
ctl_print_help(const struct ctl_line *line, struct buf *out)
{
	enum ctl_command command;

	if (line->help_of >= 0)
		return print_about((enum ctl_command)line->help_of, out);
	if (line->n_args > 0 && ctl_find((int)line->n_args, line->args, &command) > 0)
		return print_about(command, out);
	if (line->n_args > 0 && is_group(line->args[0]))
		return print_group(line->args[0], out);
	return ctl_print_usage(out);
}

/* "ls, start or stop": the commands of a group. */
static void
name_group(const char *word, char *out, size_t out_size)
{
	size_t n = 0, left = 0;

	for (int i = 0; i < CTL_COUNT; i++)
		left += is_of_group((enum ctl_command)i, word);
	out[0] = '\0';
	for (int i = 0; i < CTL_COUNT && n < out_size; i++) {
		if (!is_of_group((enum ctl_command)i, word))
			continue;
		left--;
		n += (size_t)snprintf(out + n, out_size - n, "%s%s",
			ctl_row((enum ctl_command)i)->words + strlen(word) + 1,
			left > 1    ? ", "
			: left == 1 ? " or "
				    : "");
	}
}

static const char *
foreign_hint(const char *words)
{
	for (size_t i = 0; i < ARRAY_SIZE(foreign); i++)
		if (strcmp(foreign[i].words, words) == 0)
			return foreign[i].hint;
	return NULL;
}

/* The command nearest to these words, or NULL. */
static const char *
nearest(const char *words)
{
	unsigned best = SUGGEST_NONE;
	const char *found = NULL;

	for (int i = 0; i < CTL_COUNT; i++)
		if (i != CTL_COMPLETE &&
			suggest_better(slice_str(words),
				slice_str(ctl_row((enum ctl_command)i)->words), &best))
			found = ctl_row((enum ctl_command)i)->words;
	return found;
}

int
ctl_unknown(int argc, char *const *argv, struct err *e)
{
	char words[2 * NAME_MAX_SHOWN + 2], group[128];
	const char *hint;

	if (argc == 0)
		return err_set(e, "what shall be done? See `sluice help`");
	if (argv[0][0] == '-')
		return err_set(e, "unknown option %s; see `sluice help`", argv[0]);
	if (argc == 1 && is_group(argv[0])) {
		name_group(argv[0], group, sizeof(group));
		return err_set(e, "`sluice %s` needs a further word: %s", argv[0], group);
	}
	(void)snprintf(words, sizeof(words), "%.*s%s%.*s", NAME_MAX_SHOWN, argv[0],
		argc > 1 ? " " : "", argc > 1 ? NAME_MAX_SHOWN : 0, argc > 1 ? argv[1] : "");
	hint = foreign_hint(words);
	if (!hint)
		hint = foreign_hint(argv[0]);
	if (hint)
		return err_set(e, "unknown command \"%s\"; here it is: %s", words, hint);
	hint = nearest(words);
	if (!hint && !is_group(argv[0]))
		hint = nearest(argv[0]);
	if (hint)
		return err_set(e, "unknown command \"%s\"; did you mean \"%s\"?", words, hint);
	if (is_group(argv[0])) {
		name_group(argv[0], group, sizeof(group));
		return err_set(
			e, "unknown command \"%s\"; behind %s may stand %s", words, argv[0], group);
	}
	return err_set(e, "unknown command \"%s\"; see `sluice help`", words);
}
