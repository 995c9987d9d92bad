/*
 * A configuration as canonical text: one directive a line, in a fixed order, blocks indented by a
 * tab, everything absolute, words quoted only where they must be, defaults only where they were
 * written. What this prints, the parser reads back as an equal configuration.
 */
#include "conf/conf.h"

#include "conf/print/print_block.h"
#include "conf/print/print_bodies.h"
#include "conf/print/print_cache.h"
#include "conf/print/print_compress.h"
#include "conf/print/print_files.h"
#include "conf/print/print_guard.h"
#include "conf/print/print_tls.h"
#include "conf/print/print_heads.h"
#include "conf/print/print_upgrade.h"
#include "conf/print/print_upstream.h"
#include "conf/schema/schema.h"
#include "conf/write.h"
#include "core/own.h"

#include <stdlib.h>

/* ---- limits ---- */

static uint32_t
first_timeout(const struct conf_limits *limits)
{
	uint32_t first = 0;

	for (size_t i = 0; i < CONF_TIMEOUT_COUNT; i++)
		if (limits->timeout_written[i] && (!first || limits->timeout_ordinal[i] < first))
			first = limits->timeout_ordinal[i];
	return first;
}

static bool
limits_written(const struct conf_limits *limits)
{
	return limits->body_limit_written || limits->encoded_written || first_timeout(limits);
}

static void
print_encoded(struct writer *w, const struct conf_limits *limits)
{
	if (!limits->encoded_written)
		return;
	writer_begin(w, limits->encoded_ordinal, "encoded");
	writer_word(w, limits->encoded_refused ? "refuse" : "allow");
	for (int i = 0; i < CONF_ENCODED_COUNT; i++)
		if (limits->encoded_refused >> i & 1)
			writer_word(w, schema_word_name("encoded refuse", i));
	writer_end(w);
}

static void
print_limits(struct writer *w, const struct conf_limits *limits)
{
	if (limits->body_limit_written) {
		writer_begin(w, limits->body_limit_ordinal, "body-limit");
		if (limits->body_limit)
			writer_size(w, limits->body_limit);
		else
			writer_word(w, "off");
		writer_end(w);
	}
	print_encoded(w, limits);
	if (!first_timeout(limits))
		return;
	writer_begin(w, first_timeout(limits), "timeout");
	for (size_t i = 0; i < CONF_TIMEOUT_COUNT; i++)
		if (limits->timeout_written[i]) {
			writer_word(w, conf_timeout_name((enum conf_timeout)i));
			writer_time(w, limits->timeout_ms[i]);
		}
	writer_end(w);
}

/* ---- sites ---- */

static void
print_route(struct writer *w, const struct conf_route *route)
{
	writer_begin(w, route->ordinal, "route");
	if (route->exact)
		writer_raw(w, " =");
	writer_word(w, route->path);
	print_targets(w, route);
	if (!limits_written(&route->limits) && !upstream_written(&route->upstream) &&
		!conf_guard_written(&route->guard) && !trust_written(&route->trust) &&
		!conf_heads_written(&route->heads) && !route->compress.ordinal &&
		!route->cache.ordinal && !conf_bodies_written(&route->bodies) &&
		!route->upgrade.ordinal && !conf_files_written(&route->files) &&
		!route->proxy_protocol) {
		writer_end(w);
		return;
	}
	writer_open(w);
	print_upstream(w, &route->upstream);
	print_trust(w, &route->trust);
	print_limits(w, &route->limits);
	print_guard(w, &route->guard);
	print_heads(w, &route->heads);
	print_proxy_protocol(w, route);
	print_compress(w, &route->compress);
	print_cache(w, &route->cache);
	print_bodies(w, &route->bodies);
	print_upgrade(w, &route->upgrade);
	print_files(w, &route->files);
	writer_close(w);
}

