/*
 * The setters: one for each row of the schema, called by the parser with a directive of the right
 * shape. Each checks its words, stores what they mean in the configuration and reports what is
 * wrong with parse_error. Those that open a block make their object even when they fail.
 */
#ifndef CONF_SETTERS_H
#define CONF_SETTERS_H

#include "core/slice.h"

#include <stdint.h>

struct addr;
struct conf_route;
struct parse;
struct prefix;
struct conf_target;
struct directive;
struct word;

/* Kinds of words that several setters read (set_value.c). Each returns 0 with *ret written, or -1
 * with the error reported. */
int word_read_size(struct parse *p, const struct word *w, uint64_t min, uint64_t *ret);
/* A rate like 20/s, at most max of it. 0 or -1. */
int word_read_rate(struct parse *p, const struct word *w, uint32_t max, uint32_t *ret_count,
	uint64_t *ret_period_ms);
int word_read_size_up_to(
	struct parse *p, const struct word *w, const uint64_t range[static 2], uint64_t *ret);
int word_read_time(
	struct parse *p, const struct word *w, const uint64_t range_ms[static 2], uint64_t *ret_ms);
int word_read_number(
	struct parse *p, const struct word *w, const uint64_t range[static 2], uint64_t *ret);
int word_read_port(struct parse *p, const struct word *w, struct slice text, uint16_t *ret);
/* The value of one of the directive's words in the schema; an unknown one gets a suggestion. */
int word_read_word(struct parse *p, const char *directive, const struct word *w, int *ret);
/* "ADDRESS" or "ADDRESS/LENGTH" without bits beyond the length. */
int word_read_network(struct parse *p, const struct word *w, struct prefix *ret);
/* An absolute path of the file system; *ret is the configuration's. */
int word_read_file(struct parse *p, const struct word *w, char **ret);
/* Copies the word into the configuration unless why says what is wrong with it. */
int word_read_checked(struct parse *p, const struct word *w, const char *why, char **ret);
/* The targets behind the arrow (set_target.c). */
int directive_read_targets(struct parse *p, const struct directive *d, struct conf_route *route);
/* A server that is asked beside the routes: CONTAINER:PORT[/PATH] or http://HOST[:PORT][/PATH]. */
int directive_read_server(
	struct parse *p, const struct directive *d, const struct word *w, struct conf_target *ret);
/* CONTAINER:PORT… split at the first colon; what follows it is the rest. 0 or -1. */
int word_read_container(
	struct parse *p, const struct word *w, char **ret_name, struct slice *ret_rest);

