# The unit tests of core/.
foreach(name
		addr
		arena
		backoff
		buf
		chan
		err
		file
		list
		log
		map
		memfd
		msg
		num
		proc
		report
		sandbox
		siphash
		slice
		stats)
	sluice_unit_test(core ${name})
endforeach()
# Without root or without the users, the sandbox can't be entered: the test says so and is skipped.
set_tests_properties(unit-core-sandbox PROPERTIES SKIP_RETURN_CODE 77)
