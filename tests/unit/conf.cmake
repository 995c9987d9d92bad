# The unit tests of conf/.
foreach(name block conf diff htpasswd lex parse print schema suggest value)
	sluice_unit_test(conf ${name})
endforeach()
target_compile_definitions(unit_conf_schema PRIVATE
	CONF_SAMPLE="${PROJECT_SOURCE_DIR}/conf/sluice.conf"
	CONF_MANUAL="${PROJECT_SOURCE_DIR}/docs/sluice.conf.5")
sluice_unit_test(conf memory -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=reallocarray)
