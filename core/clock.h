/* The clocks. Pure code takes `now` as an argument; only loops call these. */
#ifndef CORE_CLOCK_H
#define CORE_CLOCK_H

#include <stdint.h>

/* Milliseconds of CLOCK_MONOTONIC. */
uint64_t clock_mono_ms(void);
/* Microseconds of CLOCK_MONOTONIC: for how long something took. */
uint64_t clock_mono_us(void);
/* Milliseconds since 1970, CLOCK_REALTIME. */
uint64_t clock_wall_ms(void);
/* The same two as of the kernel's last tick, a few milliseconds ago, for a fraction of the cost:
 * for what happens on every request. */
uint64_t clock_mono_coarse_ms(void);
uint64_t clock_wall_coarse_ms(void);

#endif
