/* What a process uses, by its files below /proc. */
#ifndef DAEMON_PROCESS_USAGE_H
#define DAEMON_PROCESS_USAGE_H

#include "core/slice.h"

#include <stdint.h>
#include <sys/types.h>

struct process_usage {
	uint64_t rss, pss; /* bytes */
	uint64_t cpu_ms;   /* user and system */
	uint64_t fds, fds_max;
};

/* Reads it; what cannot be read is 0. */
void process_usage_read(pid_t pid, struct process_usage *ret);

/* Pure. Of a line of /proc/PID/stat: user and system time in clock ticks. 0 or -1. */
int process_usage_parse_stat(struct slice text, uint64_t *ret_ticks);
/* Pure. The kibibytes behind "NAME:" in smaps_rollup or status, as bytes; 0: not there. */
uint64_t process_usage_parse_kib(struct slice text, const char *name);
/* Pure. The soft limit behind "Max open files" in limits; 0: none or not there. */
uint64_t process_usage_parse_limit(struct slice text);

#endif
