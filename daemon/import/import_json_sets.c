/*
 * Rules of nft's JSON with their sets in place: "@name" becomes {"set": […]}, and a statement that
 * maps becomes a comparison and a statement for each element.
 */
#include "daemon/import/import_json_sets.h"

#include "core/own.h"
#include "daemon/import/import.h"

#include <stdio.h>
#include <string.h>

#define NAME_MAX_BYTES 512

static const char *
text_of(const json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));

	return s ? s : "";
}

/* "ip nat blocked" */
static void
full_name(const json_t *of, const char *name, char ret[static NAME_MAX_BYTES])
{
	(void)snprintf(
		ret, NAME_MAX_BYTES, "%s %s %s", text_of(of, "family"), text_of(of, "table"), name);
}

bool
import_json_used(const struct import_json_sets *s, const json_t *set)
{
	char name[NAME_MAX_BYTES];

	full_name(set, text_of(set, "name"), name);
	return json_object_get(s->used, name) != NULL;
}

/* The elements of the rule's table's set; NULL when there is none, or nothing in it. */
static const json_t *
elements_of(struct import_json_sets *s, const json_t *rule, const char *name)
{
	char wanted[NAME_MAX_BYTES], found[NAME_MAX_BYTES];

	full_name(rule, name, wanted);
	for (size_t k = 0; k < json_array_size(s->list); k++) {
		const json_t *entry = json_array_get(s->list, k);
		const json_t *set = json_object_get(entry, "set");
		const json_t *elements;

		if (!set)
			set = json_object_get(entry, "map");
		if (!set)
			continue;
		full_name(set, text_of(set, "name"), found);
		elements = json_object_get(set, "elem");
		if (strcmp(wanted, found) != 0 || json_array_size(elements) == 0)
			continue;
		json_object_set_new(s->used, wanted, json_true());
		return elements;
	}
	return NULL;
}

/* {"elem": {"val": 80, "counter": …}} -> 80 */
static json_t *
plain(json_t *element)
{
	json_t *value = json_object_get(json_object_get(element, "elem"), "val");

	return value ? value : element;
}

static json_t *
set_of(const json_t *elements)
{
	json_t *array = json_array();

	for (size_t k = 0; k < json_array_size(elements); k++) {
		json_t *one = json_array_get(elements, k);

		if (json_is_array(one))
			json_array_append_new(
				array, json_pack("[O, O]", plain(json_array_get(one, 0)),
					       json_array_get(one, 1)));
		else
			json_array_append(array, plain(one));
	}
	return json_pack("{s:o}", "set", array);
}

/* The same with sets in the place of their names. */
static json_t *
resolve(struct import_json_sets *s, const json_t *rule, json_t *value)
{
	const char *name = json_string_value(value), *key;
	const json_t *elements = NULL;
	json_t *copy, *member;

	if (name && name[0] == '@')
		elements = elements_of(s, rule, name + 1);
	if (elements && json_array_size(elements) <= s->left) {
		s->left -= json_array_size(elements);
		return set_of(elements);
	}
	if (json_is_array(value)) {
		copy = json_array();
		for (size_t k = 0; k < json_array_size(value); k++)
			json_array_append_new(copy, resolve(s, rule, json_array_get(value, k)));
		return copy;
	}
	if (!json_is_object(value))
		return json_incref(value);
	copy = json_object();
	json_object_foreach(value, key, member)
	{
		json_object_set_new(copy, key, resolve(s, rule, member));
	}
	return copy;
}

/* {"match": {"op": "==", "left": KEY, "right": VALUE}}, one for each part of a concatenation. */
static void
append_matches(json_t *statements, json_t *key, json_t *value)
{
	json_t *keys = json_object_get(key, "concat"), *values = json_object_get(value, "concat");
	size_t n = keys ? json_array_size(keys) : 1;

	for (size_t k = 0; k < n; k++) {
		json_t *right = values ? json_array_get(values, k) : value;

		/* A part that is missing is nothing that is understood. */
		json_array_append_new(
			statements, json_pack("{s:{s:s, s:O, s:O}}", "match", "op", "==", "left",
					    keys ? json_array_get(keys, k) : key, "right",
					    right ? right : json_null()));
	}
}

