/* Whether two configurations say the same: field by field, ordinals apart. What is printed only
 * when it was written counts as said only then. */
#include "conf/conf.h"

static bool
same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool
same_texts(char *const *a, char *const *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!same_text(a[i], b[i]))
			return false;
	return true;
}

static bool
same_presence(uint32_t a, uint32_t b)
{
	return !a == !b;
}

static bool
same_prefix(const struct prefix *a, const struct prefix *b)
{
	return addr_eq(&a->addr, &b->addr) && a->len == b->len;
}

static bool
same_limits(const struct conf_limits *a, const struct conf_limits *b)
{
	for (size_t i = 0; i < CONF_TIMEOUT_COUNT; i++)
		if (a->timeout_ms[i] != b->timeout_ms[i] ||
			a->timeout_written[i] != b->timeout_written[i])
			return false;
	return a->body_limit == b->body_limit && a->body_limit_written == b->body_limit_written &&
	       a->encoded_refused == b->encoded_refused && a->encoded_written == b->encoded_written;
}

static bool
same_bridge(const struct conf_bridge *a, const struct conf_bridge *b)
{
	if (!a || !b)
		return a == b;
	return same_text(a->name, b->name) && same_prefix(&a->v4, &b->v4) &&
	       same_prefix(&a->v6, &b->v6);
}

static bool
same_listen(const struct conf_listen *a, const struct conf_listen *b)
{
	return addr_eq(&a->addr, &b->addr) && a->port == b->port && a->mode == b->mode &&
	       a->http2 == b->http2 && a->proxy_protocol == b->proxy_protocol;
}

static bool
same_certificate(const struct conf_certificate *a, const struct conf_certificate *b)
{
	return same_text(a->name, b->name) && same_text(a->chain_file, b->chain_file) &&
	       same_text(a->key_file, b->key_file) && a->second == b->second;
}

static bool
same_target(const struct conf_target *a, const struct conf_target *b)
{
	return a->type == b->type && same_text(a->host, b->host) &&
	       same_text(a->socket, b->socket) && a->container == b->container &&
	       a->port == b->port && same_text(a->path, b->path) && a->code == b->code &&
	       a->weight == b->weight;
}

static bool
same_targets(const struct conf_route *a, const struct conf_route *b)
{
	if (a->n_more != b->n_more)
		return false;
	for (size_t i = 0; i < conf_route_targets(a); i++)
		if (!same_target(conf_route_target(a, i), conf_route_target(b, i)))
			return false;
	return true;
}

static bool
same_check(const struct conf_upstream *a, const struct conf_upstream *b)
{
	return a->check == b->check && same_text(a->check_path, b->check_path) &&
	       a->check_every_ms == b->check_every_ms &&
	       a->check_timeout_ms == b->check_timeout_ms && a->check_fall == b->check_fall &&
	       a->check_rise == b->check_rise && a->check_status_low == b->check_status_low &&
	       a->check_status_high == b->check_status_high;
}

static bool
same_upstream(const struct conf_upstream *a, const struct conf_upstream *b)
{
	return a->balance == b->balance && same_text(a->balance_name, b->balance_name) &&
	       same_presence(a->balance_ordinal, b->balance_ordinal) &&
	       a->passive_fail == b->passive_fail && a->passive_in_ms == b->passive_in_ms &&
	       a->passive_for_ms == b->passive_for_ms &&
	       same_presence(a->passive_ordinal, b->passive_ordinal) && same_check(a, b) &&
	       a->slow_start_ms == b->slow_start_ms && a->connections == b->connections &&
	       a->queue == b->queue && a->queue_timeout_ms == b->queue_timeout_ms;
}

static bool
same_trust(const struct conf_trust *a, const struct conf_trust *b)
{
	return a->verify == b->verify && same_text(a->ca_file, b->ca_file) &&
	       same_presence(a->ca_ordinal, b->ca_ordinal) &&
	       same_presence(a->verify_ordinal, b->verify_ordinal);
}

