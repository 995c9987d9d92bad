/*
 * v1: cpuacct.usage and memory.usage_in_bytes; v2: cpu.stat and memory.current. What cannot be read
 * is 0: the container went while we looked.
 */
#include "lxc/usage.h"

#include "core/chan.h"
#include "core/file.h"
#include "core/num.h"
#include "core/own.h"
#include "lxc/cgroup.h"
#include "lxc/guest.h"
#include "lxc/text.h"
#include "lxc/world.h"

#include <inttypes.h>

#define PROC_CGROUP_MAX (16 * 1024)
#define ENTRY_MAX (NAME_MAX + 32) /* bytes of one container in the message */

uint64_t
usage_parse_cpu(struct slice text)
{
	struct slice key = SLICE_LIT("usage_usec ");
	bool v2 = slice_starts(text, key);
	uint64_t n = 0;

	text = slice_skip(text, v2 ? key.n : 0);
	if (num_parse(slice_head(text, slice_index(text, '\n')), 0, UINT64_MAX, &n) < 0)
		return 0;
	return v2 ? n : n / 1000;
}

/* The first of the two files that can be read. */
static struct slice
read_either(
	const struct lxc *l, struct slice proc_cgroup, const char *const names[4], struct buf *out)
{
	for (size_t i = 0; i < 4; i += 2) {
		buf_reset(out);
		if (cgroup_read(&l->layout, proc_cgroup, names[i], names[i + 1], out, NULL) == 0)
			return buf_slice(out);
	}
	return SLICE_LIT("");
}

static void
put_guest(const struct lxc *l, const struct guest *g, struct msg_out *m)
{
	static const char *const cpu[] = {"cpuacct", "cpuacct.usage", "cpu", "cpu.stat"};
	static const char *const memory[] = {
		"memory", "memory.usage_in_bytes", "memory", "memory.current"};
	_cleanup_(buf_clear) struct buf proc_cgroup = {0};
	_cleanup_(buf_clear) struct buf value = {0};
	char path[64];
	struct slice text;
	uint64_t bytes = 0;

	buf_init(&proc_cgroup, PROC_CGROUP_MAX);
	buf_init(&value, CGROUP_VALUE_MAX);
	if (text_print(path, sizeof(path), "/proc/%d/cgroup", (int)g->pid) < 0 ||
		file_read(path, &proc_cgroup, NULL) < 0)
		return;
	msg_put_str(m, g->name);
	msg_put_u64(m, usage_parse_cpu(read_either(l, buf_slice(&proc_cgroup), cpu, &value)));
	text = read_either(l, buf_slice(&proc_cgroup), memory, &value);
	(void)num_parse(slice_head(text, slice_index(text, '\n')), 0, UINT64_MAX, &bytes);
	msg_put_u64(m, bytes);
}

void
usage_send(struct lxc *l, uint64_t id)
{
	struct msg_out m;

	if (msg_out_init(&m, MSG_USAGE_CONTAINERS, ROLE_CONTROL) < 0)
		return;
	msg_put_u64(&m, id);
	list_each(node, &l->guests)
	{
		const struct guest *g = list_entry(node, struct guest, node);

		if (g->pid > 0 && m.size + ENTRY_MAX < MSG_SIZE_MAX)
			put_guest(l, g, &m);
	}
	(void)chan_send(l->parent, &m);
	msg_out_clear(&m);
}
