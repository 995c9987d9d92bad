# Rules of others → directives. `import_golden --update tests/golden/import` rewrites them.
add_executable(import_golden ${CMAKE_CURRENT_LIST_DIR}/import_golden.c)
target_link_libraries(import_golden PRIVATE sluice_daemon)
add_test(NAME golden-import COMMAND import_golden ${CMAKE_CURRENT_LIST_DIR}/import)
set_tests_properties(golden-import PROPERTIES TIMEOUT 60 LABELS golden)
