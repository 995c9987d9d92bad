# conf → errors and canonical text. `conf_golden --update tests/golden/conf` rewrites them.
add_executable(conf_golden conf_golden.c)
target_link_libraries(conf_golden PRIVATE sluice_conf)
add_test(NAME golden-conf COMMAND conf_golden ${CMAKE_CURRENT_SOURCE_DIR}/conf)
set_tests_properties(golden-conf PROPERTIES TIMEOUT 60 LABELS golden)
