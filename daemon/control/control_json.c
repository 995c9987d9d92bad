/*
 * Builds the API's objects with jansson. Times are milliseconds since 1970. Text that came from
 * outside and is not UTF-8 is shown as an empty string rather than breaking the whole answer.
 */
#include "daemon/control/control_json.h"

#include "core/num.h"
#include "core/own.h"
#include "core/stats.h"
#include "daemon/control/control_targets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TARGET_TEXT_MAX (64 * 1024)

static json_t *
text(struct slice s)
{
	json_t *j = json_stringn(s.p ? s.p : "", s.n);

	return j ? j : json_string("");
}

static json_t *
text_str(const char *s)
{
	return text(slice_str(s));
}

/* The next line of what is left. */
static struct slice
take_line(struct slice *lines)
{
	struct slice line = slice_head(*lines, slice_index(*lines, '\n'));

	*lines = slice_skip(*lines, line.n + 1);
	return line;
}

/* Splits at line breaks; an empty last line is none. */
static json_t *
lines_to_array(struct slice lines)
{
	json_t *array = json_array();

	while (lines.n > 0) {
		json_array_append_new(array, text(take_line(&lines)));
	}
	return array;
}

json_t *
control_json_error(const char *message)
{
	return json_pack("{s:o}", "error", text_str(message));
}

json_t *
control_json_outcome(bool ok, uint64_t generation, struct slice lines)
{
	struct slice none = {0};

	return json_pack("{s:b, s:I, s:o, s:o}", "ok", ok, "generation", (json_int_t)generation,
		"errors", lines_to_array(ok ? none : lines), "warnings",
		lines_to_array(ok ? lines : none));
}

void
control_json_add_certificates(json_t *outcome, const struct control_state *s, struct slice places)
{
	json_t *warnings = json_object_get(outcome, "warnings");

	for (size_t i = 0; i < s->n_certificates && places.n > 0; i++) {
		const struct control_certificate *c = &s->certificates[i];
		struct slice place = take_line(&places), notes = slice_str(c->notes);

		while (notes.n > 0) {
			struct slice note = take_line(&notes);

			json_array_append_new(
				warnings, json_sprintf("%.*s: warning: certificate %s %.*s",
						  SLICE_ARG(place), c->name, SLICE_ARG(note)));
		}
	}
}

static json_t *
process_json(const struct control_process *p)
{
	return json_pack("{s:o, s:I, s:I, s:I, s:o}", "name", text_str(p->name), "pid",
		(json_int_t)p->pid, "restarts", (json_int_t)p->restarts, "started",
		(json_int_t)p->started_ms, "note", text_str(p->note));
}

static json_t *
processes_json(const struct control_state *s, uint32_t *ret_parent)
{
	json_t *array = json_array();
	const struct control_process *p;
	size_t cursor = 0;

	while ((p = map_next(s->processes, &cursor, NULL))) {
		if (strcmp(p->name, "parent") == 0)
			*ret_parent = p->pid;
		json_array_append_new(array, process_json(p));
	}
	return array;
}

static json_t *
certificates_json(const struct control_state *s)
{
	json_t *array = json_array();

	for (size_t i = 0; i < s->n_certificates; i++) {
		const struct control_certificate *c = &s->certificates[i];

		json_array_append_new(array,
			json_pack("{s:o, s:o, s:I, s:o, s:o, s:I, s:o}", "name", text_str(c->name),
				"key", text_str(c->key_type), "expires", (json_int_t)c->expires_ms,
				"notes", lines_to_array(slice_str(c->notes)), "ocsp",
				text_str(c->ocsp), "ocsp_until", (json_int_t)c->ocsp_until_ms,
				"ocsp_why", text_str(c->ocsp_why)));
	}
	return array;
}

json_t *
control_json_status(const struct control_state *s, const json_t *usage)
{
	uint32_t parent = 0;
	json_t *processes = processes_json(s, &parent);
	size_t containers = 0, cursor = 0, running = 0;
	const struct control_container *c;

	while ((c = map_next(s->containers, &cursor, NULL))) {
		containers += c->managed;
		running += c->managed && c->state == CONTAINER_RUNNING;
	}
	return json_pack("{s:s, s:I, s:I, s:o, s:{s:I, s:I}, s:o, s:O, s:O, s:O}", "version",
		SLUICE_VERSION, "pid", (json_int_t)parent, "generation", (json_int_t)s->generation,
		"processes", processes, "containers", "managed", (json_int_t)containers, "running",
		(json_int_t)running, "certificates", certificates_json(s), "threads",
		json_object_get(usage, "threads"), "limits", json_object_get(usage, "limits"),
		"counters", json_object_get(usage, "counters"));
}