static bool
same_route(const struct conf_route *a, const struct conf_route *b)
{
	return a->exact == b->exact && same_text(a->path, b->path) && same_targets(a, b) &&
	       same_upstream(&a->upstream, &b->upstream) && same_trust(&a->trust, &b->trust) &&
	       same_limits(&a->limits, &b->limits) && conf_guard_equal(&a->guard, &b->guard) &&
	       conf_heads_equal(&a->heads, &b->heads) &&
	       conf_compress_equal(&a->compress, &b->compress) &&
	       conf_cache_equal(&a->cache, &b->cache) &&
	       conf_bodies_equal(&a->bodies, &b->bodies) &&
	       conf_upgrade_equal(&a->upgrade, &b->upgrade) &&
	       conf_files_equal(&a->files, &b->files) && a->proxy_protocol == b->proxy_protocol;
}

static bool
same_site(const struct conf_site *a, const struct conf_site *b)
{
	if (a->n_hosts != b->n_hosts || a->n_routes != b->n_routes ||
		a->short_form != b->short_form || a->certificate != b->certificate ||
		!same_text(a->certificate_name, b->certificate_name) ||
		!conf_client_equal(&a->client, &b->client) ||
		!same_texts(a->hosts, b->hosts, a->n_hosts) ||
		!same_limits(&a->limits, &b->limits) || !same_trust(&a->trust, &b->trust) ||
		!conf_guard_equal(&a->guard, &b->guard) ||
		!conf_heads_equal(&a->heads, &b->heads) || !conf_hsts_equal(&a->hsts, &b->hsts) ||
		!conf_pages_equal(&a->pages, &b->pages) ||
		!conf_compress_equal(&a->compress, &b->compress) ||
		!conf_cache_equal(&a->cache, &b->cache) ||
		!conf_bodies_equal(&a->bodies, &b->bodies) ||
		!conf_upgrade_equal(&a->upgrade, &b->upgrade))
		return false;
	for (size_t i = 0; i < a->n_routes; i++)
		if (!same_route(&a->routes[i], &b->routes[i]))
			return false;
	return true;
}

static bool
same_mounts(const struct conf_container *a, const struct conf_container *b)
{
	if (a->n_mounts != b->n_mounts)
		return false;
	for (size_t i = 0; i < a->n_mounts; i++)
		if (!same_text(a->mounts[i].source, b->mounts[i].source) ||
			!same_text(a->mounts[i].target, b->mounts[i].target) ||
			a->mounts[i].writable != b->mounts[i].writable)
			return false;
	return true;
}

static bool
same_image(const struct conf_container *a, const struct conf_container *b)
{
	return a->image == b->image && same_text(a->image_name, b->image_name) &&
	       a->n_image_args == b->n_image_args &&
	       same_texts(a->image_args, b->image_args, a->n_image_args);
}

static bool
same_start(const struct conf_container *a, const struct conf_container *b)
{
	return a->autostart == b->autostart && a->autostart_order == b->autostart_order &&
	       a->autostart_delay_ms == b->autostart_delay_ms &&
	       a->stop_timeout_ms == b->stop_timeout_ms &&
	       same_presence(a->stop_timeout_ordinal, b->stop_timeout_ordinal);
}

bool
conf_container_equal(const struct conf_container *a, const struct conf_container *b)
{
	return same_text(a->name, b->name) && same_image(a, b) &&
	       addr_eq(&a->address, &b->address) && addr_eq(&a->address6, &b->address6) &&
	       a->address_auto == b->address_auto && a->address6_auto == b->address6_auto &&
	       a->memory == b->memory && a->swap == b->swap && same_text(a->cpus, b->cpus) &&
	       same_start(a, b) && same_mounts(a, b) && a->privileged == b->privileged &&
	       same_presence(a->privileged_ordinal, b->privileged_ordinal) &&
	       conf_policy_equal(&a->policy, &b->policy);
}

static bool
same_prefixes(const struct prefix *a, const struct prefix *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!same_prefix(&a[i], &b[i]))
			return false;
	return true;
}

bool
conf_forward_equal(const struct conf_forward *a, const struct conf_forward *b)
{
	if (a->proto != b->proto || a->low != b->low || a->high != b->high ||
		!addr_eq(&a->listen, &b->listen) || !same_text(a->interface, b->interface) ||
		a->masquerade != b->masquerade || a->confirm != b->confirm ||
		!same_text(a->host, b->host) || a->target_low != b->target_low ||
		a->target_high != b->target_high || a->n_from != b->n_from)
		return false;
	return same_prefixes(a->from, b->from, a->n_from);
}

