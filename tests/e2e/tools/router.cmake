# Helpers of test_router_*.py, which finds them beside the programs.
foreach(name router_host router_apply)
	add_executable(${name} ${CMAKE_CURRENT_LIST_DIR}/${name}.c)
	target_link_libraries(${name} PRIVATE sluice_router)
	set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})
endforeach()
