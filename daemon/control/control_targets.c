/* Between messages and JSON. */
#include "daemon/control/control_targets.h"

#include "core/own.h"

#include <inttypes.h>
#include <stdio.h>

#define KEY_MAX 16
#define NAME_MAX_BYTES 4096

static const char *
state_name(uint8_t state)
{
	static const char *const names[] = {"up", "down", "trying"};

	return state < ARRAY_SIZE(names) ? names[state] : "?";
}

static json_t *
moment(uint64_t ms)
{
	return ms ? json_integer((json_int_t)ms) : json_null();
}

static json_t *
read_target(struct msg_in *m)
{
	json_t *o = json_object();
	struct slice why;

	json_object_set_new(o, "state", json_string(state_name(msg_get_u8(m))));
	json_object_set_new(o, "active", json_integer(msg_get_u32(m)));
	json_object_set_new(o, "requests", json_integer((json_int_t)msg_get_u64(m)));
	json_object_set_new(o, "failures", json_integer((json_int_t)msg_get_u64(m)));
	json_object_set_new(o, "failed", moment(msg_get_u64(m)));
	json_object_set_new(o, "checked", moment(msg_get_u64(m)));
	why = msg_get_slice(m);
	json_object_set_new(o, "why", json_stringn(why.p ? why.p : "", why.n));
	return o;
}

/* The array of the route, made when it is not there. */
static json_t *
route_array(json_t *targets, uint32_t ordinal)
{
	char key[KEY_MAX];
	json_t *array;

	(void)snprintf(key, sizeof(key), "%" PRIu32, ordinal);
	array = json_object_get(targets, key);
	if (array)
		return array;
	json_object_set_new(targets, key, json_array());
	return json_object_get(targets, key);
}

void
control_targets_add(json_t *targets, struct msg_in *m)
{
	while (msg_more(m) && !m->bad) {
		json_t *array = route_array(targets, msg_get_u32(m));

		/* They come in order: the index is that of the array. */
		if (msg_get_u16(m) != json_array_size(array))
			return;
		json_array_append_new(array, read_target(m));
	}
}

static json_t *
target_name(const struct conf_target *t)
{
	_cleanup_(buf_clear) struct buf text;

	buf_init(&text, NAME_MAX_BYTES);
	if (conf_target_print(t, &text) < 0)
		return json_string("?");
	return json_stringn(buf_slice(&text).p, buf_len(&text));
}

void
control_targets_of(const json_t *targets, const struct conf_route *route, json_t *ret_object)
{
	char key[KEY_MAX];
	json_t *array;

	(void)snprintf(key, sizeof(key), "%" PRIu32, route->ordinal);
	array = json_object_get(targets, key);
	if (!array || json_array_size(array) != conf_route_targets(route))
		return;
	for (size_t i = 0; i < json_array_size(array); i++)
		json_object_set_new(json_array_get(array, i), "target",
			target_name(conf_route_target(route, i)));
	json_object_set(ret_object, "targets", array);
}

static void
list_route(const json_t *targets, const struct conf_site *site, const struct conf_route *route,
	json_t *array)
{
	json_t *object = json_object();
	const json_t *known;

	control_targets_of(targets, route, object);
	known = json_object_get(object, "targets");
	for (size_t i = 0; i < json_array_size(known); i++) {
		json_t *target = json_array_get(known, i);

		if (json_array_size(array) == CONTROL_TARGETS_MAX)
			break;
		json_object_set_new(
			target, "site", json_string(site->n_hosts ? site->hosts[0] : ""));
		json_object_set_new(target, "path", json_string(route->path));
		json_object_set_new(target, "exact", json_boolean(route->exact));
		json_array_append(array, target);
	}
	json_decref(object);
}

json_t *
control_targets_list(const json_t *targets, const struct conf *conf)
{
	json_t *array = json_array();

	for (size_t i = 0; conf && i < conf->n_sites; i++)
		for (size_t k = 0; k < conf->sites[i].n_routes; k++)
			list_route(targets, &conf->sites[i], &conf->sites[i].routes[k], array);
	return array;
}
