/* The shared tables, made and freed together. */
#include "proxy/guards.h"

int
guards_init(struct guards *g)
{
	g->rates = rate_table_new(RATE_SETS);
	g->busy = busy_table_new();
	return g->rates && g->busy ? 0 : -1;
}

void
guards_clear(struct guards *g)
{
	rate_table_free(&g->rates);
	busy_table_free(&g->busy);
}
