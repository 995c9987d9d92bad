/* Names taken, by kind. A number is kept as a pointer that is never followed, one higher. */
#include "conf/names.h"

#include "conf/lex.h"

/* The owner's number and the name, side by side. */
struct name_key {
	char bytes[sizeof(size_t) + LEX_WORD_MAX];
};

static struct slice
make_key(const struct name *name, struct name_key *key)
{
	struct slice text = slice_head(name->text, LEX_WORD_MAX);

	memcpy(key->bytes, &name->owner, sizeof(name->owner));
	memcpy(key->bytes + sizeof(name->owner), text.p, text.n);
	return slice_of(key->bytes, sizeof(name->owner) + text.n);
}

int
names_init(struct names *names)
{
	*names = (struct names){0};
	for (size_t i = 0; i < NAME_KIND_COUNT; i++) {
		names->maps[i] = map_new();
		if (!names->maps[i]) {
			names_clear(names);
			return -1;
		}
	}
	return 0;
}

void
names_clear(struct names *names)
{
	for (size_t i = 0; i < NAME_KIND_COUNT; i++)
		map_free(&names->maps[i]);
}

int
names_take(struct names *names, struct name name, uint32_t number, uint32_t *ret_taken)
{
	int64_t taken = names_find(names, name);
	struct name_key key;

	if (taken >= 0) {
		*ret_taken = (uint32_t)taken;
		return 1;
	}
	return map_set(names->maps[name.kind], make_key(&name, &key),
		(void *)((uintptr_t)number + 1), NULL);
}

int64_t
names_find(const struct names *names, struct name name)
{
	struct name_key key;
	uintptr_t kept = (uintptr_t)map_find(names->maps[name.kind], make_key(&name, &key));

	return (int64_t)kept - 1;
}
