# The fuzz targets of conf/.
sluice_fuzz_target(conf_parse sluice_conf)
sluice_fuzz_target(htpasswd sluice_conf)
