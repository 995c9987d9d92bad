/*
 * What can be said of an offered configuration before it is committed: whether its containers can
 * be had on this host. Looks, changes nothing, calls no liblxc.
 */
#ifndef LXC_CHECK_H
#define LXC_CHECK_H

#include "conf/conf.h"
#include "core/err.h"

/* 0, or -1 with e naming the directive (e->ordinal). */
int check_conf(const struct conf *conf, struct err *e);

#endif