json_t *
control_json_config(const struct control_state *s)
{
	return json_pack(
		"{s:I, s:o}", "generation", (json_int_t)s->generation, "text", text_str(s->text));
}

/* A container that is to be created shows as stopped: for people there is no difference. */
static const char *
state_text(const struct control_container *c)
{
	if (!c || c->state == CONTAINER_ABSENT)
		return container_state_name(CONTAINER_STOPPED);
	return container_state_name(c->state);
}

static json_t *
container_json(const struct control_container *c)
{
	/* The name that is kept for its next start is nobody's yet. */
	bool up = c->state == CONTAINER_RUNNING || c->state == CONTAINER_FROZEN ||
		  c->state == CONTAINER_STOPPING;

	return json_pack("{s:o, s:s, s:b, s:o, s:o, s:I, s:I, s:I, s:o, s:o, s:o, s:o}", "name",
		text_str(c->name), "state", state_text(c), "managed", c->managed, "address",
		text_str(c->address), "address6", text_str(c->address6), "pid", (json_int_t)c->pid,
		"restarts", (json_int_t)c->restarts, "changed", (json_int_t)c->changed_ms, "mac",
		text_str(c->mac), "interface", text_str(up ? c->veth : ""), "job", text_str(c->job),
		"notes", lines_to_array(slice_str(c->notes)));
}

/* What the file says of a container that lxc has not spoken of yet. */
static json_t *
planned_json(const struct conf_container *c)
{
	char v4[ADDR_TEXT_MAX] = "", v6[ADDR_TEXT_MAX] = "";
	struct control_container planned = {
		.name = c->name, .managed = true, .address = v4, .address6 = v6};

	if (c->address.family)
		addr_print(&c->address, v4);
	if (c->address6.family)
		addr_print(&c->address6, v6);
	return container_json(&planned);
}

json_t *
control_json_container(const struct control_state *s, struct slice name)
{
	const struct control_container *c = control_state_find(s, name);
	int32_t i;

	if (c)
		return container_json(c);
	i = s->conf ? conf_find_container(s->conf, name) : -1;
	return i < 0 ? NULL : planned_json(&s->conf->containers[i]);
}

