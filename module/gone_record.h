/* SPDX-License-Identifier: GPL-2.0 */
/* The record of a guest that ended. */
#ifndef L1TUNE_GONE_RECORD_H
#define L1TUNE_GONE_RECORD_H

#include <linux/sysfs.h>

#include "box.h"
#include "clock.h"
#include "guest.h"
#include "kept.h"
#include "totals.h"

/* How guests end, and further counts in l1/ended. */
enum l1t_end {
	L1T_END_SHUTDOWN,
	L1T_END_RESET,
	L1T_END_INTERNAL_ERROR,
	L1T_END_FAIL_ENTRY,
	L1T_END_SYSTEM_EVENT,
	L1T_END_RUN_ERROR,
	L1T_END_KILLED,
	L1T_END_EXITED,
	L1T_END_CLOSED,
	L1T_ENDS,
	L1T_COUNT_YOUNG = L1T_ENDS,
	L1T_COUNT_UNKEPT,
	L1T_END_COUNTS
};

extern const char * const l1t_end_names[L1T_END_COUNTS];

/**
 * struct l1t_record - a guest that ended
 * @kept: its place in the list of records
 * @id: of the guest
 * @pid: the VMM's process, in the initial PID namespace
 * @uid: user who created the guest, in the initial user namespace
 * @comm: the VMM's name when it created the guest
 * @created_ns: CLOCK_BOOTTIME
 * @ended_ns: CLOCK_BOOTTIME
 * @first_exit_ns: CLOCK_BOOTTIME; 0: it had none
 * @memory_bytes: its memory at the peak
 * @denied: the limit that last refused it something, plus 1; 0: none
 * @end: how it ended
 * @counts: its final counts
 * @now_ticks: a moment by the clock of the boxes
 * @now_ns: the same moment by CLOCK_BOOTTIME
 * @nr_vcpus: number of vCPUs that it had
 * @nr_boxes: number of @boxes
 * @boxes: of its vCPUs; the one that ended the guest, if any, is the first
 * @file: l1/gone/<id>
 * @name: of @file
 */
struct l1t_record {
	struct l1t_kept kept;
	u64 id;
	pid_t pid;
	uid_t uid;
	char comm[TASK_COMM_LEN];
	u64 created_ns;
	u64 ended_ns;
	u64 first_exit_ns;
	u64 memory_bytes;
	unsigned int denied;
	enum l1t_end end;
	struct l1t_counts counts;
	u64 now_ticks;
	u64 now_ns;
	unsigned int nr_vcpus;
	unsigned int nr_boxes;
	struct list_head boxes;
	struct bin_attribute file;
	char name[24];
};

static inline u64 l1t_record_time_ns(const struct l1t_record *r, u64 ticks)
{
	return r->now_ns - l1t_ticks_to_ns(l1t_ticks_since(ticks, r->now_ticks));
}

enum l1t_end l1t_find_end(struct l1t_record *r);
ssize_t l1t_record_read(const struct l1t_record *r, char *buf, loff_t pos, size_t count);

#endif