static void
print_site(struct writer *w, const struct conf_site *site)
{
	writer_begin(w, site->ordinal, "site");
	for (size_t i = 0; i < site->n_hosts; i++)
		writer_word(w, site->hosts[i]);
	if (site->short_form) {
		print_targets(w, &site->routes[0]);
		writer_end(w);
		return;
	}
	writer_open(w);
	if (site->certificate_name) {
		writer_begin(w, site->certificate_ordinal, "certificate");
		writer_word(w, site->certificate_name);
		writer_end(w);
	}
	print_client(w, &site->client);
	print_trust(w, &site->trust);
	print_limits(w, &site->limits);
	print_guard(w, &site->guard);
	print_heads(w, &site->heads);
	print_hsts(w, &site->hsts);
	print_pages(w, &site->pages);
	print_compress(w, &site->compress);
	print_cache(w, &site->cache);
	print_bodies(w, &site->bodies);
	print_upgrade(w, &site->upgrade);
	for (size_t i = 0; i < site->n_routes; i++)
		print_route(w, &site->routes[i]);
	writer_close(w);
}

/* ---- containers ---- */

static void
print_image(struct writer *w, const struct conf_container *c)
{
	if (c->image == CONF_IMAGE_NONE)
		return;
	writer_begin(w, c->image_ordinal, "image");
	if (c->image != CONF_IMAGE_DIST)
		writer_word(w, schema_word_name("image", (int)c->image));
	if (c->image_name)
		writer_word(w, c->image_name);
	for (size_t i = 0; i < c->n_image_args; i++)
		writer_word(w, c->image_args[i]);
	writer_end(w);
}

static void
print_address(struct writer *w, const struct conf_container *c)
{
	char text[ADDR_TEXT_MAX];

	if (!c->address.family && !c->address_auto)
		return;
	writer_begin(w, c->address_ordinal, "address");
	writer_word(w, c->address.family ? addr_print(&c->address, text) : "auto");
	if (c->address6.family)
		writer_word(w, addr_print(&c->address6, text));
	else if (c->address6_auto && c->address.family)
		writer_word(w, "auto");
	writer_end(w);
}

static void
print_resources(struct writer *w, const struct conf_container *c)
{
	if (c->memory) {
		writer_begin(w, c->memory_ordinal, "memory");
		writer_size(w, c->memory);
		if (c->swap) {
			writer_raw(w, " swap");
			writer_size(w, c->swap);
		}
		writer_end(w);
	}
	if (c->cpus) {
		writer_begin(w, c->cpus_ordinal, "cpus");
		writer_word(w, c->cpus);
		writer_end(w);
	}
}

static void
print_autostart(struct writer *w, const struct conf_container *c)
{
	if (!c->autostart)
		return;
	writer_begin(w, c->autostart_ordinal, "autostart");
	if (c->autostart_order) {
		writer_raw(w, " order");
		writer_number(w, c->autostart_order);
	}
	if (c->autostart_delay_ms) {
		writer_raw(w, " delay");
		writer_time(w, c->autostart_delay_ms);
	}
	writer_end(w);
}

static void
print_mount(struct writer *w, const struct conf_mount *mount)
{
	writer_begin(w, mount->ordinal, "mount");
	writer_word(w, mount->source);
	writer_word(w, mount->target);
	if (mount->writable)
		writer_raw(w, " rw");
	writer_end(w);
}

static void
print_container_block(struct writer *w, const struct conf_container *c)
{
	print_image(w, c);
	print_address(w, c);
	print_resources(w, c);
	print_autostart(w, c);
	for (size_t i = 0; i < c->n_mounts; i++)
		print_mount(w, &c->mounts[i]);
	if (c->privileged_ordinal) {
		writer_begin(w, c->privileged_ordinal, "privileged");
		writer_word(w, c->privileged ? "yes" : "no");
		writer_end(w);
	}
	if (c->stop_timeout_ordinal) {
		writer_begin(w, c->stop_timeout_ordinal, "stop-timeout");
		writer_time(w, c->stop_timeout_ms);
		writer_end(w);
	}
	print_policy(w, &c->policy);
}

