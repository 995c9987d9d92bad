/*
 * Exchanges that wait for the disk tier (cache_disk.h): for an answer to be read, before anything
 * else is tried; or, with the head of their answer in hand, for the purge that it causes to be
 * written, before the client learns of it. Who waits has a ticket; when it is over, on whatever
 * thread, the exchange's own worker gets a command with it.
 */
#include "proxy/exchange/exchange_cache.h"

#include "core/clock.h"
#include "core/own.h"
#include "proxy/cache/cache_disk.h"

#include <stdlib.h>

/* Outlives its exchange when that leaves while it is being told. */
struct disk_ticket {
	struct disk_waiter waiter;
	struct exchange *exchange; /* NULL: it has left */
	struct worker *worker;
	struct command *command; /* carries the news; NULL once it is on its way */
};

static void
ticket_on_done(struct disk_waiter *w)
{
	struct disk_ticket *t = list_entry(w, struct disk_ticket, waiter);

	worker_post(t->worker, steal_ptr(&t->command));
}

void
exchange_disk_free(struct disk_ticket *t)
{
	if (!t)
		return;
	cache_body_unref(&t->waiter.piece);
	free(t->command);
	free(t);
}

static struct disk_ticket *
ticket_new(struct exchange *x)
{
	struct disk_ticket *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->command = command_new(COMMAND_DISK);
	if (!t->command) {
		free(t);
		return NULL;
	}
	t->command->disk = t;
	t->exchange = x;
	t->worker = x->worker;
	list_init(&t->waiter.node);
	t->waiter.on_done = ticket_on_done;
	return t;
}

static void
wait_for_disk(struct exchange *x, struct disk_ticket *t, uint64_t wait_ms)
{
	x->cached->disk = t;
	timer_set(&x->worker->timers, &x->retry, clock_mono_coarse_ms() + wait_ms);
}

bool
exchange_disk_find(struct exchange *x)
{
	struct exchange_cache *c = x->cached;
	struct disk_ticket *t;

	if (!x->worker->disk || !cache_disk_is_open(x->worker->disk))
		return false;
	t = ticket_new(x);
	if (!t)
		return false;
	if (!cache_disk_find(x->worker->disk, &c->key, &x->request, &c->mark, &t->waiter)) {
		exchange_disk_free(t);
		return false;
	}
	front_set_wait(x->front, CONN_WAIT_NOTHING, 0);
	wait_for_disk(x, t, CACHE_DISK_WAIT_MS);
	exchange_set_state(x, EXCHANGE_DISK);
	return true;
}

bool
exchange_disk_write(struct exchange *x, struct cache_body **bytes)
{
	struct disk_ticket *t = x->cached->disk ? NULL : ticket_new(x);
	bool waits = false;
	bool taken = cache_disk_part_add(
		x->worker->disk, x->cached->fill.part, bytes, t ? &t->waiter : NULL, &waits);

	if (waits)
		wait_for_disk(x, t, CACHE_DISK_WRITE_MS);
	else
		exchange_disk_free(t);
	return taken;
}

bool
exchange_disk_read(
	struct exchange *x, uint64_t number, struct cache_body **buffer, uint64_t wait_ms)
{
	struct disk_ticket *t = ticket_new(x);

	if (!t)
		return false;
	if (!cache_disk_read_piece(
		    x->worker->disk, x->cached->object->far, number, buffer, &t->waiter)) {
		exchange_disk_free(t);
		return false;
	}
	wait_for_disk(x, t, wait_ms);
	return true;
}

/* Purges are written in the order of coming: who waits for the last one waits for all. */
void
exchange_disk_invalidate(struct exchange *x, struct slice url)
{
	struct disk_ticket *t;

	if (!x->worker->disk)
		return;
	exchange_disk_leave(x);
	t = ticket_new(x);
	if (cache_disk_invalidate(x->worker->disk, url, t ? &t->waiter : NULL))
		wait_for_disk(x, t, CACHE_DISK_WAIT_MS);
	else
		exchange_disk_free(t);
}

void
exchange_disk_leave(struct exchange *x)
{
	struct disk_ticket *t = steal_ptr(&x->cached->disk);

	if (!t)
		return;
	t->exchange = NULL;
	if (cache_disk_leave(x->worker->disk, &t->waiter))
		exchange_disk_free(t);
}

static void
go_on(struct exchange *x, struct cache_body **piece)
{
	if (x->cached->far)
		exchange_far_was_read(x, piece);
	else if (x->state == EXCHANGE_DISK)
		exchange_cache_was_read(x);
}

void
exchange_on_disk(struct disk_ticket *t)
{
	struct exchange *x = t->exchange;

	if (!x)
		return;
	timer_off(&x->retry);
	x->cached->disk = NULL;
	go_on(x, &t->waiter.piece);
	front_drive(x->front);
}

void
exchange_disk_timeout(struct exchange *x)
{
	struct cache_body *none = NULL;

	exchange_disk_leave(x);
	if (x->cached->fill.part)
		exchange_spill_drop(x);
	go_on(x, &none);
}
