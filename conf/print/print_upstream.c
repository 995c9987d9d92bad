/* Targets as the file writes them, and the directives about them. */
#include "conf/print/print_upstream.h"

#include "conf/lex.h"
#include "conf/schema/schema.h"
#include "core/own.h"

#define WORD_BUF_MAX ((size_t)2 * LEX_WORD_MAX)

/* ---- targets ---- */

static int
append_container_target(const struct conf_target *t, struct buf *word)
{
	return buf_printf(word, "%s:%u%s", t->host, t->port, t->path ? t->path : "");
}

static int
append_http_target(const struct conf_target *t, struct buf *word)
{
	bool v6 = strchr(t->host, ':') != NULL;

	return buf_printf(word, "%s://%s%s%s:%u%s", t->type == CONF_TARGET_HTTPS ? "https" : "http",
		v6 ? "[" : "", t->host, v6 ? "]" : "", t->port, t->path ? t->path : "");
}

static int
append_unix_target(const struct conf_target *t, struct buf *word)
{
	return buf_printf(
		word, "unix:%s%s%s", t->socket, t->path ? ":" : "", t->path ? t->path : "");
}

static int
append_url_target(const struct conf_target *t, struct buf *out)
{
	_cleanup_(buf_clear) struct buf word;
	int ret;

	buf_init(&word, WORD_BUF_MAX);
	if (t->type == CONF_TARGET_CONTAINER)
		ret = append_container_target(t, &word);
	else if (t->type == CONF_TARGET_UNIX)
		ret = append_unix_target(t, &word);
	else
		ret = append_http_target(t, &word);
	return ret < 0 ? -1 : writer_append_word(out, buf_slice(&word));
}

int
conf_target_print(const struct conf_target *t, struct buf *out)
{
	switch (t->type) {
	case CONF_TARGET_CONTAINER:
	case CONF_TARGET_HTTP:
	case CONF_TARGET_HTTPS:
	case CONF_TARGET_UNIX:
		return append_url_target(t, out);
	case CONF_TARGET_DIR:
		if (buf_append_str(out, "dir ") < 0)
			return -1;
		return writer_append_word(out, slice_str(t->path));
	case CONF_TARGET_REDIRECT:
		if (buf_printf(out, "redirect %u ", t->code) < 0)
			return -1;
		return writer_append_word(out, slice_str(t->path));
	case CONF_TARGET_STATUS:
		return buf_printf(out, "status %u", t->code);
	}
	return -1;
}

int
conf_route_print(const struct conf_route *route, struct buf *out)
{
	for (size_t i = 0; i < conf_route_targets(route); i++) {
		const struct conf_target *t = conf_route_target(route, i);

		if (i > 0 && buf_append_byte(out, ' ') < 0)
			return -1;
		if (conf_target_print(t, out) < 0)
			return -1;
		if (t->weight > 1 && buf_printf(out, " weight %u", t->weight) < 0)
			return -1;
	}
	return 0;
}

void
print_targets(struct writer *w, const struct conf_route *route)
{
	writer_raw(w, " -> ");
	if (!w->failed && conf_route_print(route, w->out) < 0)
		w->failed = true;
}

/* ---- the directives ---- */

static void
print_balance(struct writer *w, const struct conf_upstream *u)
{
	if (!u->balance_ordinal)
		return;
	writer_begin(w, u->balance_ordinal, "balance");
	if (u->balance >= CONF_BALANCE_HASH_CLIENT)
		writer_word(w, "hash");
	writer_word(w, conf_balance_name(u->balance));
	if (u->balance_name)
		writer_word(w, u->balance_name);
	writer_end(w);
}

static void
print_passive(struct writer *w, const struct conf_upstream *u)
{
	if (!u->passive_ordinal)
		return;
	writer_begin(w, u->passive_ordinal, "passive");
	if (u->passive_fail == 0) {
		writer_word(w, "off");
	} else {
		writer_raw(w, " fail");
		writer_number(w, u->passive_fail);
		writer_raw(w, " in");
		writer_time(w, u->passive_in_ms);
		writer_raw(w, " for");
		writer_time(w, u->passive_for_ms);
	}
	writer_end(w);
}

static void
print_status(struct writer *w, const struct conf_upstream *u)
{
	char text[] = "0xx";

	writer_raw(w, " status");
	if (u->check_status_low == u->check_status_high) {
		writer_number(w, u->check_status_low);
		return;
	}
	text[0] = (char)('0' + u->check_status_low / 100);
	writer_word(w, text);
}

static void
print_check(struct writer *w, const struct conf_upstream *u)
{
	if (!u->check)
		return;
	writer_begin(w, u->check_ordinal, "check");
	writer_word(w, schema_word_name("check", (int)u->check));
	if (u->check_path)
		writer_word(w, u->check_path);
	writer_raw(w, " every");
	writer_time(w, u->check_every_ms);
	writer_raw(w, " timeout");
	writer_time(w, u->check_timeout_ms);
	writer_raw(w, " fall");
	writer_number(w, u->check_fall);
	writer_raw(w, " rise");
	writer_number(w, u->check_rise);
	if (u->check == CONF_CHECK_HTTP)
		print_status(w, u);
	writer_end(w);
}

static void
print_connections(struct writer *w, const struct conf_upstream *u)
{
	if (u->slow_start_ms) {
		writer_begin(w, u->slow_start_ordinal, "slow-start");
		writer_time(w, u->slow_start_ms);
		writer_end(w);
	}
	if (!u->connections)
		return;
	writer_begin(w, u->connections_ordinal, "max-connections");
	writer_number(w, u->connections);
	if (u->queue) {
		writer_raw(w, " queue");
		writer_number(w, u->queue);
		writer_raw(w, " timeout");
		writer_time(w, u->queue_timeout_ms);
	}
	writer_end(w);
}

bool
trust_written(const struct conf_trust *trust)
{
	return trust->ca_ordinal || trust->verify_ordinal;
}

void
print_trust(struct writer *w, const struct conf_trust *trust)
{
	if (trust->ca_ordinal) {
		writer_begin(w, trust->ca_ordinal, "upstream-ca");
		writer_word(w, trust->ca_file ? trust->ca_file : "system");
		writer_end(w);
	}
	if (trust->verify_ordinal) {
		writer_begin(w, trust->verify_ordinal, "upstream-verify");
		writer_word(w, trust->verify ? "on" : "off");
		writer_end(w);
	}
}

bool
upstream_written(const struct conf_upstream *u)
{
	return u->balance_ordinal || u->passive_ordinal || u->check || u->slow_start_ms ||
	       u->connections;
}

void
print_upstream(struct writer *w, const struct conf_upstream *u)
{
	print_balance(w, u);
	print_passive(w, u);
	print_check(w, u);
	print_connections(w, u);
}
