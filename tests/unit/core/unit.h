/* What every cmocka test includes first; cmocka.h itself insists on these four before it. */
#ifndef TESTS_UNIT_CORE_UNIT_H
#define TESTS_UNIT_CORE_UNIT_H

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#endif
