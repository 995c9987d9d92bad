/* Walking X-Forwarded-For. */
#include "proxy/guard/client.h"

#include "core/num.h"

bool
client_is_trusted(const struct conf *c, const struct addr *a)
{
	for (size_t i = 0; i < c->n_trusted; i++)
		if (prefix_contains(&c->trusted[i], a))
			return true;
	return false;
}

int
client_parse(struct slice element, struct addr *ret)
{
	struct slice s = element;
	struct addr v4;
	uint16_t port;

	if (s.n && s.p[0] == '[') {
		size_t end = slice_index(s, ']');
		struct slice behind = slice_skip(s, end + 1);
		uint64_t number;

		if (end == s.n ||
			(behind.n && (behind.p[0] != ':' || num_parse(slice_skip(behind, 1), 0,
								    UINT16_MAX, &number) < 0)))
			return -1;
		return addr_parse_foreign(slice_of(s.p + 1, end - 1), ret);
	}
	if (addr_parse_port(s, &v4, &port) == 0) {
		*ret = v4;
		return 0;
	}
	return addr_parse_foreign(s, ret);
}

/* Takes the last element of a list off its end. False when there is none. */
static bool
take_last(struct slice *list, struct slice *ret)
{
	while (list->n > 0) {
		size_t from = list->n;
		struct slice element;

		while (from > 0 && list->p[from - 1] != ',')
			from--;
		element = slice_trim(slice_skip(*list, from));
		*list = slice_head(*list, from ? from - 1 : 0);
		if (element.n) {
			*ret = element;
			return true;
		}
	}
	return false;
}

struct addr
client_find(const struct conf *c, const struct addr *peer, const struct http_request *r)
{
	struct addr client = *peer;
	unsigned hops = 0;

	for (size_t i = r->n_fields; i > 0; i--) {
		struct slice list = http_request_slice(r, r->fields[i - 1].value), element;

		if (r->fields[i - 1].id != HTTP_NAME_X_FORWARDED_FOR)
			continue;
		while (take_last(&list, &element)) {
			/* What cannot be read was not written by one that is trusted. */
			if (++hops > CLIENT_HOPS_MAX || client_parse(element, &client) < 0 ||
				!client_is_trusted(c, &client))
				return client;
		}
	}
	return client;
}
