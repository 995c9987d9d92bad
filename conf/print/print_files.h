/* How files are served as canonical text; for print.c. */
#ifndef CONF_PRINT_FILES_H
#define CONF_PRINT_FILES_H

#include "conf/files.h"
#include "conf/write.h"

void print_files(struct writer *w, const struct conf_files *files);

#endif
