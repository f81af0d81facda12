/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_SIGNAL_END_H
#define L1TUNE_SIGNAL_END_H

#include <stdbool.h>

/* Why a signal ends a VMM. */
struct signal_end {
	int number;
	/* "the VMM crashed", and how sure that is. */
	const char *text;
	const char *confidence;
	/* What else fits, or NULL. */
	const char *open;
	const char *next;
	/* Whoever sends it may do so because of what the guest asked for. */
	bool is_sent;
};

/* Of any signal. */
const struct signal_end *signal_end_of(int number);

/* "SIGTERM", "SIGRTMIN+1"; to free. */
char *signal_name(int number);

#endif