static bool
same_overload(const struct conf_overload *a, const struct conf_overload *b)
{
	return a->connections == b->connections && a->buffer_memory == b->buffer_memory &&
	       a->min_rate == b->min_rate && a->min_rate_after_ms == b->min_rate_after_ms &&
	       same_presence(a->connections_ordinal, b->connections_ordinal) &&
	       same_presence(a->buffer_memory_ordinal, b->buffer_memory_ordinal) &&
	       same_presence(a->min_rate_ordinal, b->min_rate_ordinal);
}

static bool
same_store(const struct conf_cache_store *a, const struct conf_cache_store *b)
{
	return a->memory == b->memory && same_presence(a->memory_ordinal, b->memory_ordinal) &&
	       a->disk == b->disk && same_text(a->disk_path, b->disk_path) &&
	       a->disk_free == b->disk_free;
}

static bool
same_daemon(const struct conf *a, const struct conf *b)
{
	return same_overload(&a->overload, &b->overload) &&
	       same_store(&a->cache_store, &b->cache_store) &&
	       same_text(a->control_path, b->control_path) &&
	       same_text(a->control_group, b->control_group) &&
	       same_presence(a->control_ordinal, b->control_ordinal) &&
	       same_text(a->state_path, b->state_path) &&
	       same_presence(a->state_ordinal, b->state_ordinal) &&
	       same_text(a->lxc_path, b->lxc_path) &&
	       same_presence(a->lxc_path_ordinal, b->lxc_path_ordinal) &&
	       a->threads == b->threads && same_presence(a->threads_ordinal, b->threads_ordinal);
}

static bool
same_logs(const struct conf *a, const struct conf *b)
{
	return same_text(a->access_log, b->access_log) && a->access_format == b->access_format &&
	       a->log_level == b->log_level && a->log_format == b->log_format &&
	       same_presence(a->log_level_ordinal, b->log_level_ordinal) &&
	       same_presence(a->log_format_ordinal, b->log_format_ordinal);
}

static bool
same_network(const struct conf *a, const struct conf *b)
{
	if (!same_text(a->wan, b->wan) || !same_bridge(a->bridge, b->bridge) ||
		a->n_listens != b->n_listens || a->n_certificates != b->n_certificates ||
		a->n_forwards != b->n_forwards || a->n_trusted != b->n_trusted ||
		!same_prefixes(a->trusted, b->trusted, a->n_trusted))
		return false;
	for (size_t i = 0; i < a->n_listens; i++)
		if (!same_listen(&a->listens[i], &b->listens[i]))
			return false;
	for (size_t i = 0; i < a->n_certificates; i++)
		if (!same_certificate(&a->certificates[i], &b->certificates[i]))
			return false;
	for (size_t i = 0; i < a->n_forwards; i++)
		if (!conf_forward_equal(&a->forwards[i], &b->forwards[i]) ||
			a->forwards[i].container != b->forwards[i].container)
			return false;
	return true;
}

bool
conf_equal(const struct conf *a, const struct conf *b)
{
	if (a->n_sites != b->n_sites || a->n_containers != b->n_containers || !same_network(a, b) ||
		!same_daemon(a, b) || !same_logs(a, b) || !same_limits(&a->limits, &b->limits) ||
		!conf_ban_equal(&a->ban, &b->ban) || !conf_blocks_equal(&a->blocks, &b->blocks) ||
		!conf_source_limits_equal(&a->source_limits, &b->source_limits) ||
		!conf_opens_equal(&a->opens, &b->opens) ||
		!conf_isolation_equal(&a->isolation, &b->isolation) ||
		!conf_guard_equal(&a->guard, &b->guard) || !same_trust(&a->trust, &b->trust) ||
		!conf_tls_equal(&a->tls, &b->tls) || !conf_heads_equal(&a->heads, &b->heads) ||
		!conf_pages_equal(&a->pages, &b->pages) ||
		!conf_compress_equal(&a->compress, &b->compress) ||
		!conf_cache_equal(&a->cache, &b->cache) ||
		!conf_bodies_equal(&a->bodies, &b->bodies) ||
		!conf_upgrade_equal(&a->upgrade, &b->upgrade))
		return false;
	for (size_t i = 0; i < a->n_sites; i++)
		if (!same_site(&a->sites[i], &b->sites[i]))
			return false;
	for (size_t i = 0; i < a->n_containers; i++)
		if (!conf_container_equal(&a->containers[i], &b->containers[i]))
			return false;
	return true;
}
