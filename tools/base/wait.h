/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_WAIT_H
#define L1TUNE_WAIT_H

#include <stdint.h>

enum wait_result {
	WAIT_TIME,
	/* There is something to read, or another signal came. */
	WAIT_INPUT,
	/* A signal asks to end, or the reader of stdout closed it. */
	WAIT_END,
};

/* Of records that are looked at it is that of CLOCK_REALTIME. */
uint64_t monotonic_ns(void);
uint64_t realtime_ns(void);
/* CLOCK_BOOTTIME of now, also of records. */
uint64_t boottime_ns(void);

/*
 * From here on it is another time, which passes by waiting only, at once; a wait
 * until a later time than the end is WAIT_END.
 */
void wait_in_past(uint64_t start_ns, uint64_t end_ns);

/*
 * The first SIGINT, SIGTERM or SIGHUP makes wait_until() return, so that output
 * is printed whole; the second ends the process at once, in case the output is
 * stuck.
 */
void wait_catch_signals(void);

/* Until a time of monotonic_ns(), or with fd >= 0 for input until then. */
enum wait_result wait_until(uint64_t time_ns, int fd);

/* The same for a change of an attribute; -1 for none. */
enum wait_result wait_until_changed(uint64_t time_ns, int attribute_fd);

/*
 * Until a write to stdout does not block: WAIT_INPUT, or WAIT_END so that a
 * reader that stopped reading does not keep a signal from ending the process.
 */
enum wait_result wait_for_output(void);

/*
 * Waits without a timeout for input of fd, or a change of the attribute
 * attribute_fd, which must be read before the next wait; -1 is neither. Returns
 * also when stdout has no reader any more.
 */
enum wait_result wait_for_input(int fd, int attribute_fd);

#endif