/* parse.c */
int set_include(struct parse *p, const struct directive *d);
/* set_top.c */
int set_wan(struct parse *p, const struct directive *d);
int set_bridge(struct parse *p, const struct directive *d);
int set_listen(struct parse *p, const struct directive *d);
/* set_forward.c */
/* The words of the schema that stand for no enum of conf.h. */
enum forward_word { FORWARD_FROM, FORWARD_MASQUERADE, FORWARD_CONFIRM };
#define FORWARD_BOTH 2 /* beside CONF_TCP and CONF_UDP */
int set_forward(struct parse *p, const struct directive *d);
/* set_daemon.c */
int set_control(struct parse *p, const struct directive *d);
int set_state(struct parse *p, const struct directive *d);
int set_lxc_path(struct parse *p, const struct directive *d);
int set_threads(struct parse *p, const struct directive *d);
int set_log(struct parse *p, const struct directive *d);
/* set_site.c */
int set_site(struct parse *p, const struct directive *d);
int set_site_certificate(struct parse *p, const struct directive *d);
int set_route(struct parse *p, const struct directive *d);
/* set_bodies.c */
int set_body_buffer(struct parse *p, const struct directive *d);
int set_request_buffering(struct parse *p, const struct directive *d);
int set_buffers(struct parse *p, const struct directive *d);
/* set_limits.c */
int set_encoded(struct parse *p, const struct directive *d);
int set_body_limit(struct parse *p, const struct directive *d);
int set_timeout(struct parse *p, const struct directive *d);
/* set_tls.c */
int set_certificate(struct parse *p, const struct directive *d);
int set_tls(struct parse *p, const struct directive *d);
int set_ocsp(struct parse *p, const struct directive *d);
int set_unknown_name(struct parse *p, const struct directive *d);
int set_client_certificates(struct parse *p, const struct directive *d);
/* set_guard.c */
int set_access(struct parse *p, const struct directive *d);
int set_rate_limit(struct parse *p, const struct directive *d);
int set_connection_limit(struct parse *p, const struct directive *d);
int set_auth(struct parse *p, const struct directive *d);
/* set_cache.c */
int set_cache(struct parse *p, const struct directive *d);
/* set_compress.c */
int set_compress(struct parse *p, const struct directive *d);
/* set_upgrade.c */
int set_upgrade(struct parse *p, const struct directive *d);
/* set_files.c */
int set_index(struct parse *p, const struct directive *d);
int set_try(struct parse *p, const struct directive *d);
int set_precompressed(struct parse *p, const struct directive *d);
int set_listing(struct parse *p, const struct directive *d);
/* set_upstream.c */
int set_balance(struct parse *p, const struct directive *d);
int set_passive(struct parse *p, const struct directive *d);
/* set_pages.c */
int set_error_page(struct parse *p, const struct directive *d);
/* set_heads.c */
int set_trusted(struct parse *p, const struct directive *d);
int set_hsts(struct parse *p, const struct directive *d);
int set_proxy_protocol(struct parse *p, const struct directive *d);
int set_rewrite(struct parse *p, const struct directive *d);
int set_header(struct parse *p, const struct directive *d);
int set_check(struct parse *p, const struct directive *d);
int set_slow_start(struct parse *p, const struct directive *d);
int set_max_connections(struct parse *p, const struct directive *d);
int set_upstream_ca(struct parse *p, const struct directive *d);
int set_upstream_verify(struct parse *p, const struct directive *d);
/* set_overload.c */
int set_connections(struct parse *p, const struct directive *d);
int set_buffer_memory(struct parse *p, const struct directive *d);
int set_min_rate(struct parse *p, const struct directive *d);
/* set_ban.c */
int set_ban(struct parse *p, const struct directive *d);
/* set_block.c */
int set_block(struct parse *p, const struct directive *d);
int set_block_list(struct parse *p, const struct directive *d);
int set_unblock(struct parse *p, const struct directive *d);
/* set_limit.c */
int set_limit(struct parse *p, const struct directive *d);
/* set_open.c */
enum open_word { OPEN_TCP, OPEN_UDP, OPEN_BOTH, OPEN_PROTOCOL, OPEN_FROM };
int set_open(struct parse *p, const struct directive *d);
int set_confirm_within(struct parse *p, const struct directive *d);
/* set_container.c */
int set_container(struct parse *p, const struct directive *d);
int set_image(struct parse *p, const struct directive *d);
int set_address(struct parse *p, const struct directive *d);
int set_memory(struct parse *p, const struct directive *d);
int set_cpus(struct parse *p, const struct directive *d);
int set_autostart(struct parse *p, const struct directive *d);
int set_mount(struct parse *p, const struct directive *d);
enum link_word { LINK_TCP, LINK_UDP, LINK_BOTH };
enum egress_word { EGRESS_DENY, EGRESS_ALLOW };
int set_egress(struct parse *p, const struct directive *d);
int set_isolate(struct parse *p, const struct directive *d);
int set_link(struct parse *p, const struct directive *d);
int set_spoofing(struct parse *p, const struct directive *d);
int set_privileged(struct parse *p, const struct directive *d);
int set_stop_timeout(struct parse *p, const struct directive *d);

#endif
