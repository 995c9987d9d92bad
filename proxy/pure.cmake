# The proxy's pure half: what decides and parses, without sockets, TLS or an event loop.
add_library(sluice_http STATIC
	access.c
	access_line.c
	answer.c
	auth_basic.c
	auth_forward.c
	auth_memory.c
	balance.c
	busy.c
	cache_answer.c
	cache_control.c
	cache_disk_format.c
	cache_disk_index.c
	cache_flight.c
	cache_head.c
	cache_object.c
	cache_policy.c
	cache_store.c
	cache_vary.c
	client.c
	coding.c
	file_listing.c
	file_policy.c
	file_range.c
	forward_head.c
	h2_guard.c
	h2_head.c
	head_rules.c
	health.c
	hosts.c
	http_body.c
	http_date.c
	http_field.c
	http_head.c
	http_path.c
	http_response.c
	http_trailers.c
	mime.c
	ocsp_http.c
	ocsp_plan.c
	overload.c
	proxy_header.c
	rate.c
	request_id.c
	request_key.c
	rewrite.c
	route.c
	violations.c
	waiting.c
	ws_border.c)
target_compile_options(sluice_http PRIVATE ${SLUICE_LTO_COMPILE})
target_link_libraries(sluice_http PUBLIC sluice_core sluice_conf PRIVATE m)

# What that half costs a request: prints nanoseconds, built when asked for.
add_executable(bench_http_head EXCLUDE_FROM_ALL ${PROJECT_SOURCE_DIR}/bench/micro/http_head.c)
target_link_libraries(bench_http_head PRIVATE sluice_http)
add_executable(bench_route_count EXCLUDE_FROM_ALL ${PROJECT_SOURCE_DIR}/bench/micro/route_count.c)
target_link_libraries(bench_route_count PRIVATE sluice_core)
