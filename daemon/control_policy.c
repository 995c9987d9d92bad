/* What the router says of the policy that the host's own ports have, for status and outcomes. */
#include "daemon/control.h"

#include "core/log.h"

void
control_policy_on_state(struct control *c, struct msg_in *m)
{
	uint64_t until_ms = msg_get_u64(m);
	uint8_t state = msg_get_u8(m);

	if (msg_finish(m) < 0 || state >= TRIAL_STATE_COUNT) {
		log_warn("news of the policy dropped");
		return;
	}
	c->state.policy = (enum trial_state)state;
	c->state.policy_until_ms = until_ms;
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

	return json_pack("{s:s, s:I, s:I}", "state", names[s->policy], "until", (json_int_t)until,
		"left", (json_int_t)(until > now_ms ? until - now_ms : 0));
}
