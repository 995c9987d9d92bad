/*
 * The lxc process and its helpers. What daemon/ may see of them. (Not lxc/lxc.h: a file of that
 * name on the include path would stand before liblxc's own.)
 */
#ifndef SLUICE_LXC_MODULE_H
#define SLUICE_LXC_MODULE_H

/* The process's main function: takes its channel at PROC_FD_CHANNEL and our binary at
 * PROC_FD_BINARY; runs until the channel closes. Containers stay. Returns the exit status. */
int lxc_main(void);

/* The main function of `sluiced: helper JOB`: one job from its channel, then ends. */
int lxc_helper_main(const char *job);

#endif
