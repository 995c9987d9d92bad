/*
 * A configuration as canonical text: one directive a line, in a fixed order, blocks indented by a
 * tab, everything absolute, words quoted only where they must be, defaults only where they were
 * written. What this prints, the parser reads back as an equal configuration.
 */
#include "conf/conf.h"

#include "conf/lex.h"
#include "conf/schema.h"
#include "core/num.h"
#include "core/own.h"

#include <inttypes.h>
#include <stdlib.h>

#define WORD_BUF_MAX (2 * LEX_WORD_MAX)

struct print {
	struct buf *out;
	uint32_t *source; /* [canonical ordinal - 1]: the ordinal it comes from */
	size_t n;
	unsigned depth;
	bool failed; /* the text or memory was exceeded; nothing more is written */
};

/* ---- words ---- */

static bool
must_quote(struct slice s)
{
	if (s.n == 0 || s.p[0] == '#' || s.p[s.n - 1] == '\\' || slice_eq_str(s, "->"))
		return true;
	for (size_t i = 0; i < s.n; i++)
		if (memchr(" \t;{}\"", s.p[i], 6))
			return true;
	return false;
}

static int
append_quoted(struct buf *out, struct slice s)
{
	if (buf_append_byte(out, '"') < 0)
		return -1;
	for (size_t i = 0; i < s.n; i++) {
		if ((s.p[i] == '"' || s.p[i] == '\\') && buf_append_byte(out, '\\') < 0)
			return -1;
		if (buf_append_byte(out, s.p[i]) < 0)
			return -1;
	}
	return buf_append_byte(out, '"');
}

static int
append_word(struct buf *out, struct slice s)
{
	return must_quote(s) ? append_quoted(out, s) : buf_append_slice(out, s);
}

static void
put_raw(struct print *pr, const char *text)
{
	if (!pr->failed && buf_append_str(pr->out, text) < 0)
		pr->failed = true;
}

static void
put_word(struct print *pr, const char *text)
{
	put_raw(pr, " ");
	if (!pr->failed && append_word(pr->out, slice_str(text)) < 0)
		pr->failed = true;
}

static void
put_number(struct print *pr, uint64_t n)
{
	if (!pr->failed && buf_printf(pr->out, " %" PRIu64, n) < 0)
		pr->failed = true;
}

static void
put_size(struct print *pr, uint64_t bytes)
{
	char text[NUM_TEXT_MAX];

	put_word(pr, num_print_size(bytes, text));
}

static void
put_time(struct print *pr, uint64_t ms)
{
	char text[NUM_TEXT_MAX];

	put_word(pr, num_print_time(ms, text));
}

static void
put_ports(struct print *pr, uint16_t low, uint16_t high)
{
	if (!pr->failed && (low == high ? buf_printf(pr->out, "%u", low)
					: buf_printf(pr->out, "%u-%u", low, high)) < 0)
		pr->failed = true;
}

/* ---- lines and blocks ---- */

static void
note_source(struct print *pr, uint32_t ordinal)
{
	if ((pr->n & (pr->n - 1)) == 0) {
		uint32_t *grown = reallocarray(pr->source, pr->n ? pr->n * 2 : 1, sizeof(*grown));

		if (!grown) {
			pr->failed = true;
			return;
		}
		pr->source = grown;
	}
	pr->source[pr->n++] = ordinal;
}

static void
begin(struct print *pr, uint32_t ordinal, const char *name)
{
	if (pr->failed)
		return;
	note_source(pr, ordinal);
	for (unsigned i = 0; i < pr->depth; i++)
		put_raw(pr, "\t");
	put_raw(pr, name);
}

static void
end(struct print *pr)
{
	put_raw(pr, "\n");
}

static void
open_block(struct print *pr)
{
	put_raw(pr, " {\n");
	pr->depth++;
}

