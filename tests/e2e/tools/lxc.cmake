# Drives the lxc process without the rest of the daemon (test_lxc_*.py).
add_executable(lxc_host ${CMAKE_CURRENT_LIST_DIR}/lxc_host.c)
target_link_libraries(lxc_host PRIVATE sluice_lxc)
set_target_properties(lxc_host PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})
