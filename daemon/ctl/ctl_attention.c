/* The lines at the head of `sluice status`: what is not as it should be. */
#include "daemon/ctl/ctl_attention.h"

#include "daemon/ctl/ctl_table.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#define DATE_MAX 16
#define LINES_MAX (1024 * 1024)

static const char *
text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

/* One line: "certificate default expires soon". */
static int
add_line(struct buf *out, const char *kind, const json_t *object, const char *what)
{
	if (buf_printf(out, "%s ", kind) < 0 ||
		ctl_value_print(json_object_get(object, "name"), out) < 0)
		return -1;
	return buf_printf(out, " %s", what);
}

static int
end_line(struct buf *out)
{
	return buf_append_byte(out, '\n');
}

/* " (2026-12-01)" */
static int
add_date(const json_t *certificate, struct buf *out)
{
	time_t seconds =
		(time_t)(json_integer_value(json_object_get(certificate, "expires")) / 1000);
	char text[DATE_MAX];
	struct tm tm;

	if (seconds <= 0 || !localtime_r(&seconds, &tm) ||
		strftime(text, sizeof(text), "%Y-%m-%d", &tm) == 0)
		return 0;
	return buf_printf(out, " (%s)", text);
}

static int
add_certificate(const json_t *certificate, struct buf *out)
{
	const json_t *notes = json_object_get(certificate, "notes");

	for (size_t i = 0; i < json_array_size(notes); i++) {
		const json_t *note = json_array_get(notes, i);
		bool dated =
			strstr(json_string_value(note) ? json_string_value(note) : "", "expire");

		if (add_line(out, "certificate", certificate, "") < 0 ||
			ctl_value_print(note, out) < 0 ||
			(dated && add_date(certificate, out) < 0) || end_line(out) < 0)
			return -1;
	}
	return 0;
}

/* A managed container that does not run, or that something is noted of. */
static int
add_container(const json_t *container, struct buf *out)
{
	const json_t *notes = json_object_get(container, "notes");
	const char *state = text_of(container, "state");
	bool runs = strcmp(state, "running") == 0;

	if (!json_is_true(json_object_get(container, "managed")) ||
		(runs && json_array_size(notes) == 0))
		return 0;
	if (add_line(out, "container", container, "is ") < 0 || buf_append_str(out, state) < 0)
		return -1;
	for (size_t i = 0; i < json_array_size(notes); i++)
		if (buf_append_str(out, i ? "; " : ": ") < 0 ||
			ctl_value_print(json_array_get(notes, i), out) < 0)
			return -1;
	return end_line(out);
}

static int
add_process(const json_t *process, struct buf *out)
{
	if (!text_of(process, "note")[0])
		return 0;
	if (add_line(out, "process", process, "") < 0 ||
		ctl_value_print(json_object_get(process, "note"), out) < 0)
		return -1;
	return end_line(out);
}

/* The lines of one array. */
static int
add_all(const json_t *array, int (*add)(const json_t *object, struct buf *out), struct buf *out)
{
	for (size_t i = 0; i < json_array_size(array); i++)
		if (add(json_array_get(array, i), out) < 0)
			return -1;
	return 0;
}

int
ctl_show_attention(const json_t *status, const json_t *containers, struct buf *out)
{
	struct buf lines;
	int rc = -1;

	buf_init(&lines, LINES_MAX);
	if (add_all(json_object_get(status, "processes"), add_process, &lines) == 0 &&
		add_all(json_object_get(status, "certificates"), add_certificate, &lines) == 0 &&
		add_all(containers, add_container, &lines) == 0)
		rc = 0;
	if (rc == 0 && buf_len(&lines) > 0)
		rc = buf_printf(out, "NEEDS ATTENTION\n%.*s\n", SLICE_ARG(buf_slice(&lines)));
	buf_clear(&lines);
	return rc;
}
