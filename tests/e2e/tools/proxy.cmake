# The proxy process alone, driven over its channel: for tests/e2e/test_http_waiting.py.
add_executable(proxy_host ${CMAKE_CURRENT_LIST_DIR}/proxy_host.c
	${CMAKE_CURRENT_LIST_DIR}/host_clock.c)
target_link_libraries(proxy_host PRIVATE sluice_proxy)
target_link_options(proxy_host PRIVATE -Wl,--wrap=clock_gettime)
set_target_properties(proxy_host PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
