/*
 * Active checks: one thread asks every target of every route with `check`, at its interval, and
 * tells the target's health (backends.h). It owns the connections of checks, which are no
 * request's.
 */
#ifndef PROXY_CHECKER_H
#define PROXY_CHECKER_H

struct checker;
struct worker;

/* The worker has a new generation: its checks take the place of the old one's. */
void checker_adopt(struct worker *w);
/* Ends all of them; leaves NULL behind; *c may be NULL. */
void checker_free(struct checker **c);

#endif
