/*
 * Sessions of `sluice container exec|console`, from the lxc process's side: it looks at the request
 * (never takes it) to see which container is meant and whether it may, then hands the connection
 * to a helper and forgets it.
 */
#ifndef LXC_SESSION_H
#define LXC_SESSION_H

struct lxc;

/* Takes over the connection of an authenticated client. */
void session_begin(struct lxc *lxc, int fd);
/* Closes those whose request has not come yet. */
void session_clear_all(struct lxc *lxc);

#endif
