/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_HANG_H
#define L1TUNE_HANG_H

#include "model/snapshot.h"

/* What keeps a vCPU that has work. */
enum hang {
	HANG_NONE,
	/* The VMM runs, and does not enter the guest again. */
	HANG_VMM,
	/* It sleeps in an exit that its guest caused: it may be paused as well. */
	HANG_VMM_ASLEEP,
	/* Its thread sleeps in KVM, or is on a CPU there. */
	HANG_BLOCKED,
	HANG_KERNEL,
	HANG_RUNQ,
	/* It runs, and only the host makes it exit: it may as well compute. */
	HANG_SPIN,
};

/* What is known of a vCPU from look to look; zeroes at first. */
struct hang_watch {
	/* Since when no exit of its own was seen. */
	uint64_t still_since_ns;
	uint64_t own_exits;
	uint64_t guest_ns;
};

/*
 * Has it hung for at least hang_ns? for_ns is for how long. A vCPU that is halted,
 * paused by its VMM or a signal, or throttled by a limit does not hang.
 */
enum hang hang_find(const struct guest_snapshot *guest,
		    const struct vcpu_snapshot *vcpu, uint64_t hang_ns,
		    struct hang_watch *watch, uint64_t *for_ns);

/* What it is, in words, and one word for programs. */
const char *hang_text(enum hang hang);
const char *hang_name(enum hang hang);
/* Does the same look like this when nothing is wrong? */
bool hang_is_suspect(enum hang hang);

#endif
