/* Questions to the main thread, and who waits for their answers. */
#include "proxy/upstream/dial.h"

#include "core/own.h"
#include "proxy/worker.h"

void
dial_init(struct dial *d, void (*on_done)(struct dial *d, int fd, int error))
{
	list_init(&d->node);
	d->on_done = on_done;
}

void
dial_begin(struct dial *d, struct worker *w, const char *path)
{
	d->id = ++w->last_dial;
	list_append(&w->dials, &d->node);
	worker_note_dial(w, d->id, path);
}

void
dial_cancel(struct dial *d)
{
	list_remove(&d->node);
}

void
dial_answer(struct worker *w, uint64_t id, int fd, int error)
{
	list_each(node, &w->dials)
	{
		struct dial *d = list_entry(node, struct dial, node);

		if (d->id != id)
			continue;
		list_remove(&d->node);
		d->on_done(d, fd, error);
		return;
	}
	close_fd(fd);
}
