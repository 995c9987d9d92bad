# The unit tests of daemon/. They run parts of the real parent, on sockets and folders of their own.
foreach(name address control ctl dnsmasq_text handover listening load relay reload state top usage)
	sluice_unit_test(daemon ${name})
endforeach()
