/*
 * What the busybox template's root file system needs changed before its container starts for the
 * first time: until then nobody but root has written in it.
 */
#ifndef LXC_BUSYBOX_H
#define LXC_BUSYBOX_H

#include "core/err.h"

/* Its DHCP script takes every address off the interface, the fixed IPv6 one too, which no DHCP of
 * busybox's would bring back: it shall take the IPv4 ones only. A script that reads otherwise is
 * left alone. 0 or -1. */
int busybox_mend(const char *rootfs, struct err *e);

#endif
