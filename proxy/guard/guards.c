/* The shared tables, made and freed together. */
#include "proxy/guard/guards.h"

int
guards_init(struct guards *g, void (*on_login)(struct auth_job *job))
{
	g->rates = rate_table_new(RATE_SETS);
	g->busy = busy_table_new();
	g->violations = violations_new(VIOLATION_SETS);
	if (auth_init(&g->auth, on_login) < 0)
		return -1;
	return g->rates && g->busy && g->violations ? 0 : -1;
}

void
guards_stop(struct guards *g)
{
	auth_pool_stop(g->auth.pool);
}

void
guards_clear(struct guards *g)
{
	rate_table_free(&g->rates);
	busy_table_free(&g->busy);
	violations_free(&g->violations);
	auth_clear(&g->auth);
}
