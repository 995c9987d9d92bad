# conf → nft text. `router_golden --update tests/golden/router` rewrites them; that the kernel's
# own tool takes each of them is checked by tests/e2e/test_router_ruleset.py, which needs root.
add_executable(router_golden ${CMAKE_CURRENT_LIST_DIR}/router_golden.c)
target_link_libraries(router_golden PRIVATE sluice_router)
add_test(NAME golden-router COMMAND router_golden ${CMAKE_CURRENT_LIST_DIR}/router)
set_tests_properties(golden-router PROPERTIES TIMEOUT 60 LABELS golden)
