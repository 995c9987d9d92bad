/* Policies are kept as small configurations: what is compared, put on disk and planned is one
 * thing. */
#include "router/trial.h"

#include "core/own.h"
#include "router/input.h"

#include <stdlib.h>

#define CONFIRMED_LINE "confirmed\n"
#define TRIED_LINE "tried\n"

enum trial_verdict
trial_judge(const struct trial *t, const struct conf *offered, bool first)
{
	if (!input_narrows(t->confirmed, offered))
		return TRIAL_ADOPT;
	if (first)
		return t->tried && input_same(t->tried, offered) ? TRIAL_BACK : TRIAL_TRY;
	if (t->state == TRIAL_RUNNING && t->tried && input_same(t->tried, offered))
		return TRIAL_GO_ON;
	return TRIAL_TRY;
}

static void
set_policy(struct conf **at, struct conf *policy)
{
	conf_unref(at);
	*at = policy;
}

bool
trial_take(struct trial *t, enum trial_verdict verdict, struct conf *offered, uint64_t until_ms)
{
	bool changed = true;

	switch (verdict) {
	case TRIAL_ADOPT:
		changed = t->tried || !input_same(t->confirmed, offered);
		t->state = TRIAL_SETTLED;
		set_policy(&t->confirmed, offered);
		conf_unref(&t->tried);
		return changed;
	case TRIAL_TRY:
		t->state = TRIAL_RUNNING;
		t->until_ms = until_ms;
		set_policy(&t->tried, offered);
		return true;
	case TRIAL_GO_ON:
		break;
	case TRIAL_BACK:
		t->state = TRIAL_ROLLED_BACK;
		break;
	}
	conf_unref(&offered);
	return false;
}

int
trial_confirm(struct trial *t)
{
	if (t->state != TRIAL_RUNNING)
		return -1;
	t->state = TRIAL_SETTLED;
	set_policy(&t->confirmed, t->tried);
	t->tried = NULL;
	return 0;
}

void
trial_expire(struct trial *t)
{
	if (t->state == TRIAL_RUNNING)
		t->state = TRIAL_ROLLED_BACK;
}

void
trial_clear(struct trial *t)
{
	conf_unref(&t->confirmed);
	conf_unref(&t->tried);
	*t = (struct trial){.state = TRIAL_SETTLED};
}

/* ---- text ---- */

static int
parse_policy(struct slice text, struct conf **ret, struct err *e)
{
	struct conf_input in = {.name = "policy", .text = text, .part = true};
	_free_ struct conf_errors *errors = calloc(1, sizeof(*errors));

	if (!errors)
		return err_set(e, "out of memory");
	if (conf_parse(&in, ret, NULL, errors) == 0)
		return 0;
	if (e)
		*e = errors->errors[0];
	return -1;
}

/* `wan` and the `open` lines. */
static int
write_policy(const struct conf *c, struct buf *out, struct err *e)
{
	struct conf part = {.wan = c->wan, .opens = c->opens};

	part.opens.confirm_ordinal = 0;
	return conf_print(&part, out, NULL, NULL, e);
}

int
trial_policy(const struct conf *c, struct conf **ret, struct err *e)
{
	_cleanup_(buf_clear) struct buf text = {0};

	buf_init(&text, TRIAL_TEXT_MAX);
	if (write_policy(c, &text, e) < 0)
		return -1;
	return parse_policy(buf_slice(&text), ret, e);
}

int
trial_print(const struct trial *t, struct buf *out, struct err *e)
{
	if (buf_append_str(out, CONFIRMED_LINE) < 0)
		return err_set(e, "out of memory");
	if (t->confirmed && write_policy(t->confirmed, out, e) < 0)
		return -1;
	if (!t->tried)
		return 0;
	if (buf_append_str(out, TRIED_LINE) < 0)
		return err_set(e, "out of memory");
	return write_policy(t->tried, out, e);
}

/* Where the line begins; the text's end when it is not there. */
static size_t
find_line(struct slice text, struct slice line)
{
	size_t at = 0;

	while (at < text.n && !slice_starts(slice_skip(text, at), line))
		at += slice_index(slice_skip(text, at), '\n') + 1;
	return at < text.n ? at : text.n;
}

int
trial_parse(struct slice text, struct trial *t, struct err *e)
{
	struct slice confirmed = SLICE_LIT(CONFIRMED_LINE), tried = SLICE_LIT(TRIED_LINE);
	struct trial read = {.state = TRIAL_SETTLED};
	size_t at = find_line(text, tried);

	if (text.n && !slice_starts(text, confirmed))
		return err_set(e, "it does not begin with the word confirmed");
	if (text.n &&
		parse_policy(slice_skip(slice_head(text, at), confirmed.n), &read.confirmed, e) < 0)
		return -1;
	if (at < text.n && parse_policy(slice_skip(text, at + tried.n), &read.tried, e) < 0) {
		trial_clear(&read);
		return -1;
	}
	trial_clear(t);
	*t = read;
	return 0;
}
