# The proxy's pure half: what decides and parses, without sockets, TLS or an event loop.
add_library(sluice_http STATIC
	guard/access.c
	log/access_line.c
	http/answer.c
	guard/auth_basic.c
	guard/auth_forward.c
	guard/auth_memory.c
	upstream/balance.c
	guard/busy.c
	cache/cache_answer.c
	cache/cache_control.c
	cache/cache_disk_format.c
	cache/cache_disk_index.c
	cache/cache_far.c
	cache/cache_flight.c
	cache/cache_head.c
	cache/cache_object.c
	cache/cache_parts.c
	cache/cache_policy.c
	cache/cache_store.c
	cache/cache_vary.c
	guard/client.c
	http/coding.c
	file/file_listing.c
	file/file_policy.c
	file/file_range.c
	http/forward_head.c
	conn/block.c
	h2/h2_guard.c
	h2/h2_memory.c
	h2/h2_session.c
	h2/h2_session_send.c
	h2/h2_priority.c
	h2/h2_head.c
	http/head_rules.c
	upstream/health.c
	upstream/hosts.c
	http/http_body.c
	http/http_date.c
	http/http_field.c
	http/http_head.c
	http/http_path.c
	http/http_response.c
	http/http_trailers.c
	file/mime.c
	tls/ocsp_http.c
	tls/ocsp_plan.c
	guard/overload.c
	conn/proxy_header.c
	guard/rate.c
	http/request_id.c
	upstream/request_key.c
	http/rewrite.c
	route.c
	guard/violations.c
	upstream/waiting.c
	http/ws_border.c)
target_compile_options(sluice_http PRIVATE ${SLUICE_LTO_COMPILE})
target_link_libraries(sluice_http PUBLIC sluice_core sluice_conf PkgConfig::NGHTTP2 PRIVATE m)

# What that half costs a request: prints nanoseconds, built when asked for.
add_executable(bench_http_head EXCLUDE_FROM_ALL ${PROJECT_SOURCE_DIR}/bench/micro/http_head.c)
target_link_libraries(bench_http_head PRIVATE sluice_http)
add_executable(bench_route_count EXCLUDE_FROM_ALL ${PROJECT_SOURCE_DIR}/bench/micro/route_count.c)
target_link_libraries(bench_route_count PRIVATE sluice_core)