static void
print_container(struct writer *w, const struct conf_container *c)
{
	writer_begin(w, c->ordinal, "container");
	writer_word(w, c->name);
	writer_open(w);
	print_container_block(w, c);
	writer_close(w);
}

/* ---- the network ---- */

static void
print_bridge(struct writer *w, const struct conf_bridge *bridge)
{
	char text[ADDR_TEXT_MAX];

	writer_begin(w, bridge->ordinal, "bridge");
	writer_word(w, bridge->name);
	writer_word(w, prefix_print(&bridge->v4, text));
	if (bridge->v6.addr.family)
		writer_word(w, prefix_print(&bridge->v6, text));
	writer_end(w);
}

static void
print_listen(struct writer *w, const struct conf_listen *l)
{
	char text[ADDR_PORT_TEXT_MAX];

	writer_begin(w, l->ordinal, "listen");
	if (l->addr.family)
		writer_word(w, addr_print_port(&l->addr, l->port, text));
	else
		writer_number(w, l->port);
	if (l->mode != CONF_LISTEN_REDIRECT)
		writer_word(w, conf_listen_mode_name(l->mode));
	if (l->http2)
		writer_word(w, "http2");
	if (l->proxy_protocol)
		writer_word(w, "proxy-protocol");
	writer_end(w);
}

static void
print_certificate(struct writer *w, const struct conf_certificate *certificate)
{
	writer_begin(w, certificate->ordinal, "certificate");
	writer_word(w, certificate->name);
	writer_word(w, certificate->chain_file);
	writer_word(w, certificate->key_file);
	writer_end(w);
}

static void
print_forward(struct writer *w, const struct conf_forward *f)
{
	char text[ADDR_TEXT_MAX];

	writer_begin(w, f->ordinal, "forward");
	writer_word(w, conf_proto_name(f->proto));
	writer_raw(w, " ");
	if (f->listen.family) {
		bool v6 = f->listen.family == AF_INET6;

		writer_raw(w, v6 ? "[" : "");
		writer_raw(w, addr_print(&f->listen, text));
		writer_raw(w, v6 ? "]:" : ":");
	}
	writer_ports(w, f->low, f->high);
	if (f->interface) {
		writer_raw(w, " on");
		writer_word(w, f->interface);
	}
	writer_raw(w, " -> ");
	writer_raw(w, f->host);
	writer_raw(w, ":");
	writer_ports(w, f->target_low, f->target_high);
	if (f->masquerade)
		writer_raw(w, " masquerade");
	if (f->confirm)
		writer_raw(w, " confirm");
	if (f->n_from)
		writer_raw(w, " from");
	for (size_t i = 0; i < f->n_from; i++)
		writer_word(w, prefix_print(&f->from[i], text));
	writer_end(w);
}

/* ---- the daemon ---- */

static void
print_paths(struct writer *w, const struct conf *c)
{
	if (c->control_ordinal) {
		writer_begin(w, c->control_ordinal, "control");
		writer_word(w, c->control_path);
		if (c->control_group) {
			writer_raw(w, " group");
			writer_word(w, c->control_group);
		}
		writer_end(w);
	}
	if (c->state_ordinal) {
		writer_begin(w, c->state_ordinal, "state");
		writer_word(w, c->state_path);
		writer_end(w);
	}
	if (c->lxc_path_ordinal) {
		writer_begin(w, c->lxc_path_ordinal, "lxc-path");
		writer_word(w, c->lxc_path);
		writer_end(w);
	}
}

