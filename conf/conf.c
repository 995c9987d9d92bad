/* The configuration's life: counted, found in, freed. And the words of its values. */
#include "conf/conf.h"

#include "conf/container_state.h"
#include "conf/schema/schema.h"

#include <assert.h>
#include <stdlib.h>

struct conf *
conf_ref(struct conf *c)
{
	atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
	return c;
}

static void
free_texts(char **texts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(texts[i]);
	free(texts);
}

static void
free_target(struct conf_target *t)
{
	free(t->host);
	free(t->path);
	free(t->socket);
}

static void
free_site(struct conf_site *site)
{
	conf_heads_clear(&site->heads);
	conf_heads_clear(&site->hsts.heads);
	conf_pages_clear(&site->pages);
	free_texts(site->hosts, site->n_hosts);
	free(site->certificate_name);
	free(site->client.ca_file);
	for (size_t i = 0; i < site->n_routes; i++) {
		free(site->routes[i].path);
		conf_guard_clear(&site->routes[i].guard);
		free_target(&site->routes[i].target);
		for (size_t k = 0; k < site->routes[i].n_more; k++)
			free_target(&site->routes[i].more[k]);
		free(site->routes[i].more);
		free(site->routes[i].upstream.balance_name);
		free(site->routes[i].upstream.check_path);
		conf_heads_clear(&site->routes[i].heads);
		conf_files_clear(&site->routes[i].files);
		conf_upgrade_clear(&site->routes[i].upgrade);
		free(site->routes[i].trust.ca_file);
	}
	free(site->routes);
	free(site->trust.ca_file);
	conf_guard_clear(&site->guard);
	conf_upgrade_clear(&site->upgrade);
}

static void
free_container(struct conf_container *c)
{
	free(c->name);
	free(c->image_name);
	free_texts(c->image_args, c->n_image_args);
	free(c->cpus);
	for (size_t i = 0; i < c->n_mounts; i++) {
		free(c->mounts[i].source);
		free(c->mounts[i].target);
	}
	free(c->mounts);
	conf_policy_clear(&c->policy);
}

static void
free_conf(struct conf *c)
{
	for (size_t i = 0; i < c->n_certificates; i++) {
		free(c->certificates[i].name);
		free(c->certificates[i].chain_file);
		free(c->certificates[i].key_file);
	}
	for (size_t i = 0; i < c->n_sites; i++)
		free_site(&c->sites[i]);
	for (size_t i = 0; i < c->n_containers; i++)
		free_container(&c->containers[i]);
	for (size_t i = 0; i < c->n_forwards; i++) {
		free(c->forwards[i].host);
		free(c->forwards[i].interface);
		free(c->forwards[i].from);
	}
	conf_guard_clear(&c->guard);
	for (size_t i = 0; i < c->n_password_files; i++)
		free(c->password_files[i].path);
	free(c->password_files);
	free(c->ban.never);
	conf_blocks_clear(&c->blocks);
	conf_source_limits_clear(&c->source_limits);
	conf_opens_clear(&c->opens);
	conf_isolation_clear(&c->isolation);
	conf_heads_clear(&c->heads);
	conf_upgrade_clear(&c->upgrade);
	free(c->trusted);
	conf_pages_clear(&c->pages);
	free(c->all_pages);
	for (size_t i = 0; i < c->n_authorities; i++)
		free(c->authorities[i].file);
	free(c->authorities);
	free(c->trust.ca_file);
	free(c->asked);
	free(c->wan);
	free(c->bridge);
	free(c->listens);
	free(c->certificates);
	free(c->sites);
	free(c->containers);
	free(c->forwards);
	free(c->control_path);
	free(c->control_group);
	free(c->state_path);
	free(c->cache_store.disk_path);
	free(c->lxc_path);
	free(c->access_log);
	free(c);
}

void
conf_unref(struct conf **c)
{
	uint32_t before;

	if (!*c)
		return;
	/* The last one to let go must see what the others wrote before they did. */
	before = atomic_fetch_sub_explicit(&(*c)->refs, 1, memory_order_acq_rel);
	assert(before > 0);
	if (before == 1)
		free_conf(*c);
	*c = NULL;
}

void
conf_places_free(struct conf_places **places)
{
	if (!*places)
		return;
	free_texts((*places)->files, (*places)->n_files);
	free((*places)->places);
	free(*places);
	*places = NULL;
}

