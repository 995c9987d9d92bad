# The proxy's acting half, as far as it can be tested without clients.
foreach(name auth_pool backends block cache_disk cache_disk_load containers file_cache gate h2_memory h2_recall handshake ocsp offer pool route_book spool tickets timer tls tls_kernel tls_memory tls_seal)
	sluice_unit_test(proxy ${name})
endforeach()
sluice_unit_test(proxy compressor PkgConfig::ZLIB PkgConfig::ZSTD PkgConfig::BROTLI_DEC)