static void
close_block(struct print *pr)
{
	pr->depth--;
	for (unsigned i = 0; i < pr->depth; i++)
		put_raw(pr, "\t");
	put_raw(pr, "}\n");
}

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
	return limits->body_limit_written || first_timeout(limits);
}

static void
print_limits(struct print *pr, const struct conf_limits *limits)
{
	if (limits->body_limit_written) {
		begin(pr, limits->body_limit_ordinal, "body-limit");
		if (limits->body_limit)
			put_size(pr, limits->body_limit);
		else
			put_word(pr, "off");
		end(pr);
	}
	if (!first_timeout(limits))
		return;
	begin(pr, first_timeout(limits), "timeout");
	for (size_t i = 0; i < CONF_TIMEOUT_COUNT; i++)
		if (limits->timeout_written[i]) {
			put_word(pr, conf_timeout_name((enum conf_timeout)i));
			put_time(pr, limits->timeout_ms[i]);
		}
	end(pr);
}

/* ---- sites ---- */

static int
append_container_target(const struct conf_target *t, struct buf *word)
{
	return buf_printf(word, "%s:%u%s", t->host, t->port, t->path ? t->path : "");
}

static int
append_http_target(const struct conf_target *t, struct buf *word)
{
	bool v6 = strchr(t->host, ':') != NULL;

	return buf_printf(word, "http://%s%s%s:%u%s", v6 ? "[" : "", t->host, v6 ? "]" : "",
		t->port, t->path ? t->path : "");
}

static int
append_url_target(const struct conf_target *t, struct buf *out)
{
	_cleanup_(buf_clear) struct buf word;
	int ret;

	buf_init(&word, WORD_BUF_MAX);
	ret = t->type == CONF_TARGET_CONTAINER ? append_container_target(t, &word)
					       : append_http_target(t, &word);
	return ret < 0 ? -1 : append_word(out, buf_slice(&word));
}

int
conf_target_print(const struct conf_target *t, struct buf *out)
{
	switch (t->type) {
	case CONF_TARGET_CONTAINER:
	case CONF_TARGET_HTTP:
		return append_url_target(t, out);
	case CONF_TARGET_DIR:
		if (buf_append_str(out, "dir ") < 0)
			return -1;
		return append_word(out, slice_str(t->path));
	case CONF_TARGET_REDIRECT:
		if (buf_printf(out, "redirect %u ", t->code) < 0)
			return -1;
		return append_word(out, slice_str(t->path));
	case CONF_TARGET_STATUS:
		return buf_printf(out, "status %u", t->code);
	}
	return -1;
}

static void
put_target(struct print *pr, const struct conf_target *t)
{
	put_raw(pr, " -> ");
	if (!pr->failed && conf_target_print(t, pr->out) < 0)
		pr->failed = true;
}

static void
print_route(struct print *pr, const struct conf_route *route)
{
	begin(pr, route->ordinal, "route");
	if (route->exact)
		put_raw(pr, " =");
	put_word(pr, route->path);
	put_target(pr, &route->target);
	if (!limits_written(&route->limits)) {
		end(pr);
		return;
	}
	open_block(pr);
	print_limits(pr, &route->limits);
	close_block(pr);
}

static void
print_site(struct print *pr, const struct conf_site *site)
{
	begin(pr, site->ordinal, "site");
	for (size_t i = 0; i < site->n_hosts; i++)
		put_word(pr, site->hosts[i]);
	if (site->short_form) {
		put_target(pr, &site->routes[0].target);
		end(pr);
		return;
	}
	open_block(pr);
	if (site->certificate_name) {
		begin(pr, site->certificate_ordinal, "certificate");
		put_word(pr, site->certificate_name);
		end(pr);
	}
	print_limits(pr, &site->limits);
	for (size_t i = 0; i < site->n_routes; i++)
		print_route(pr, &site->routes[i]);
	close_block(pr);
}

/* ---- containers ---- */

