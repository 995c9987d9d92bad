# Every warning and hardening flag of the project, in one interface library.
add_library(sluice_flags INTERFACE)
target_include_directories(sluice_flags INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_definitions(sluice_flags INTERFACE
	_GNU_SOURCE SLUICE_VERSION="${PROJECT_VERSION}")

set(warnings
	-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes
	-Wmissing-prototypes -Wold-style-definition -Wpointer-arith -Wcast-qual -Wcast-align
	-Wwrite-strings -Wundef -Wvla -Wformat=2 -Wnull-dereference -Wdouble-promotion
	-Wswitch-enum -Wimplicit-fallthrough -Wredundant-decls -Wdate-time)
set(warnings_gcc
	-Wduplicated-cond -Wduplicated-branches -Wlogical-op -Wjump-misses-init
	-Wformat-signedness -Wformat-overflow=2 -Wformat-truncation=2 -Wstringop-overflow=4
	-Wimplicit-fallthrough=5 -Warith-conversion)
target_compile_options(sluice_flags INTERFACE ${warnings} -fno-common -fno-strict-aliasing)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
	target_compile_options(sluice_flags INTERFACE ${warnings_gcc})
endif()
if(SLUICE_WERROR)
	target_compile_options(sluice_flags INTERFACE -Werror)
endif()
if(SLUICE_SANITIZE)
	target_compile_options(sluice_flags INTERFACE
		-fsanitize=${SLUICE_SANITIZE} -fno-omit-frame-pointer)
	target_link_options(sluice_flags INTERFACE -fsanitize=${SLUICE_SANITIZE})
	target_compile_definitions(sluice_flags INTERFACE SLUICE_SANITIZED=1)
	if(SLUICE_SANITIZE MATCHES "address")
		target_compile_definitions(sluice_flags INTERFACE SLUICE_SANITIZED_ADDRESS=1)
	endif()
endif()
if(SLUICE_FUZZ)
	# The libraries, too, tell libFuzzer which of their edges an input took.
	target_compile_options(sluice_flags INTERFACE -fsanitize=fuzzer-no-link)
	# Optimised, but with its assertions.
	target_compile_options(sluice_flags INTERFACE -UNDEBUG)
endif()
if(SLUICE_COVERAGE)
	target_compile_options(sluice_flags INTERFACE --coverage -fprofile-update=atomic)
	target_link_options(sluice_flags INTERFACE --coverage)
endif()
if(SLUICE_HARDEN)
	target_compile_options(sluice_flags INTERFACE
		-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fstack-protector-strong
		-fstack-clash-protection -ftrivial-auto-var-init=pattern)
	if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64")
		target_compile_options(sluice_flags INTERFACE -fcf-protection=full)
	endif()
	if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
		target_compile_options(sluice_flags INTERFACE -fzero-call-used-regs=used-gpr)
		if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64")
			# Structures are cleared and copied by loops of moves; what gcc takes by itself,
			# "rep stos", costs dozens of cycles to begin with.
			target_compile_options(sluice_flags INTERFACE
				-mmemset-strategy=unrolled_loop:256:noalign,libcall:-1:noalign
				-mmemcpy-strategy=unrolled_loop:256:noalign,libcall:-1:noalign)
		endif()
	endif()
	target_link_options(sluice_flags INTERFACE -Wl,-z,relro,-z,now -pie)
	if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
		# What stands in the way of each request (core, http, proxy) is optimised as a whole in
		# programs with SLUICE_LTO. The objects hold both forms, so that the other programs,
		# tests above all, link as fast as without.
		set(SLUICE_LTO_COMPILE -flto=auto -ffat-lto-objects)
		target_link_options(sluice_flags INTERFACE
			$<IF:$<BOOL:$<TARGET_PROPERTY:SLUICE_LTO>>,-flto=auto,-fno-lto>)
	endif()
endif()
