# The proxy's acting half, as far as it can be tested without clients.
foreach(name auth_pool backends block cache_disk cache_disk_load containers file_cache gate h2_memory h2_recall handshake ocsp offer pool route_book spool tickets timer tls tls_memory)
	sluice_unit_test(proxy ${name})
endforeach()
sluice_unit_test(proxy compressor PkgConfig::ZLIB PkgConfig::ZSTD PkgConfig::BROTLI_DEC)

# The proxy process alone, driven over its channel: for tests/e2e/test_http_waiting.py.
add_executable(proxy_host ${PROJECT_SOURCE_DIR}/tests/e2e/tools/proxy_host.c
	${PROJECT_SOURCE_DIR}/tests/e2e/tools/host_clock.c)
target_link_libraries(proxy_host PRIVATE sluice_proxy)
target_link_options(proxy_host PRIVATE -Wl,--wrap=clock_gettime)
set_target_properties(proxy_host PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
