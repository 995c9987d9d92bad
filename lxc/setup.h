/*
 * A managed container's files: whether it exists, how it is created, its configuration in
 * lxc-path, and what is recorded about it. Small reads and writes in the lxc process itself;
 * nothing here calls liblxc.
 */
#ifndef LXC_SETUP_H
#define LXC_SETUP_H

#include "core/buf.h"
#include "core/err.h"
#include "conf/conf.h"

#include <stdbool.h>

#define SETUP_TEMPLATES "/usr/share/lxc/templates"

struct guest;

/* Whether its configuration is there and whole. An unfinished creation (liblxc's file `partial`)
 * does not count: liblxc destroys such a container when it is only asked about it. */
bool setup_exists(const struct guest *g);
/* The arguments of CREATE; chooses its range of ids. 0 or -1 with e filled. */
int setup_create_args(struct guest *g, struct buf *args, struct err *e);
/* The arguments of START: a new name for its port of the bridge, which is told to everybody before
 * it is there. 0 or -1 with e filled. */
int setup_start_args(struct guest *g, struct buf *args, struct err *e);
/* Remembers that it was created by us, and from what. */
int setup_record_created(const struct guest *g, struct err *e);
/* Brings its configuration up to date, keeping config.before-sluice when it was somebody else's;
 * finds out its mac. 0 or -1 with e filled. */
int setup_config(struct guest *g, struct err *e);
/* Remembers what its configuration says now that it is started. */
void setup_record_started(struct guest *g);
/* Notes what a running one would need a restart for. */
void setup_compare(struct guest *g);
/* 0, or -1 with e naming the source that is missing. */
int setup_mounts_exist(const struct guest *g, struct err *e);
/* The path of the template of an image; 0, or -1 with e filled when it is not installed. */
int setup_template(const struct conf_container *c, struct buf *out, struct err *e);

#endif
