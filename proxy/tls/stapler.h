/*
 * Keeps the OCSP answers of the current generation's certificates fresh: one thread asks each
 * certificate's responder when its plan says so (ocsp_plan.h), judges the answer and notes it to
 * the main thread, which hands it to all threads.
 */
#ifndef PROXY_STAPLER_H
#define PROXY_STAPLER_H

#define STAPLER_FLIGHT_MAX 8 /* questions under way at a time */

struct stapler;
struct worker;

/* The worker has a new generation: its certificates take the place of the old one's. What is known
 * of those that stay is kept. */
void stapler_adopt(struct worker *w);
/* Asks nobody any more; leaves NULL behind; *s may be NULL. */
void stapler_free(struct stapler **s);

#endif