static int
compare_names(const void *a, const void *b)
{
	const struct control_container *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

/* Those that no block names, by name. */
static void
append_others(const struct control_state *s, json_t *array)
{
	typedef const struct control_container *item;
	_free_ item *others = calloc(map_count(s->containers) + 1, sizeof(item));
	item c;
	size_t cursor = 0, n = 0;

	while (others && (c = map_next(s->containers, &cursor, NULL)))
		if (!s->conf || conf_find_container(s->conf, slice_str(c->name)) < 0)
			others[n++] = c;
	if (n > 0)
		qsort(others, n, sizeof(item), compare_names);
	for (size_t i = 0; i < n; i++)
		json_array_append_new(array, container_json(others[i]));
}

json_t *
control_json_containers(const struct control_state *s)
{
	json_t *array = json_array();

	for (size_t i = 0; s->conf && i < s->conf->n_containers; i++)
		json_array_append_new(
			array, control_json_container(s, slice_str(s->conf->containers[i].name)));
	append_others(s, array);
	return array;
}

/* Adds "container", "state" and "address" of the container that something points at. */
static void
add_container(json_t *object, const struct control_state *s, const char *name)
{
	const struct control_container *c = control_state_find(s, slice_str(name));
	int32_t i = conf_find_container(s->conf, slice_str(name));
	char address[ADDR_TEXT_MAX] = "";

	if (i >= 0 && s->conf->containers[i].address.family)
		addr_print(&s->conf->containers[i].address, address);
	json_object_set_new(object, "container", text_str(name));
	json_object_set_new(object, "state", json_string(state_text(c)));
	json_object_set_new(object, "address", text_str(c ? c->address : address));
}

static json_t *
hosts_json(const struct conf_site *site)
{
	json_t *array = json_array();

	for (size_t i = 0; i < site->n_hosts; i++)
		json_array_append_new(array, text_str(site->hosts[i]));
	return array;
}

static json_t *
route_json(const struct control_state *s, const struct conf_site *site,
	const struct conf_route *route, const json_t *targets)
{
	json_t *object = NULL;
	struct buf target;

	buf_init(&target, TARGET_TEXT_MAX);
	if (conf_route_print(route, &target) < 0)
		buf_reset(&target);
	object = json_pack("{s:o, s:o, s:b, s:o}", "hosts", hosts_json(site), "path",
		text_str(route->path), "exact", route->exact, "target", text(buf_slice(&target)));
	buf_clear(&target);
	if (object && route->target.type == CONF_TARGET_CONTAINER)
		add_container(object, s, route->target.host);
	if (object)
		control_targets_of(targets, route, object);
	return object;
}

json_t *
control_json_routes(const struct control_state *s, const json_t *targets)
{
	json_t *array = json_array();

	for (size_t i = 0; s->conf && i < s->conf->n_sites; i++)
		for (size_t k = 0; k < s->conf->sites[i].n_routes; k++)
			json_array_append_new(
				array, route_json(s, &s->conf->sites[i],
					       &s->conf->sites[i].routes[k], targets));
	return array;
}

static json_t *
ports_json(uint16_t low, uint16_t high)
{
	char ports[16];

	if (low == high)
		(void)snprintf(ports, sizeof(ports), "%u", low);
	else
		(void)snprintf(ports, sizeof(ports), "%u-%u", low, high);
	return json_string(ports);
}

static json_t *
forward_json(const struct control_state *s, const struct conf_forward *f)
{
	json_t *from = json_array(), *object;
	char prefix[ADDR_TEXT_MAX];

	for (size_t i = 0; i < f->n_from; i++)
		json_array_append_new(from, json_string(prefix_print(&f->from[i], prefix)));
	object = json_pack("{s:s, s:o, s:o, s:o}", "protocol", conf_proto_name(f->proto), "port",
		ports_json(f->low, f->high), "target_port",
		ports_json(f->target_low, f->target_high), "from", from);
	if (object && f->listen.family)
		json_object_set_new(object, "listen", json_string(addr_print(&f->listen, prefix)));
	if (object && f->interface)
		json_object_set_new(object, "interface", json_string(f->interface));
	if (object)
		add_container(object, s, f->host);
	return object;
}

json_t *
control_json_forwards(const struct control_state *s)
{
	json_t *array = json_array();

	for (size_t i = 0; s->conf && i < s->conf->n_forwards; i++)
		json_array_append_new(array, forward_json(s, &s->conf->forwards[i]));
	return array;
}

/* The first forward of this ordinal, or where it would be: they are in the file's order. */
static size_t
first_forward(const struct conf *conf, uint32_t ordinal)
{
	size_t low = 0, high = conf->n_forwards;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (conf->forwards[middle].ordinal < ordinal)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The list is in the order of the configuration's forwards, whose ordinals the router names. */
void
control_json_count_forward(const struct control_state *s, json_t *list, uint32_t ordinal,
	const uint64_t counts[static 3])
{
	const struct conf *conf = s->conf;

	for (size_t i = conf ? first_forward(conf, ordinal) : 0;
		conf && i < conf->n_forwards && conf->forwards[i].ordinal == ordinal; i++) {
		json_t *of = json_array_get(list, i);

		if (!of)
			continue;
		json_object_set_new(of, "connections", json_integer((json_int_t)counts[0]));
		json_object_set_new(of, "packets", json_integer((json_int_t)counts[1]));
		json_object_set_new(of, "bytes", json_integer((json_int_t)counts[2]));
	}
}

json_t *
control_json_event(struct msg_in *m, uint64_t now_ms)
{
	struct slice what = msg_get_slice(m);
	json_t *object = json_pack("{s:I, s:o}", "time", (json_int_t)now_ms, "event", text(what));

	while (object && msg_more(m) && !m->bad) {
		struct slice key = msg_get_slice(m), value = msg_get_slice(m);
		_free_ char *name = slice_dup(key);

		if (name)
			json_object_set_new(object, name, text(value));
	}
	if (msg_finish(m) == 0)
		return object;
	json_decref(object);
	return NULL;
}

json_t *
control_json_container_event(const struct control_container *c, uint64_t now_ms)
{
	return json_pack("{s:I, s:s, s:o, s:s, s:o, s:o}", "time", (json_int_t)now_ms, "event",
		"container", "name", text_str(c->name), "state", state_text(c), "address",
		text_str(c->address), "job", text_str(c->job));
}
