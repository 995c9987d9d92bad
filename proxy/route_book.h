/*
 * Where the numbers of each route are kept: a cell a route of a generation, with an array of its
 * own for each thread, made when the thread first needs it. Cells are shared between generations
 * while the site's first name and the route's path stay the same, so that a reload does not begin
 * at nothing.
 */
#ifndef PROXY_ROUTE_BOOK_H
#define PROXY_ROUTE_BOOK_H

#include "conf/conf.h"
#include "core/route_stats.h"

struct route_book;

/* One request, as it is counted. */
struct route_count {
	unsigned thread;
	unsigned status; /* 0: none was sent */
	uint64_t duration_us, sent, received;
};

/* conf must outlive the book. before: the book of the generation that runs, or NULL. NULL when
 * memory is short. */
struct route_book *route_book_new(
	const struct conf *conf, unsigned n_threads, const struct route_book *before);
/* Leaves NULL behind; *b may be NULL. */
void route_book_free(struct route_book **b);
/* Counts a request of this route; route NULL: none was found for it. From its own thread only. */
void route_book_count(struct route_book *b, const struct conf_site *site,
	const struct conf_route *route, const struct route_count *count);
/* The cells in the order of the file, the last one for requests without a route. */
size_t route_book_size(const struct route_book *b);
struct route_view {
	struct slice site, path;
	bool exact;
	struct route_sums sums; /* over all threads */
};
void route_book_view(const struct route_book *b, size_t index, struct route_view *ret);

#endif
