# The unit tests of conf/.
foreach(name conf diff lex parse print suggest value)
	sluice_unit_test(conf ${name})
endforeach()