/* {"dnat": {"addr": …, "port": …}} of a map's element. */
static json_t *
dnat_to(json_t *data)
{
	json_t *parts = json_object_get(data, "concat");

	if (!parts)
		return json_pack("{s:{s:O}}", "dnat", "addr", data);
	return json_pack("{s:{s:O, s:O}}", "dnat", "addr", json_array_get(parts, 0), "port",
		json_array_get(parts, 1));
}

/* The map of a statement ({"key": …, "data": {"set": …}}), or NULL. */
static json_t *
map_of(const json_t *statement, bool *ret_dnat)
{
	json_t *vmap = json_object_get(statement, "vmap");
	json_t *address = json_object_get(json_object_get(statement, "dnat"), "addr");

	*ret_dnat = !vmap;
	return vmap ? vmap : json_object_get(address, "map");
}

/* All statements but the mapping one, which an element takes the place of. */
static json_t *
with_element(json_t *statements, size_t at, bool dnat, json_t *element)
{
	json_t *all = json_array(), *map, *data = json_array_get(element, 1);
	bool ignored;

	for (size_t k = 0; k < json_array_size(statements); k++) {
		json_t *one = json_array_get(statements, k);

		if (k != at) {
			json_array_append(all, one);
			continue;
		}
		map = map_of(one, &ignored);
		append_matches(all, json_object_get(map, "key"), json_array_get(element, 0));
		if (dnat)
			json_array_append_new(all, dnat_to(data));
		else
			json_array_append(all, data);
	}
	return all;
}

static bool
expand_map(json_t *statements, json_t *ret)
{
	for (size_t at = 0; at < json_array_size(statements); at++) {
		bool dnat;
		json_t *map = map_of(json_array_get(statements, at), &dnat);
		json_t *pairs = json_object_get(json_object_get(map, "data"), "set");

		if (!json_is_array(pairs))
			continue;
		for (size_t k = 0; k < json_array_size(pairs); k++)
			json_array_append_new(
				ret, with_element(statements, at, dnat, json_array_get(pairs, k)));
		return true;
	}
	return false;
}

static bool
drops(const json_t *statements)
{
	for (size_t k = 0; k < json_array_size(statements); k++) {
		const json_t *one = json_array_get(statements, k);

		if (json_object_get(one, "drop") || json_object_get(one, "reject"))
			return true;
	}
	return false;
}

/* One rule of many sources that are dropped is many, each with as many as a rule may have. */
static bool
expand_sources(json_t *statements, json_t *ret)
{
	for (size_t at = 0; at < json_array_size(statements); at++) {
		json_t *match = json_object_get(json_array_get(statements, at), "match");
		json_t *set = json_object_get(json_object_get(match, "right"), "set");

		if (json_array_size(set) <= IMPORT_SOURCES_MAX)
			continue;
		for (size_t k = 0; k < json_array_size(set); k += IMPORT_SOURCES_MAX) {
			json_t *some = json_array(), *all = json_copy(statements);

			for (size_t n = k; n < k + IMPORT_SOURCES_MAX; n++)
				json_array_append(some, json_array_get(set, n));
			json_array_set_new(all, at,
				json_pack("{s:{s:O, s:O, s:{s:o}}}", "match", "op",
					json_object_get(match, "op"), "left",
					json_object_get(match, "left"), "right", "set", some));
			json_array_append_new(ret, all);
		}
		return true;
	}
	return false;
}

json_t *
import_json_expand(struct import_json_sets *s, const json_t *rule)
{
	json_t *statements = resolve(s, rule, json_object_get(rule, "expr")), *all = json_array();

	if (!expand_map(statements, all) && !(drops(statements) && expand_sources(statements, all)))
		json_array_append(all, statements);
	json_decref(statements);
	return all;
}
