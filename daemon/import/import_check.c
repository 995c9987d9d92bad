/*
 * The last look: the text is parsed as a configuration, and what is refused becomes a comment,
 * until nothing is. So what is printed can be taken as it is.
 */
#include "daemon/import/import.h"

#include "core/own.h"

#include <stdlib.h>
#include <string.h>

/* A listener is asked of every configuration; nobody forwards its port. */
#define FRAME "listen 127.0.0.1:65535 plain\nsite * -> status 404\n"
#define FRAME_LINES 2
#define ROUNDS_MAX 256

static const struct err *
error_of(const struct conf_errors *errors, uint32_t line)
{
	for (size_t i = 0; i < errors->n; i++)
		if (errors->errors[i].line == line + FRAME_LINES)
			return &errors->errors[i];
	return NULL;
}

/* The text again, with each line that is refused (and the block that it opens) as a comment.
 * *ret_changed is whether there was one. */
static int
comment_out(struct slice text, const struct conf_errors *errors, struct buf *out, bool *ret_changed)
{
	uint32_t number = 0;
	bool inside = false;

	*ret_changed = false;
	while (text.n) {
		struct slice line = slice_head(text, slice_index(text, '\n'));
		const struct err *e = error_of(errors, ++number);

		text = slice_skip(text, line.n + 1);
		if (e && !inside) {
			*ret_changed = true;
			inside = slice_ends(line, SLICE_LIT("{"));
			if (buf_printf(out, "# NOT IMPORTED, %s:\n# ", e->msg) < 0)
				return -1;
		} else if (inside) {
			inside = !slice_eq_str(line, "}");
			if (buf_append_str(out, "# ") < 0)
				return -1;
		}
		if (buf_append_slice(out, line) < 0 || buf_append_byte(out, '\n') < 0)
			return -1;
	}
	return 0;
}

static int
parse(struct slice text, struct conf_errors *errors)
{
	_cleanup_(buf_clear) struct buf whole;
	struct conf_input in = {.name = "imported"};
	struct conf *c = NULL;
	int rc;

	buf_init(&whole, IMPORT_OUTPUT_MAX + sizeof(FRAME));
	*errors = (struct conf_errors){0};
	if (buf_append_str(&whole, FRAME) < 0 || buf_append_slice(&whole, text) < 0)
		return -1;
	in.text = buf_slice(&whole);
	rc = conf_parse(&in, &c, NULL, errors);
	conf_unref(&c);
	return rc;
}

int
import_check(struct slice text, struct buf *out, struct err *e)
{
	_free_ struct conf_errors *errors = calloc(1, sizeof(*errors));
	_cleanup_(buf_clear) struct buf now, next;
	bool changed = true;

	buf_init(&now, IMPORT_OUTPUT_MAX);
	buf_init(&next, IMPORT_OUTPUT_MAX);
	if (!errors || buf_append_slice(&now, text) < 0)
		return err_set(e, "out of memory");
	for (unsigned round = 0; round < ROUNDS_MAX && changed; round++) {
		struct buf swap = now;

		if (parse(buf_slice(&now), errors) == 0)
			return buf_append_slice(out, buf_slice(&now)) < 0
				       ? err_set(e, "there is too much to be imported")
				       : 0;
		buf_reset(&next);
		if (comment_out(buf_slice(&now), errors, &next, &changed) < 0)
			break;
		now = next;
		next = swap;
	}
	return err_set(e, "what was imported is no configuration: %s", errors->errors[0].msg);
}
