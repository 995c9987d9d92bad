/* The content type of a file by the ending of its name. */
#ifndef PROXY_MIME_H
#define PROXY_MIME_H

#include "core/slice.h"

/* "text/html; charset=utf-8"; "application/octet-stream" for what is unknown. */
const char *mime_find(struct slice file_name);

#endif
