# The unit tests of core/.
foreach(name addr arena buf err list map num slice)
	sluice_unit_test(core ${name})
endforeach()
