# The pure parts of lxc/.
sluice_unit_test(lxc container)
