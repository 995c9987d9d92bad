/* How it stands with the policy of `open`, as the processes tell each other. */
#ifndef CORE_TRIAL_STATE_H
#define CORE_TRIAL_STATE_H

/* X(id, name in the control API, meaning) */
#define TRIAL_STATE_TABLE(X)                                                                       \
	X(SETTLED, "settled", "what the file says holds and is confirmed")                         \
	X(RUNNING, "trial", "what the file says holds until the time is over")                     \
	X(ROLLED_BACK, "rolled-back", "what was confirmed holds; the file says otherwise")

enum trial_state {
#define TRIAL_STATE_ENUM(id, name, meaning) TRIAL_##id,
	TRIAL_STATE_TABLE(TRIAL_STATE_ENUM)
#undef TRIAL_STATE_ENUM
		TRIAL_STATE_COUNT
};

#endif
