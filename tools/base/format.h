/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_FORMAT_H
#define L1TUNE_FORMAT_H

#include <stdint.h>

/* New strings for people: three digits and a unit. */
char *format_ns(uint64_t ns);
char *format_bytes(uint64_t bytes);
char *format_rate(double per_second);
char *format_percent(double ratio);

#endif
