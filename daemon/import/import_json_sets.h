/* Sets and maps of `nft -j list ruleset`, followed as import_sets.h does it with text. */
#ifndef DAEMON_IMPORT_JSON_SETS_H
#define DAEMON_IMPORT_JSON_SETS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct import_json_sets {
	const json_t *list; /* all that nft listed */
	json_t *used;       /* an object: the names of sets that a rule asked */
	size_t left;        /* elements that may yet be written out */
};

/* An array of what the rule's statements become: its own, or one for each element of a map. The
 * caller's; NULL when memory is short. */
json_t *import_json_expand(struct import_json_sets *s, const json_t *rule);
/* Whether a rule asked this set or map, and it was not empty. */
bool import_json_used(const struct import_json_sets *s, const json_t *set);

#endif
