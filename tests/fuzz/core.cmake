# The fuzz targets of core/.
sluice_fuzz_target(msg sluice_core)
sluice_fuzz_target(report sluice_core)
