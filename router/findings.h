/*
 * What `sluice doctor` finds: each with the command that mends it. A bounded list; what does not
 * fit is counted.
 */
#ifndef ROUTER_FINDINGS_H
#define ROUTER_FINDINGS_H

#include <stdbool.h>
#include <stddef.h>

#define FINDINGS_MAX 128
#define FINDING_WHAT_MAX 512
#define FINDING_MEND_MAX 768

struct finding {
	const char *id; /* of a fixed set: "forward-drop" */
	bool breaks;    /* traffic is lost; otherwise it may be, some day */
	char what[FINDING_WHAT_MAX];
	char mend[FINDING_MEND_MAX]; /* a line for a shell */
};

struct findings {
	struct finding v[FINDINGS_MAX];
	size_t n;
	size_t left_out;
};

/* Adds one and returns it, so that the caller prints what and mend; NULL when there is no place. */
struct finding *findings_add(struct findings *f, const char *id, bool breaks);
void finding_what(struct finding *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void finding_mend(struct finding *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
