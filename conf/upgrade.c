/* Protocols that may be switched to: found, inherited, compared, freed. */
#include "conf/upgrade.h"

#include <stdlib.h>
#include <string.h>

const char *
conf_upgrade_find(const struct conf_upgrade *upgrade, struct slice protocol)
{
	const struct conf_upgrade *from = upgrade->from;

	for (size_t i = 0; from && i < from->n; i++)
		if (slice_ieq(slice_str(from->protocols[i]), protocol))
			return from->protocols[i];
	return NULL;
}

bool
conf_upgrade_equal(const struct conf_upgrade *a, const struct conf_upgrade *b)
{
	if (a->n != b->n || !a->ordinal != !b->ordinal)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->protocols[i], b->protocols[i]) != 0)
			return false;
	return true;
}

void
conf_upgrade_inherit(struct conf_upgrade *upgrade, const struct conf_upgrade *outer)
{
	if (upgrade->ordinal)
		upgrade->from = upgrade->n > 0 ? upgrade : NULL;
	else
		upgrade->from = outer ? outer->from : NULL;
}

void
conf_upgrade_clear(struct conf_upgrade *upgrade)
{
	for (size_t i = 0; i < upgrade->n; i++)
		free(upgrade->protocols[i]);
	free(upgrade->protocols);
	*upgrade = (struct conf_upgrade){0};
}
