/*
 * Bans over the API: orders to the router, and its list. What a query may say is little: an address
 * and a time.
 */
#include "daemon/control/control.h"

#include "core/addr.h"
#include "core/num.h"

#define BAN_MIN_MS 1000
#define BAN_MAX_MS (UINT64_C(30) * 24 * 3600 * 1000)

struct ban_query {
	struct slice address;
	uint64_t for_ms; /* 0: not said */
};

/* "address=192.0.2.7&for=1h". 0, or -1 with *ret_why. */
static int
parse_query(struct slice query, struct ban_query *ret, const char **ret_why)
{
	const struct slice address = SLICE_LIT("address="), how_long = SLICE_LIT("for=");
	struct ban_query q = {0};
	struct addr a;

	*ret_why = "write address=ADDRESS, and for=TIME behind a & where it is a ban";
	while (query.n) {
		struct slice one = slice_head(query, slice_index(query, '&'));

		query = slice_skip(query, one.n + 1);
		if (slice_starts(one, address)) {
			q.address = slice_skip(one, address.n);
		} else if (!slice_starts(one, how_long)) {
			return -1;
		} else if (num_parse_time(slice_skip(one, how_long.n), BAN_MIN_MS, BAN_MAX_MS,
				   &q.for_ms) < 0) {
			*ret_why = "a ban is for a time from 1s to 30d, like 90s, 1h or 7d";
			return -1;
		}
	}
	if (addr_parse(q.address, &a) < 0) {
		*ret_why = "a ban is for one address, like 198.51.100.7 or 2001:db8::7 (and its "
			   "/64); networks can't be banned";
		return -1;
	}
	*ret = q;
	return 0;
}

static void
bans_add(struct control *c, struct evhttp_request *req, struct slice query)
{
	const struct conf *conf = c->state.conf;
	struct ban_query q;
	const char *why;
	uint64_t for_ms;

	if (parse_query(query, &q, &why) < 0) {
		control_http_error(req, 400, why);
		return;
	}
	for_ms = conf && conf->ban.ordinal ? conf->ban.for_ms : CONF_BAN_FOR_MS;
	control_wait_ban(c, req,
		&(struct control_ban){
			.address = q.address, .for_ms = q.for_ms ? q.for_ms : for_ms});
}

static void
bans_remove(struct control *c, struct evhttp_request *req, struct slice query)
{
	struct ban_query q;
	const char *why;

	if (parse_query(query, &q, &why) < 0 || q.for_ms)
		control_http_error(req, 400, why);
	else
		control_wait_ban(c, req, &(struct control_ban){.address = q.address});
}

void
control_bans_serve(struct control *c, struct evhttp_request *req, enum control_endpoint what,
	struct slice query)
{
	if (what == CONTROL_BAN_ADD)
		bans_add(c, req, query);
	else if (what == CONTROL_BAN_REMOVE)
		bans_remove(c, req, query);
	else if (what == CONTROL_BAN_CLEAR)
		control_wait_ban(c, req, &(struct control_ban){0});
	else
		control_wait_bans(c, req);
}