static void
print_image(struct print *pr, const struct conf_container *c)
{
	if (c->image == CONF_IMAGE_NONE)
		return;
	begin(pr, c->image_ordinal, "image");
	if (c->image != CONF_IMAGE_DIST)
		put_word(pr, schema_word_name("image", (int)c->image));
	if (c->image_name)
		put_word(pr, c->image_name);
	for (size_t i = 0; i < c->n_image_args; i++)
		put_word(pr, c->image_args[i]);
	end(pr);
}

static void
print_address(struct print *pr, const struct conf_container *c)
{
	char text[ADDR_TEXT_MAX];

	if (!c->address.family)
		return;
	begin(pr, c->address_ordinal, "address");
	put_word(pr, addr_print(&c->address, text));
	if (c->address6.family)
		put_word(pr, addr_print(&c->address6, text));
	end(pr);
}

static void
print_resources(struct print *pr, const struct conf_container *c)
{
	if (c->memory) {
		begin(pr, c->memory_ordinal, "memory");
		put_size(pr, c->memory);
		if (c->swap) {
			put_raw(pr, " swap");
			put_size(pr, c->swap);
		}
		end(pr);
	}
	if (c->cpus) {
		begin(pr, c->cpus_ordinal, "cpus");
		put_word(pr, c->cpus);
		end(pr);
	}
}

static void
print_autostart(struct print *pr, const struct conf_container *c)
{
	if (!c->autostart)
		return;
	begin(pr, c->autostart_ordinal, "autostart");
	if (c->autostart_order) {
		put_raw(pr, " order");
		put_number(pr, c->autostart_order);
	}
	if (c->autostart_delay_ms) {
		put_raw(pr, " delay");
		put_time(pr, c->autostart_delay_ms);
	}
	end(pr);
}

static void
print_mount(struct print *pr, const struct conf_mount *mount)
{
	begin(pr, mount->ordinal, "mount");
	put_word(pr, mount->source);
	put_word(pr, mount->target);
	if (mount->writable)
		put_raw(pr, " rw");
	end(pr);
}

static void
print_container_block(struct print *pr, const struct conf_container *c)
{
	print_image(pr, c);
	print_address(pr, c);
	print_resources(pr, c);
	print_autostart(pr, c);
	for (size_t i = 0; i < c->n_mounts; i++)
		print_mount(pr, &c->mounts[i]);
	if (c->privileged_ordinal) {
		begin(pr, c->privileged_ordinal, "privileged");
		put_word(pr, c->privileged ? "yes" : "no");
		end(pr);
	}
	if (c->stop_timeout_ordinal) {
		begin(pr, c->stop_timeout_ordinal, "stop-timeout");
		put_time(pr, c->stop_timeout_ms);
		end(pr);
	}
}

static void
print_container(struct print *pr, const struct conf_container *c)
{
	begin(pr, c->ordinal, "container");
	put_word(pr, c->name);
	open_block(pr);
	print_container_block(pr, c);
	close_block(pr);
}

/* ---- the network ---- */

static void
print_bridge(struct print *pr, const struct conf_bridge *bridge)
{
	char text[ADDR_TEXT_MAX];

	begin(pr, bridge->ordinal, "bridge");
	put_word(pr, bridge->name);
	put_word(pr, prefix_print(&bridge->v4, text));
	if (bridge->v6.addr.family)
		put_word(pr, prefix_print(&bridge->v6, text));
	end(pr);
}

static void
print_listen(struct print *pr, const struct conf_listen *l)
{
	char text[ADDR_PORT_TEXT_MAX];

	begin(pr, l->ordinal, "listen");
	if (l->addr.family)
		put_word(pr, addr_print_port(&l->addr, l->port, text));
	else
		put_number(pr, l->port);
	if (l->mode != CONF_LISTEN_REDIRECT)
		put_word(pr, conf_listen_mode_name(l->mode));
	end(pr);
}

static void
print_certificate(struct print *pr, const struct conf_certificate *certificate)
{
	begin(pr, certificate->ordinal, "certificate");
	put_word(pr, certificate->name);
	put_word(pr, certificate->chain_file);
	put_word(pr, certificate->key_file);
	end(pr);
}