static void
print_overload(struct writer *w, const struct conf_overload *o)
{
	if (o->connections_ordinal) {
		writer_begin(w, o->connections_ordinal, "connections");
		if (o->connections)
			writer_number(w, o->connections);
		else
			writer_word(w, "auto");
		writer_end(w);
	}
	if (o->buffer_memory_ordinal) {
		writer_begin(w, o->buffer_memory_ordinal, "buffer-memory");
		if (o->buffer_memory)
			writer_size(w, o->buffer_memory);
		else
			writer_word(w, "auto");
		writer_end(w);
	}
	if (!o->min_rate_ordinal)
		return;
	writer_begin(w, o->min_rate_ordinal, "min-rate");
	if (o->min_rate) {
		writer_size(w, o->min_rate);
		writer_word(w, "after");
		writer_time(w, o->min_rate_after_ms);
	} else {
		writer_word(w, "off");
	}
	writer_end(w);
}

static void
print_threads(struct writer *w, const struct conf *c)
{
	if (!c->threads_ordinal)
		return;
	writer_begin(w, c->threads_ordinal, "threads");
	if (c->threads)
		writer_number(w, c->threads);
	else
		writer_word(w, "auto");
	writer_end(w);
}

static void
print_log(struct writer *w, const struct conf *c)
{
	if (c->access_log) {
		writer_begin(w, c->access_ordinal, "log access");
		writer_word(w, c->access_log);
		if (c->access_format != CONF_ACCESS_COMBINED)
			writer_word(w, schema_word_name("log access", (int)c->access_format));
		writer_end(w);
	}
	if (c->log_level_ordinal) {
		writer_begin(w, c->log_level_ordinal, "log level");
		writer_word(w, schema_word_name("log level", (int)c->log_level));
		writer_end(w);
	}
	if (c->log_format_ordinal) {
		writer_begin(w, c->log_format_ordinal, "log format");
		writer_word(w, schema_word_name("log format", (int)c->log_format));
		writer_end(w);
	}
}

static void
print_all(struct writer *w, const struct conf *c)
{
	if (c->wan) {
		writer_begin(w, c->wan_ordinal, "wan");
		writer_word(w, c->wan);
		writer_end(w);
	}
	if (c->bridge)
		print_bridge(w, c->bridge);
	for (size_t i = 0; i < c->n_listens; i++)
		print_listen(w, &c->listens[i]);
	for (size_t i = 0; i < c->n_certificates; i++)
		print_certificate(w, &c->certificates[i]);
	print_tls(w, &c->tls);
	print_trust(w, &c->trust);
	print_limits(w, &c->limits);
	print_guard(w, &c->guard);
	print_ban(w, &c->ban);
	print_blocks(w, &c->blocks);
	print_source_limits(w, &c->source_limits);
	print_opens(w, &c->opens);
	print_trusted(w, c);
	print_heads(w, &c->heads);
	print_pages(w, &c->pages);
	print_compress(w, &c->compress);
	print_cache(w, &c->cache);
	print_cache_store(w, &c->cache_store);
	print_bodies(w, &c->bodies);
	print_upgrade(w, &c->upgrade);
	print_overload(w, &c->overload);
	for (size_t i = 0; i < c->n_sites; i++)
		print_site(w, &c->sites[i]);
	for (size_t i = 0; i < c->n_containers; i++)
		print_container(w, &c->containers[i]);
	for (size_t i = 0; i < c->n_forwards; i++)
		print_forward(w, &c->forwards[i]);
	print_isolation(w, &c->isolation);
	print_paths(w, c);
	print_threads(w, c);
	print_log(w, c);
}

int
conf_print(
	const struct conf *c, struct buf *out, uint32_t **ret_source, size_t *ret_n, struct err *e)
{
	struct writer w = {.out = out};

	print_all(&w, c);
	if (w.failed) {
		free(w.source);
		return err_set(e,
			"the configuration as text is larger than %zu bytes, or memory is short",
			out->max);
	}
	if (ret_source) {
		*ret_source = w.source;
		*ret_n = w.n;
	} else {
		free(w.source);
	}
	return 0;
}
