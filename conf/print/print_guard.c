/* A guard as canonical text: the rules of one directive stay on one line. */
#include "conf/print/print_guard.h"

#include "conf/conf.h"
#include "core/num.h"

static void
print_access(struct writer *w, const struct conf_guard *g)
{
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; i < g->n_access; i++) {
		const struct conf_access_rule *rule = &g->access[i];

		if (i == 0 || g->access[i - 1].ordinal != rule->ordinal) {
			if (i > 0)
				writer_end(w);
			writer_begin(w, rule->ordinal, "access");
			writer_word(w, rule->allow ? "allow" : "deny");
		}
		writer_word(w, rule->net.addr.family ? prefix_print(&rule->net, text) : "all");
	}
	if (g->n_access)
		writer_end(w);
}

static void
print_rate(struct writer *w, const struct conf_rate *rate)
{
	char text[NUM_TEXT_MAX];

	if (!rate->ordinal)
		return;
	writer_begin(w, rate->ordinal, "rate-limit");
	writer_word(w, rate->count ? num_print_rate(rate->count, rate->period_ms, text) : "off");
	if (rate->burst_written) {
		writer_raw(w, " burst");
		writer_number(w, rate->burst);
	}
	writer_end(w);
}

static void
print_connection_limit(struct writer *w, const struct conf_connection_limit *limit)
{
	if (!limit->ordinal)
		return;
	writer_begin(w, limit->ordinal, "connection-limit");
	if (limit->n)
		writer_number(w, limit->n);
	else
		writer_word(w, "off");
	writer_end(w);
}

static void
print_server(struct writer *w, const struct conf_route *route)
{
	struct conf_target t = route->target;

	t.path = strcmp(route->path, "/") == 0 ? NULL : route->path;
	if (!w->failed && conf_target_print(&t, w->out) < 0)
		w->failed = true;
}

static void
print_auth(struct writer *w, const struct conf_auth *auth)
{
	if (!auth->ordinal)
		return;
	writer_begin(w, auth->ordinal, "auth");
	switch (auth->kind) {
	case CONF_AUTH_OFF:
		writer_word(w, "off");
		break;
	case CONF_AUTH_BASIC:
		writer_word(w, "basic");
		writer_word(w, auth->path);
		if (auth->realm) {
			writer_raw(w, " realm");
			writer_word(w, auth->realm);
		}
		if (auth->pass)
			writer_raw(w, " pass");
		break;
	case CONF_AUTH_FORWARD:
		writer_raw(w, " forward ");
		print_server(w, auth->forward);
		if (auth->n_copy)
			writer_raw(w, " copy");
		for (size_t i = 0; i < auth->n_copy; i++)
			writer_word(w, auth->copy[i]);
		break;
	}
	writer_end(w);
}

void
print_guard(struct writer *w, const struct conf_guard *guard)
{
	print_access(w, guard);
	print_rate(w, &guard->rate);
	print_connection_limit(w, &guard->connections);
	print_auth(w, &guard->auth);
}

void
print_ban(struct writer *w, const struct conf_ban *ban)
{
	char text[ADDR_TEXT_MAX];

	if (ban->ordinal) {
		writer_begin(w, ban->ordinal, "ban after");
		writer_number(w, ban->count);
		writer_raw(w, " violations in");
		writer_time(w, ban->window_ms);
		writer_raw(w, " for");
		writer_time(w, ban->for_ms);
		writer_end(w);
	}
	for (size_t i = 0; i < ban->n_never; i++) {
		if (i == 0 || ban->never[i - 1].ordinal != ban->never[i].ordinal) {
			if (i > 0)
				writer_end(w);
			writer_begin(w, ban->never[i].ordinal, "ban never");
		}
		writer_word(w, prefix_print(&ban->never[i].net, text));
	}
	if (ban->n_never)
		writer_end(w);
}
