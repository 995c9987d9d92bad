# The unit tests of core/.
foreach(name addr arena buf chan err list map msg num slice)
	sluice_unit_test(core ${name})
endforeach()
