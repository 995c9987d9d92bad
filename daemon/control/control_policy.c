/* What the router says of the policy that the host's own ports have, for status and outcomes; and
 * who asks for a change of it. */
#include "daemon/control/control.h"

#include "core/addr.h"
#include "core/log.h"

void
control_policy_reload(struct control *c, struct evhttp_request *req, struct slice query)
{
	struct slice from = SLICE_LIT("from="), asked = slice_skip(query, from.n);
	struct addr a;

	if (query.n == 0)
		control_wait_reload(c, req, query);
	else if (!slice_starts(query, from) || addr_parse(asked, &a) < 0)
		control_http_error(req, 400, "from is the address of who asks, like 198.51.100.7");
	else
		control_wait_reload(c, req, asked);
}

void
control_policy_on_state(struct control *c, struct msg_in *m)
{
	uint64_t until_ms = msg_get_u64(m);
	uint8_t state = msg_get_u8(m);
	char *shut_out = slice_dup(msg_get_slice(m));

	if (msg_finish(m) < 0 || state >= TRIAL_STATE_COUNT || !shut_out) {
		log_warn("news of the policy dropped");
		free(shut_out);
		return;
	}
	c->state.policy = (enum trial_state)state;
	c->state.policy_until_ms = until_ms;
	free(c->state.policy_shut_out);
	c->state.policy_shut_out = shut_out;
}

static json_t *
words(const char *text)
{
	struct slice rest = slice_str(text ? text : "");
	json_t *array = json_array();

	while (rest.n) {
		struct slice word = slice_head(rest, slice_index(rest, ' '));

		json_array_append_new(array, json_stringn(word.p, word.n));
		rest = slice_skip(rest, word.n + 1);
	}
	return array;
}

json_t *
control_policy_json(const struct control_state *s, uint64_t now_ms)
{
	static const char *const names[] = {
#define STATE_NAME(id, name, meaning) [TRIAL_##id] = (name),
		TRIAL_STATE_TABLE(STATE_NAME)
#undef STATE_NAME
	};
	uint64_t until = s->policy == TRIAL_RUNNING ? s->policy_until_ms : 0;

	return json_pack("{s:s, s:I, s:I, s:o}", "state", names[s->policy], "until",
		(json_int_t)until, "left", (json_int_t)(until > now_ms ? until - now_ms : 0),
		"shut_out", words(s->policy_shut_out));
}
