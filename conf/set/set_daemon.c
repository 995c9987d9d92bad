/* Directives of the top level about the daemon itself: control, state, lxc-path, threads, log. */
#include "conf/setters.h"

#include "conf/parse.h"
#include "conf/value.h"

#include <sys/un.h>

#define THREADS_MAX 64
#define EXEC_SUFFIX ".exec"

int
set_control(struct parse *p, const struct directive *d)
{
	const size_t max = sizeof(((struct sockaddr_un *)NULL)->sun_path) - sizeof(EXEC_SUFFIX);
	const struct word *path = &d->words[1];
	int value;

	p->conf->control_ordinal = d->ordinal;
	if (path->text.n > max)
		return parse_error(p, path, "the socket's path is longer than %zu bytes", max);
	if (path->text.n && path->text.p[path->text.n - 1] == '/')
		return parse_error(
			p, path, "\"%.*s\" is a folder; name the socket in it", WORD_ARG(path));
	if (word_read_file(p, path, &p->conf->control_path) < 0)
		return -1;
	if (d->n == 2)
		return 0;
	if (word_read_word(p, "control", &d->words[2], &value) < 0)
		return -1;
	if (d->n == 3)
		return parse_error(p, &d->words[2], "the name of the group is missing");
	return word_read_checked(
		p, &d->words[3], value_group(d->words[3].text), &p->conf->control_group);
}

int
set_state(struct parse *p, const struct directive *d)
{
	p->conf->state_ordinal = d->ordinal;
	return word_read_file(p, &d->words[1], &p->conf->state_path);
}

int
set_lxc_path(struct parse *p, const struct directive *d)
{
	p->conf->lxc_path_ordinal = d->ordinal;
	return word_read_file(p, &d->words[1], &p->conf->lxc_path);
}

int
set_threads(struct parse *p, const struct directive *d)
{
	static const uint64_t range[2] = {1, THREADS_MAX};
	uint64_t threads = 0;

	p->conf->threads_ordinal = d->ordinal;
	if (!slice_eq_str(d->words[1].text, "auto") &&
		word_read_number(p, &d->words[1], range, &threads) < 0)
		return -1;
	p->conf->threads = (uint32_t)threads;
	return 0;
}

/* ---- log ---- */

enum log_topic { LOG_TOPIC_ACCESS, LOG_TOPIC_LEVEL, LOG_TOPIC_FORMAT };

static int
set_log_access(struct parse *p, const struct directive *d)
{
	int format = CONF_ACCESS_COMBINED;

	if (word_read_file(p, &d->words[2], &p->conf->access_log) < 0)
		return -1;
	if (d->n > 3 && word_read_word(p, "log access", &d->words[3], &format) < 0)
		return -1;
	p->conf->access_format = (enum conf_access_format)format;
	return 0;
}

static int
set_log_level(struct parse *p, const struct directive *d)
{
	int level;

	if (word_read_word(p, "log level", &d->words[2], &level) < 0)
		return -1;
	p->conf->log_level = (enum log_level)level;
	return 0;
}

static int
set_log_format(struct parse *p, const struct directive *d)
{
	int format;

	if (word_read_word(p, "log format", &d->words[2], &format) < 0)
		return -1;
	p->conf->log_format = (enum log_format)format;
	return 0;
}

int
set_log(struct parse *p, const struct directive *d)
{
	struct conf *c = p->conf;
	uint32_t *const ordinals[] = {
		[LOG_TOPIC_ACCESS] = &c->access_ordinal,
		[LOG_TOPIC_LEVEL] = &c->log_level_ordinal,
		[LOG_TOPIC_FORMAT] = &c->log_format_ordinal,
	};
	char where[PARSE_WHERE_MAX];
	int topic;

	if (word_read_word(p, "log", &d->words[1], &topic) < 0)
		return -1;
	if (*ordinals[topic])
		return parse_error(p, &d->words[1], "\"log %.*s\" stands here already, %s",
			WORD_ARG(&d->words[1]),
			parse_where(p, *ordinals[topic], d->ordinal, where));
	*ordinals[topic] = d->ordinal;
	if (topic == LOG_TOPIC_ACCESS)
		return set_log_access(p, d);
	if (d->n > 3)
		return parse_error(p, &d->words[3], "\"log %.*s\" takes one word only",
			WORD_ARG(&d->words[1]));
	return topic == LOG_TOPIC_LEVEL ? set_log_level(p, d) : set_log_format(p, d);
}
