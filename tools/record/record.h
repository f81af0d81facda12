/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_RECORD_H
#define L1TUNE_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "record/uevent.h"

/* An event as l1/events has it, in the line that it came in. */
struct record {
	/* Counts up from 1, without gaps. */
	uint64_t seq;
	/* CLOCK_BOOTTIME. */
	uint64_t time_ns;
	struct uevent_keys keys;
};

/*
 * "SEQ TIME_NS KEY=VALUE ...", without its newline. Cuts the line up. 0, or
 * -EINVAL for what is no such line.
 */
int record_parse(char *line, struct record *record);
/* Is that its EVENT? */
bool record_has_event(const struct record *record, const char *event);
/* Is that line, which is not cut up, of a record of a guest that ended, or of which are kept? */
bool line_is_gone(const char *line);

#endif
