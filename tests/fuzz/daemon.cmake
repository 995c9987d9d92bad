# The fuzz targets of daemon/.
sluice_fuzz_target(ctl sluice_daemon)
sluice_fuzz_target(import sluice_daemon)
sluice_fuzz_target(address sluice_daemon)
