/* The roles' names, from the table. */
#include "core/role.h"

#include <string.h>

static const char *const names[ROLE_COUNT] = {
#define ROLE_NAME(id, name, what) [ROLE_##id] = (name),
	ROLE_TABLE(ROLE_NAME)
#undef ROLE_NAME
};

const char *
role_name(enum role role)
{
	return (unsigned)role < ROLE_COUNT ? names[role] : "?";
}

int
role_find(const char *name, enum role *ret)
{
	for (unsigned i = 0; i < ROLE_COUNT; i++) {
		if (strcmp(names[i], name) == 0) {
			*ret = (enum role)i;
			return 0;
		}
	}
	return -1;
}
