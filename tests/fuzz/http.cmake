# The parsers of the proxy's pure half.
sluice_fuzz_target(http_parse_request sluice_http)
sluice_fuzz_target(http_parse_response sluice_http)
sluice_fuzz_target(body sluice_http)
sluice_fuzz_target(head_rules sluice_http)
sluice_fuzz_target(rewrite sluice_http)
sluice_fuzz_target(http_path sluice_http)
sluice_fuzz_target(h2_head sluice_http)
sluice_fuzz_target(h2_guard sluice_http)