static void
print_forward(struct print *pr, const struct conf_forward *f)
{
	char text[ADDR_TEXT_MAX];

	begin(pr, f->ordinal, "forward");
	put_word(pr, conf_proto_name(f->proto));
	put_raw(pr, " ");
	put_ports(pr, f->low, f->high);
	put_raw(pr, " -> ");
	put_raw(pr, f->host);
	put_raw(pr, ":");
	put_ports(pr, f->target_low, f->target_high);
	if (f->n_from)
		put_raw(pr, " from");
	for (size_t i = 0; i < f->n_from; i++)
		put_word(pr, prefix_print(&f->from[i], text));
	end(pr);
}

/* ---- the daemon ---- */

static void
print_paths(struct print *pr, const struct conf *c)
{
	if (c->control_ordinal) {
		begin(pr, c->control_ordinal, "control");
		put_word(pr, c->control_path);
		if (c->control_group) {
			put_raw(pr, " group");
			put_word(pr, c->control_group);
		}
		end(pr);
	}
	if (c->state_ordinal) {
		begin(pr, c->state_ordinal, "state");
		put_word(pr, c->state_path);
		end(pr);
	}
	if (c->lxc_path_ordinal) {
		begin(pr, c->lxc_path_ordinal, "lxc-path");
		put_word(pr, c->lxc_path);
		end(pr);
	}
}

static void
print_threads(struct print *pr, const struct conf *c)
{
	if (!c->threads_ordinal)
		return;
	begin(pr, c->threads_ordinal, "threads");
	if (c->threads)
		put_number(pr, c->threads);
	else
		put_word(pr, "auto");
	end(pr);
}

static void
print_log(struct print *pr, const struct conf *c)
{
	if (c->access_log) {
		begin(pr, c->access_ordinal, "log access");
		put_word(pr, c->access_log);
		if (c->access_format != CONF_ACCESS_COMBINED)
			put_word(pr, schema_word_name("log access", (int)c->access_format));
		end(pr);
	}
	if (c->log_level_ordinal) {
		begin(pr, c->log_level_ordinal, "log level");
		put_word(pr, schema_word_name("log level", (int)c->log_level));
		end(pr);
	}
	if (c->log_format_ordinal) {
		begin(pr, c->log_format_ordinal, "log format");
		put_word(pr, schema_word_name("log format", (int)c->log_format));
		end(pr);
	}
}

static void
print_all(struct print *pr, const struct conf *c)
{
	if (c->wan) {
		begin(pr, c->wan_ordinal, "wan");
		put_word(pr, c->wan);
		end(pr);
	}
	if (c->bridge)
		print_bridge(pr, c->bridge);
	for (size_t i = 0; i < c->n_listens; i++)
		print_listen(pr, &c->listens[i]);
	for (size_t i = 0; i < c->n_certificates; i++)
		print_certificate(pr, &c->certificates[i]);
	print_limits(pr, &c->limits);
	for (size_t i = 0; i < c->n_sites; i++)
		print_site(pr, &c->sites[i]);
	for (size_t i = 0; i < c->n_containers; i++)
		print_container(pr, &c->containers[i]);
	for (size_t i = 0; i < c->n_forwards; i++)
		print_forward(pr, &c->forwards[i]);
	print_paths(pr, c);
	print_threads(pr, c);
	print_log(pr, c);
}

int
conf_print(
	const struct conf *c, struct buf *out, uint32_t **ret_source, size_t *ret_n, struct err *e)
{
	struct print pr = {.out = out};

	print_all(&pr, c);
	if (pr.failed) {
		free(pr.source);
		return err_set(e,
			"the configuration as text is larger than %zu bytes, or memory is short",
			out->max);
	}
	if (ret_source) {
		*ret_source = pr.source;
		*ret_n = pr.n;
	} else {
		free(pr.source);
	}
	return 0;
}