void
conf_places_apply(
	const struct conf_places *places, const uint32_t *source, size_t n_source, struct err *e)
{
	const struct conf_place *place;
	uint32_t ordinal = e->ordinal;
	char msg[ERR_MSG_MAX];

	if (source)
		ordinal = ordinal && ordinal <= n_source ? source[ordinal - 1] : 0;
	if (!ordinal || ordinal > places->n_places)
		return;
	place = &places->places[ordinal - 1];
	memcpy(msg, e->msg, sizeof(msg));
	err_at(e, places->files[place->file], place->line, place->col, "%s", msg);
	e->ordinal = ordinal;
}

bool
conf_needs_router(const struct conf *c)
{
	return conf_needs_forwarding(c) || c->ban.ordinal || c->ban.n_never ||
	       conf_blocks_written(&c->blocks) || c->source_limits.n || c->opens.n;
}

bool
conf_needs_forwarding(const struct conf *c)
{
	return c->bridge || c->n_forwards;
}

bool
conf_needs_lxc(const struct conf *c)
{
	return c->n_containers > 0;
}

int32_t
conf_find_container(const struct conf *c, struct slice name)
{
	for (size_t i = 0; i < c->n_containers; i++)
		if (slice_eq_str(name, c->containers[i].name))
			return (int32_t)i;
	return -1;
}

int32_t
conf_find_certificate(const struct conf *c, struct slice name)
{
	for (size_t i = 0; i < c->n_certificates; i++)
		if (slice_eq_str(name, c->certificates[i].name))
			return (int32_t)i;
	return -1;
}

const char *
conf_proto_name(enum conf_proto proto)
{
	return schema_word_name("forward", (int)proto);
}

const char *
conf_timeout_name(enum conf_timeout timeout)
{
	return schema_word_name("timeout", (int)timeout);
}

int32_t
conf_find_authority(const struct conf *c, const char *file)
{
	for (size_t i = 0; i < c->n_authorities; i++) {
		const char *known = c->authorities[i].file;

		if (known && file ? strcmp(known, file) == 0 : known == file)
			return (int32_t)i;
	}
	return -1;
}

bool
conf_target_is_server(const struct conf_target *t)
{
	switch (t->type) {
	case CONF_TARGET_CONTAINER:
	case CONF_TARGET_HTTP:
	case CONF_TARGET_HTTPS:
	case CONF_TARGET_UNIX:
		return true;
	case CONF_TARGET_DIR:
	case CONF_TARGET_REDIRECT:
	case CONF_TARGET_STATUS:
		break;
	}
	return false;
}

static bool
route_has_socket(const struct conf_route *route, struct slice path)
{
	for (size_t i = 0; i < conf_route_targets(route); i++) {
		const struct conf_target *t = conf_route_target(route, i);

		if (t->type == CONF_TARGET_UNIX && slice_eq_str(path, t->socket))
			return true;
	}
	return false;
}

bool
conf_has_socket(const struct conf *c, struct slice path)
{
	for (size_t i = 0; i < c->n_sites; i++)
		for (size_t k = 0; k < c->sites[i].n_routes; k++)
			if (route_has_socket(&c->sites[i].routes[k], path))
				return true;
	for (size_t i = 0; i < c->n_asked; i++)
		if (route_has_socket(c->asked[i], path))
			return true;
	return false;
}

bool
conf_route_has_tls(const struct conf_route *route)
{
	for (size_t i = 0; i < conf_route_targets(route); i++)
		if (conf_route_target(route, i)->type == CONF_TARGET_HTTPS)
			return true;
	return false;
}

const char *
conf_balance_name(enum conf_balance balance)
{
	return schema_word_name(
		balance < CONF_BALANCE_HASH_CLIENT ? "balance" : "balance hash", (int)balance);
}

bool
conf_target_is_same_server(const struct conf_target *a, const struct conf_target *b)
{
	if (a->type != b->type)
		return false;
	if (a->type == CONF_TARGET_UNIX)
		return strcmp(a->socket, b->socket) == 0;
	return a->port == b->port && strcmp(a->host, b->host) == 0;
}

const struct conf_target *
conf_route_target(const struct conf_route *route, size_t index)
{
	assert(index <= route->n_more);
	return index == 0 ? &route->target : &route->more[index - 1];
}

size_t
conf_route_targets(const struct conf_route *route)
{
	return 1 + route->n_more;
}

const char *
conf_listen_mode_name(enum conf_listen_mode mode)
{
	return mode == CONF_LISTEN_REDIRECT ? "redirect" : schema_word_name("listen", (int)mode);
}

const char *
container_state_name(enum container_state state)
{
	static const char *const names[] = {
#define CONTAINER_STATE_NAME(id, name, meaning) [CONTAINER_##id] = (name),
		CONTAINER_STATE_TABLE(CONTAINER_STATE_NAME)
#undef CONTAINER_STATE_NAME
	};

	return (unsigned)state < CONTAINER_STATE_COUNT ? names[state] : "?";
}
