# The pure parts of lxc/, and the packets that it shares with the command.
foreach(file cgroup config_edit config_plan container ending exec_wire idmap job limits order tree usage)
	sluice_unit_test(lxc ${file})
endforeach()
